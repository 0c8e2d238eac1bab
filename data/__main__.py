"""python -m data: bring a show's script by name."""

from data import fetch
from data.command_line import Parser, run


def main() -> None:
    """Reads the command line and fetches."""
    parser = Parser(prog="python -m data", description="Brings a show's script by name.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verb = verbs.add_parser("fetch", help="download a show and check its sha256")
    verb.add_argument("show", choices=sorted(fetch.SHOWS), help="the show's name")
    verb.add_argument("--url", default="", help="another address of the same file")
    verb.add_argument("--folder", default="data/raw", help="where the file goes")
    arguments = parser.parse_args()
    print(fetch.fetch(arguments.show, arguments.folder, arguments.url))


if __name__ == "__main__":
    run(main)
