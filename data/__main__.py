"""python -m data: bring a show's script by name, or prepare many shows."""

import argparse
import dataclasses
import os
import signal
import sys
import time

from data.command_line import Parser, UserError, run
from data.show import fetch


def main() -> None:
    """Does what the command line says."""
    parser = Parser(prog="python -m data", description="Brings and prepares shows' scripts.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verb = verbs.add_parser("fetch", help="download a show and check its sha256")
    verb.add_argument("show", choices=sorted(fetch.SHOWS), help="the show's name")
    verb.add_argument("--url", default="", help="another address of the same file")
    verb.add_argument("--folder", default="data/raw", help="where the file goes")
    verb = verbs.add_parser(
        "prepare", help="make many shows ready to be trained on without being loaded"
    )
    verb.add_argument("sources", nargs="+", help="folders of .txt and .csv files, or such files")
    verb.add_argument("--out", required=True, help="folder of the corpus: data/prepared/NAME")
    verb.add_argument("--vocab-size", type=int, default=50_000, help="words at most; 0: no limit")
    verb.add_argument("--min-count", type=int, default=2, help="words seen less often are <unk>")
    verb.add_argument(
        "--valid-fraction", type=float, default=0.05, help="share of each show to hold out"
    )
    verb.add_argument("--valid", default="", help="held-out file, instead of the shows' ends")
    verb.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="side by side")
    options = parser.parse_args()
    if options.verb == "fetch":
        print(fetch.fetch(options.show, options.folder, options.url))
    else:
        prepare_command(options)


def prepare_command(options: argparse.Namespace) -> None:
    """python -m data prepare."""
    from data.corpus.build import Portions, Settings, prepare  # only now: fetching needs no numpy
    from data.corpus.prepared import Prepared

    if options.processes < 1:
        raise UserError(f"--processes must be at least 1, not {options.processes}")
    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Settings)}
    start = time.monotonic()
    anew = prepare(options.sources, options.out, Settings(**given), Portions(options.processes))
    told = Prepared.open(options.out).manifest
    seconds = time.monotonic() - start
    print(
        f"{len(told['shows']):,} shows, {told['tokens']['train']:,} words to train on, "
        f"{told['tokens']['valid']:,} held out, vocabulary {told['vocabulary']['words']:,} "
        f"({told['unknown_share']:.1%} of the words are unknown): "
        + (f"prepared in {seconds:.1f} s" if anew else "nothing has changed since"),
        file=sys.stderr,
    )
    print(options.out)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    run(main)
