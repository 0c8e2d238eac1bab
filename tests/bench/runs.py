"""What several benches share: the machine, the texts, and one run of `python -m job`."""

import dataclasses
import json
import pathlib
import subprocess
import sys
import time
from typing import Any

import torch

from data import tokens
from data.command_line import UserError
from data.show.read import read_show, split_show
from data.vocab import Vocabulary

ROOT = pathlib.Path(__file__).parent.parent.parent
TIME_LIMIT_REACHED = 75  # exit code of `python -m job` when --max-minutes ends it
VALID_FRACTION = 0.05  # held out where no held-out file is given
MIN_COUNT = 2  # the vocabulary of every model that is compared


def machine() -> dict[str, str]:
    """The device and the versions that a bench runs with."""
    gpu = torch.cuda.is_available()
    commit = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "device": torch.cuda.get_device_name()
        if gpu
        else f"CPU, {torch.get_num_threads()} threads",
        "torch": str(torch.__version__),
        "cuda": str(torch.version.cuda or ""),
        "python": sys.version.split()[0],
        "commit": commit.stdout.strip(),
    }


@dataclasses.dataclass(frozen=True)
class Texts:
    """The texts of a comparison; every model trains on the same split.

    Attributes:
        train, valid: file paths.
        test: a third file that nothing is chosen on, "" for none.
    """

    train: str
    valid: str
    test: str = ""

    @classmethod
    def prepare(cls, data: str, valid: str, test: str, folder: pathlib.Path) -> "Texts":
        """The given files; without `valid`, the end of `data` is split off into `folder`."""
        if valid:
            return cls(data, valid, test)
        train_text, valid_text = split_show(read_show(data), VALID_FRACTION)
        train_path = folder / f"{pathlib.Path(data).stem}.txt"  # the stem is the show's name
        valid_path = folder / "held_out.txt"
        train_path.write_text(train_text, encoding="utf-8")
        valid_path.write_text(valid_text, encoding="utf-8")
        return cls(str(train_path), str(valid_path), test)

    @property
    def flags(self) -> list[str]:
        """The same as flags of `python -m job`."""
        # Otherwise a preset could hold out a test part of the training text.
        test = ["--test", self.test] if self.test else []
        return ["--data", self.train, "--valid", self.valid, *test]

    def contents(self) -> dict[str, str]:
        """The texts themselves by "train", "valid" and, if there is one, "test"."""
        paths = dataclasses.asdict(self)
        return {part: read_show(path) for part, path in paths.items() if path}

    def vocabulary(self) -> Vocabulary:
        """The word vocabulary of the training text."""
        return Vocabulary.build(read_show(self.train), "bench", MIN_COUNT)

    def ids(self, vocabulary: Vocabulary) -> dict[str, list[int]]:
        """Every text as word ids."""
        return {part: vocabulary.encode(text) for part, text in self.contents().items()}

    def normalized(self, vocabulary: Vocabulary) -> dict[str, str]:
        """Every text with case and typography normalized, as bits per character count it."""
        return {
            part: tokens.normalize(text, vocabulary.normalization)
            for part, text in self.contents().items()
        }


def train_job(settings: list[str], folder: pathlib.Path) -> dict[str, Any]:
    """Runs `python -m job` in a process of its own and reads its files.

    Args:
        settings: its flags, without --out.
        folder: the run's folder.

    Returns:
        rows: the lines of metrics.jsonl; scores: those of checkpoint.pt; whole_process: seconds.

    Raises:
        UserError: if the run fails; holds the end of its error output.
    """
    command = [sys.executable, "-m", "job", *settings, "--out", str(folder)]
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    whole = time.monotonic() - start
    if done.returncode not in (0, TIME_LIMIT_REACHED):
        flags = " ".join(settings)
        raise UserError(f"job {flags}: exit code {done.returncode}: {done.stderr[-2000:]}")
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {
        "rows": [json.loads(line) for line in lines],
        "scores": read_checkpoint(folder)["scores"],
        "whole_process": whole,
    }


def read_checkpoint(folder: pathlib.Path) -> dict[str, Any]:
    """The plain content of a run's checkpoint.pt."""
    return torch.load(folder / "checkpoint.pt", weights_only=True, map_location="cpu")
