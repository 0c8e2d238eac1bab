"""python -m export: write the files that leave."""

import pathlib
import sys
import warnings

from data.command_line import Parser, run


def main() -> None:
    """Exports one checkpoint and prints the files."""
    parser = Parser(prog="python -m export", description="Writes a trained model's files.")
    parser.add_argument(
        "--checkpoint", type=pathlib.Path, help="what job wrote (default: the newest in artifacts/)"
    )
    arguments = parser.parse_args()
    # Deprecated, and what this project needs: pyproject.toml says why.
    warnings.filterwarnings("ignore", ".torch.jit.[a-z_]+. is deprecated", DeprecationWarning)
    from export.bundle import export, newest_checkpoint  # only now: --help need not wait for torch

    checkpoint = arguments.checkpoint or newest_checkpoint(pathlib.Path("artifacts"))
    print(f"exports {checkpoint}", file=sys.stderr)
    manifest = export(checkpoint)
    for name, file in manifest["files"].items():
        difference = file.get("largest_difference_of_scores")
        verified = "" if difference is None else f"  verified to {difference:.0e}"
        print(f"{checkpoint.parent / name}  {file['bytes'] / 1e6:.1f} MB{verified}")
    print(checkpoint.parent / "manifest.json")


if __name__ == "__main__":
    run(main)
