"""python -m export: write the files that leave."""

import pathlib
import sys
import warnings

from data.command_line import Parser, run


def main() -> None:
    """Exports one checkpoint and prints the files, or verifies a bundle from elsewhere."""
    # Deprecated, and what this project needs: pyproject.toml says why.
    warnings.filterwarnings("ignore", ".torch.jit.[a-z_]+. is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", "torch.quantize_per_tensor, torch.quantize_per_channel")
    if sys.argv[1:2] == ["verify"]:
        verify_command(sys.argv[2:])
        return
    parser = Parser(
        prog="python -m export",
        description="Writes a trained model's files.",
        epilog="python -m export verify DIR checks a bundle from elsewhere.",
    )
    parser.add_argument(
        "--checkpoint", type=pathlib.Path, help="what job wrote (default: the newest in artifacts/)"
    )
    parser.add_argument("--pt2", action="store_true", help="write model.pt2 by torch.export too")
    arguments = parser.parse_args()
    from export.bundle import export  # only now: --help need not wait for torch
    from job.checkpoint import newest_checkpoint

    checkpoint = arguments.checkpoint or newest_checkpoint(pathlib.Path("artifacts"))
    print(f"exports {checkpoint}", file=sys.stderr)
    manifest = export(checkpoint, arguments.pt2)
    held_out = manifest["held_out"]
    for name, file in manifest["files"].items():
        difference = file.get("largest_difference_of_scores")
        told = "" if difference is None else f"  verified to {difference:.0e}"
        if name in held_out.get("perplexity", {}):
            rise = held_out["perplexity"][name] / held_out["perplexity"]["network"] - 1
            told = f"  perplexity on held-out text {rise:+.2%}"
        print(f"{checkpoint.parent / name}  {file['bytes'] / 1e6:.1f} MB{told}")
    for name, reason in held_out["left_out"].items():
        print(f"{name} is left out: {reason}", file=sys.stderr)
    print(checkpoint.parent / "README.md")
    print(checkpoint.parent / "manifest.json")


def verify_command(arguments: list[str]) -> None:
    """python -m export verify DIR."""
    parser = Parser(
        prog="python -m export verify",
        description="Checks that a bundle is whole, and that its files agree with each other.",
    )
    parser.add_argument("folder", type=pathlib.Path, help="where manifest.json lies")
    folder = parser.parse_args(arguments).folder
    from export.verify_bundle import inspect

    for line in inspect(folder):
        print(line)


if __name__ == "__main__":
    run(main)
