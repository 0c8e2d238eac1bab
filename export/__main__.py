"""python -m export: export a checkpoint, verify a bundle, list its versions, roll back."""

import pathlib
import sys
import warnings

from data import model_versions
from data.command_line import Parser, UserError, run


def main() -> None:
    """Runs the command; an export prints the paths of the files and the version."""
    # TorchScript is deprecated but needed; pyproject.toml gives the reason.
    warnings.filterwarnings("ignore", ".torch.jit.[a-z_]+. is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", "torch.quantize_per_tensor, torch.quantize_per_channel")
    commands = {
        "verify": verify_command,
        "versions": versions_command,
        "rollback": rollback_command,
    }
    if sys.argv[1:2] and sys.argv[1] in commands:
        commands[sys.argv[1]](sys.argv[2:])
        return
    parser = Parser(
        prog="python -m export",
        description="Exports a trained model as TorchScript, ONNX, vocabulary and manifest.",
        epilog="Other commands: python -m export verify DIR verifies an exported bundle, versions "
        "DIR lists the versions of a model, rollback DIR makes an earlier one current.",
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
    parser.add_argument(
        "--keep", type=int, default=3, help="versions to keep, the new one included (default: 3)"
    )
    arguments = parser.parse_args()
    if arguments.keep < 1:
        raise UserError(f"--keep must be at least 1, not {arguments.keep}")
    # Imported here, so that --help does not import torch.
    from export.bundle import default_folder, export
    from job.checkpoint import newest_checkpoint

    checkpoint = arguments.checkpoint or newest_checkpoint(pathlib.Path("artifacts"))
    print(f"exporting {checkpoint}", file=sys.stderr)
    folder = arguments.out or default_folder(checkpoint)
    manifest = export(checkpoint, arguments.pt2, folder, arguments.keep)
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
    print(f"version {folder.resolve().name}@{model_versions.history(folder)[-1]}")


def versions_command(arguments: list[str]) -> None:
    """python -m export versions DIR."""
    parser = Parser(
        prog="python -m export versions",
        description="Lists the versions of an exported model, the newest first. * marks the "
        "current one.",
    )
    parser.add_argument("folder", type=pathlib.Path, help="folder of the model")
    folder = parser.parse_args(arguments).folder
    from export.rollout import list_versions

    for version in list_versions(folder):
        mark = "*" if version.is_current else " "
        print(
            f"{mark} {folder.resolve().name}@{version.name}  exported {version.created}  "
            f"held-out loss {version.valid_loss:.3f}"
        )


def rollback_command(arguments: list[str]) -> None:
    """python -m export rollback DIR."""
    parser = Parser(
        prog="python -m export rollback",
        description="Makes an earlier version of a model current. Running servers use it after "
        "SIGHUP, or by themselves with --watch.",
    )
    parser.add_argument("folder", type=pathlib.Path, help="folder of the model")
    parser.add_argument(
        "--to", default="", help="the version (default: the one that was current before)"
    )
    options = parser.parse_args(arguments)
    from export.rollout import rollback

    version = rollback(options.folder, options.to)
    print(f"{options.folder.resolve().name}@{version} is current")


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
