"""python -m job.report: the command line. Writes report.html and report.json."""

import pathlib
import sys
from collections.abc import Sequence

from data import strict_json
from data.atomic import write_text
from data.command_line import Parser, UserError, run
from job.checkpoint import newest_checkpoint
from job.report.build import build
from job.report.page import render, verdict


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes both files and prints the most important figures.

    Raises:
        UserError: for invalid flags, an unusable checkpoint, or a folder that is not writable.
    """
    parser = Parser(prog="python -m job.report", description="Measures a trained model.")
    parser.add_argument(
        "--checkpoint",
        type=pathlib.Path,
        help="checkpoint of a run (default: the newest in artifacts/)",
    )
    parser.add_argument("--data", default="", help="training script (default: the checkpoint's)")
    parser.add_argument("--valid", default="", help="validation script (default: the checkpoint's)")
    parser.add_argument("--out", type=pathlib.Path, help="folder (default: the checkpoint's)")
    parser.add_argument(
        "--words", type=int, default=10000, help="words to generate at each temperature"
    )
    parser.add_argument("--seed", type=int, default=1, help="random seed")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="device to compute on"
    )
    given = parser.parse_args(arguments)
    if given.words < 1:
        raise UserError(f"--words must be at least 1, not {given.words}")
    if not 0 <= given.seed < 2**31:
        raise UserError(f"--seed must be from 0 to 2147483647, not {given.seed}")
    options = {name: getattr(given, name) for name in ("data", "valid") if getattr(given, name)}
    checkpoint = given.checkpoint or newest_checkpoint(pathlib.Path("artifacts"))
    report = build(checkpoint, options, given.words, given.seed, given.device)
    folder = given.out or checkpoint.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} could not be written to: {error.strerror}") from None
    write_text(folder / "report.html", render(report))
    text = strict_json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    write_text(folder / "report.json", text)
    rows = [f"{row.label:<34} {row.value:>9}  {row.beside}" for row in verdict(report)]
    sys.stdout.write("\n".join([*rows, str(folder / "report.html"), str(folder / "report.json")]))
    sys.stdout.write("\n")


if __name__ == "__main__":
    run(main)
