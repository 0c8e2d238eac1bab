"""python -m job.publish: write a base network for others to fine-tune.

The folder holds checkpoint.pt with weights in int8, vocab.json, README.md (the card), LICENSE, and
manifest.json with the checksum of every file.
"""

import dataclasses
import pathlib
import shutil
from typing import Any

from data import strict_json, versions
from data.atomic import write_text
from data.base.blocked import is_blocked
from data.base.overlap import overlap
from data.checksum import file_sha256
from data.command_line import Parser, UserError, run
from data.vocab import Vocabulary
from job.checkpoint import NAME, load_network, save_int8
from job.publish.card import base_card

MAX_BYTES = 45_000_000  # of checkpoint.pt: it is kept in git
FORMAT = "cold-open-base"
LICENCE = pathlib.Path(__file__).with_name("cc-by-sa-4.0.txt")


def main() -> None:
    """Writes the folder and prints its files."""
    parser = Parser(prog="python -m job.publish", description="Writes a base network for others.")
    parser.add_argument("--checkpoint", default="artifacts/english/checkpoint.pt", help="the base")
    parser.add_argument("--text", default="data/raw/base", help="what python -m data base wrote")
    parser.add_argument("--trained-on", default="one GPU", help="machine, for the card")
    parser.add_argument(
        "--overlap", nargs="*", default=[], metavar="SHOW", help="held-out shows to look for"
    )
    parser.add_argument("--out", default="artifacts/base", help="the folder to write")
    options = parser.parse_args()
    folder = pathlib.Path(options.out)
    for path in publish(
        pathlib.Path(options.checkpoint),
        pathlib.Path(options.text),
        [pathlib.Path(show) for show in options.overlap],
        folder,
        options.trained_on,
    ):
        print(path)


def publish(
    checkpoint: pathlib.Path,
    text: pathlib.Path,
    shows: list[pathlib.Path],
    folder: pathlib.Path,
    machine: str,
) -> list[pathlib.Path]:
    """Writes the folder of a base; returns its files.

    Args:
        checkpoint: of the trained base.
        text: the folder that `python -m data base` wrote, with report.json.
        shows: scripts to look for in the base's text (13-grams), for the card.
        folder: where to write.
        machine: what it was trained on, for the card.

    Raises:
        UserError: if a file cannot be read, a blocked word is in the vocabulary, or the base is too
            large to ship.
    """
    _, vocabulary, content = load_network(checkpoint)
    report = read_report(text / "report.json")
    refuse_blocked(vocabulary)
    found = [overlap(sorted(text.glob("*.txt")), show) for show in shows]
    folder.mkdir(parents=True, exist_ok=True)
    save_int8(folder / NAME, dataclasses.replace(content, finished=True))
    size = (folder / NAME).stat().st_size
    if size > MAX_BYTES:
        raise UserError(f"{folder / NAME} has {size:,} bytes, more than {MAX_BYTES:,}")
    card = base_card(content, vocabulary, size, report, found, machine)
    write_text(folder / "vocab.json", vocabulary.to_json())
    write_text(folder / "README.md", card)
    shutil.copyfile(LICENCE, folder / "LICENSE")
    files = [folder / name for name in (NAME, "vocab.json", "README.md", "LICENSE")]
    manifest = {
        "format": FORMAT,
        "version": versions.CHECKPOINT,
        "licence": "CC-BY-SA-4.0",
        "files": {
            path.name: {"sha256": file_sha256(path), "bytes": path.stat().st_size} for path in files
        },
    }
    write_text(folder / "manifest.json", strict_json.dumps(manifest, indent=2) + "\n")
    return [*files, folder / "manifest.json"]


def read_report(path: pathlib.Path) -> dict[str, Any]:
    """What `python -m data base` wrote about its text."""
    try:
        return strict_json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): run python -m data base") from None


def refuse_blocked(vocabulary: Vocabulary) -> None:
    """Raises `UserError` if the base has learned a blocked word."""
    if learned := [word for word in vocabulary.words if is_blocked(word)]:
        raise UserError(f"the vocabulary holds {len(learned)} blocked words: clean the text again")


if __name__ == "__main__":
    run(main)
