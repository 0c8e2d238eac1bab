"""python -m export: export a checkpoint, or verify a bundle."""

import pathlib
import sys
import warnings

from data.command_line import Parser, run


def main() -> None:
    """Exports a checkpoint and prints the paths of the files, or verifies a bundle."""
    # TorchScript is deprecated but needed; pyproject.toml gives the reason.
    warnings.filterwarnings("ignore", ".torch.jit.[a-z_]+. is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", "torch.quantize_per_tensor, torch.quantize_per_channel")
    if sys.argv[1:2] == ["verify"]:
        verify_command(sys.argv[2:])
        return
    parser = Parser(
        prog="python -m export",
        description="Exports a trained model as TorchScript, ONNX, vocabulary and manifest.",
        epilog="python -m export verify DIR verifies an exported bundle.",
    )
    parser.add_argument(
        "--checkpoint",
        type=pathlib.Path,
        help="checkpoint to export (default: the newest in artifacts/)",
    )
    parser.add_argument(
        "--out", type=pathlib.Path, help="folder of the bundle (default: the checkpoint's)"
    )
    parser.add_argument("--pt2", action="store_true", help="write model.pt2 (torch.export) too")
    arguments = parser.parse_args()
    # Imported here, so that --help does not import torch.
    from export.bundle import default_folder, export
    from job.checkpoint import newest_checkpoint

    checkpoint = arguments.checkpoint or newest_checkpoint(pathlib.Path("artifacts"))
    print(f"exporting {checkpoint}", file=sys.stderr)
    folder = arguments.out or default_folder(checkpoint)
    manifest = export(checkpoint, arguments.pt2, folder)
    held_out = manifest["held_out"]
    for name, file in manifest["files"].items():
        difference = file.get("max_abs_difference")
        note = "" if difference is None else f"  verified to {difference:.0e}"
        if name in held_out.get("perplexity", {}):
            increase = held_out["perplexity"][name] / held_out["perplexity"]["network"] - 1
            note = f"  held-out perplexity {increase:+.2%}"
        print(f"{folder / name}  {file['bytes'] / 1e6:.1f} MB{note}")
    for name, reason in held_out["left_out"].items():
        print(f"{name} was not exported: {reason}", file=sys.stderr)
    print(folder / "README.md")
    print(folder / "manifest.json")


def verify_command(arguments: list[str]) -> None:
    """python -m export verify DIR."""
    parser = Parser(
        prog="python -m export verify",
        description="Verifies that a bundle is complete and that its files belong together, "
        "without running any of them.",
    )
    parser.add_argument("folder", type=pathlib.Path, help="folder with manifest.json")
    parser.add_argument(
        "--run-torchscript",
        action="store_true",
        help="also load the TorchScript files, which runs the program in them: only for files "
        "from a source that you trust",
    )
    options = parser.parse_args(arguments)
    from export.verify_bundle import verify

    if options.run_torchscript:
        print(
            "warning: --run-torchscript runs the program in each TorchScript file with your rights",
            file=sys.stderr,
        )
    for line in verify(options.folder, options.run_torchscript):
        print(line)


if __name__ == "__main__":
    run(main)
