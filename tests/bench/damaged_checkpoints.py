"""Exports checkpoints with random damage: python -m tests.bench.damaged_checkpoints CHECKPOINT

Each export must end with one line for the user and write nothing, or write a bundle that
`python -m export verify` accepts.
"""

import argparse
import collections
import pathlib
import random
import tempfile
import warnings

import torch

from data.command_line import UserError
from export.bundle import export
from export.verify_bundle import verify
from tests.damage import damaged_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=pathlib.Path, help="of a small model, with a speller")
    parser.add_argument("--count", type=int, default=128)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    results: collections.Counter[str] = collections.Counter()
    for seed in range(options.count):
        content = torch.load(options.checkpoint, weights_only=True)
        done, file = damaged_file(content, random.Random(seed))
        result = outcome(file)
        results[result.partition(":")[0]] += 1
        print(f"{seed:4} {done!a:60.60} {result:.200}", flush=True)
    print(dict(results))


def outcome(file: bytes) -> str:
    """How the export of a damaged file ends."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "checkpoint.pt").write_bytes(file)
        try:
            export(folder / "checkpoint.pt")
        except UserError as error:
            if [path.name for path in folder.iterdir()] != ["checkpoint.pt"]:
                return "BAD: refused, but files are left"
            return f"refused: {' '.join(str(error).split())}"
        except Exception as error:
            return f"BAD: {error!r}"
        try:
            list(verify(folder, run_torchscript=True))
        except Exception as error:
            return f"BAD: exported, but verify says {error!r}"
    return "exported: verified"


if __name__ == "__main__":
    main()
