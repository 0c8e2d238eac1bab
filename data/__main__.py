"""python -m data: look at a script, download a show, prepare a corpus, make the base's text."""

import argparse
import dataclasses
import os
import pathlib
import sys
import time
from typing import Any

from data import strict_json
from data.command_line import Parser, UserError, run
from data.corpus.settings import Resources, Settings
from data.show import fetch


def main() -> None:
    """Parses the command line and runs its subcommand."""
    parser = Parser(prog="python -m data", description="Downloads and prepares shows' scripts.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_look(commands)
    add_fetch(commands)
    add_prepare(commands)
    add_base(commands)
    options = parser.parse_args()
    if options.command == "look":
        look_command(options)
    elif options.command == "fetch":
        print(fetch.fetch(options.show, options.folder, options.url))
    elif options.command == "prepare":
        prepare_command(options)
    else:
        base_command(options)


def add_look(commands: Any) -> None:
    """Adds the subcommand look."""
    command = commands.add_parser("look", help="show what a script is read as: format, cast, lines")
    command.add_argument("file", nargs="+", help="script in any format")
    add_format(command)
    command.add_argument("--text", action="store_true", help="print the whole text that is learned")


def add_format(command: Any) -> None:
    """Adds the flags --format and --columns."""
    command.add_argument(
        "--format", default="", help="format of the script; by default found by the content"
    )
    command.add_argument(
        "--columns",
        default="",
        help="columns of a table or fields of JSON: character=NAME,dialogue=NAME",
    )


def add_fetch(commands: Any) -> None:
    """Adds the subcommand fetch."""
    command = commands.add_parser("fetch", help="download a show and check its sha256")
    command.add_argument("show", choices=sorted(fetch.SHOWS), help="name of the show")
    command.add_argument("--url", default="", help="another address of the same file")
    command.add_argument("--folder", default="data/raw", help="folder to save the file in")


def add_prepare(commands: Any) -> None:
    """Adds the subcommand prepare; its flags are the fields of `Settings` and --processes."""
    command = commands.add_parser(
        "prepare", help="tokenize many shows into a memory-mapped corpus to train on"
    )
    command.add_argument("sources", nargs="+", help="scripts, or folders of them")
    command.add_argument("--out", required=True, help="folder of the corpus: data/prepared/NAME")
    command.add_argument(
        "--vocab-size",
        type=int,
        default=Settings.vocab_size,
        help="largest vocabulary; 0: no limit",
    )
    command.add_argument(
        "--min-count",
        type=int,
        default=Settings.min_count,
        help="rarer words are out-of-vocabulary (<unk>)",
    )
    command.add_argument(
        "--valid-fraction",
        type=float,
        default=Settings.valid_fraction,
        help="fraction of each show held out for validation",
    )
    command.add_argument(
        "--valid", default=Settings.valid, help="validation file, instead of the end of each show"
    )
    add_format(command)
    command.add_argument(
        "--strict", action="store_true", help="refuse, not skip, a file in a folder without script"
    )
    command.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="worker processes"
    )


def add_base(commands: Any) -> None:
    """Adds the subcommand base."""
    command = commands.add_parser(
        "base", help="make the free text that the base network is trained on"
    )
    command.add_argument("--out", default="data/raw/base", help="folder of the texts")
    command.add_argument(
        "--archives", default="", help="folder of tar archives, instead of downloading"
    )
    command.add_argument(
        "--overlap",
        nargs="+",
        default=[],
        metavar="SHOW",
        help="count the 13-grams of these held-out scripts that occur in the texts, make no text",
    )
    command.add_argument(
        "--pin",
        action="store_true",
        help="write the digests of the text read into sources.json instead of checking them",
    )


def look_command(options: argparse.Namespace) -> None:
    """Runs python -m data look: prints what each file is read as, or its text."""
    from data.formats.load import load  # imported here because fetch needs no reader
    from data.formats.look import report

    for number, file in enumerate(options.file):
        loaded = load(file, options.format, options.columns)
        if options.text:
            sys.stdout.write(loaded.script.to_text())
        else:
            print("\n".join([*([""] if number else []), *report(loaded)]))


def prepare_command(options: argparse.Namespace) -> None:
    """Runs python -m data prepare: prints a summary on stderr and the folder on stdout."""
    # Imported here because fetch needs no NumPy.
    from data.corpus.build import prepare
    from data.corpus.prepared import Prepared

    if options.processes < 1:
        raise UserError(f"--processes must be at least 1, not {options.processes}")
    settings = {field.name: getattr(options, field.name) for field in dataclasses.fields(Settings)}
    resources = Resources(options.processes)
    start = time.monotonic()
    was_prepared = prepare(options.sources, options.out, Settings(**settings), resources)
    manifest = Prepared.open(options.out).manifest
    seconds = time.monotonic() - start
    for entry in [*manifest["shows"], *manifest["valid_file"]] if was_prepared else []:
        if entry["remark"]:
            print(entry["remark"], file=sys.stderr)
    for entry in manifest["skipped"]:
        print(f"skipped {entry['reason']}", file=sys.stderr)
    print(
        f"{len(manifest['shows']):,} shows, {manifest['tokens']['train']:,} training words, "
        f"{manifest['tokens']['valid']:,} held-out words, "
        f"vocabulary {manifest['vocabulary']['words']:,} "
        f"({manifest['oov_rate']:.1%} of the words are out-of-vocabulary): "
        + (f"prepared in {seconds:.1f} s" if was_prepared else "nothing has changed"),
        file=sys.stderr,
    )
    print(options.out)


def base_command(options: argparse.Namespace) -> None:
    """Runs python -m data base: prints a summary on stderr and the folder on stdout."""
    out = pathlib.Path(options.out)
    if options.overlap:
        overlap_command(out, options.overlap)
        return
    from data.base.build import build_base  # imported here because fetch needs no NumPy

    archives = pathlib.Path(options.archives) if options.archives else None
    for source in build_base(out, archives, pin=options.pin)["sources"]:
        print(
            f"{source['name']}: {source['words']:,} words in {source['documents']:,} documents; "
            f"dropped {source['blocked_paragraphs']:,} paragraphs with blocked words, "
            f"{source['duplicate_documents']:,} duplicate documents",
            file=sys.stderr,
        )
    print(options.out)


def overlap_command(out: pathlib.Path, shows: list[str]) -> None:
    """Runs python -m data base --overlap: prints what each show shares with the texts, as JSON."""
    from data.base.overlap import overlap

    texts = sorted(out.glob("*.txt"))
    if not texts:
        raise UserError(f"{out} holds no texts: make them with python -m data base --out {out}")
    found = [dataclasses.asdict(overlap(texts, pathlib.Path(show))) for show in shows]
    print(strict_json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    run(main)
