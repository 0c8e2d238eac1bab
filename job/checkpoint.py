"""checkpoint.pt: its schema, and how it is written and read.

Files hold plain values and tensors only, so that `torch.load(weights_only=True)` reads them, and
are written whole or not at all.
"""

import dataclasses
import datetime
import pathlib
import platform
import subprocess
import zipfile
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from data import versions
from data.atomic import atomic_write
from data.command_line import UserError
from data.vocab import Vocabulary
from job import validation
from job.config import Config
from job.layers import int8
from job.layers.subwords import Subwords
from job.model import RNN

FORMAT = "cold-open-checkpoint"
NAME = "checkpoint.pt"
BASE = "base"  # the folder of the base network, which is no show


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The best network of a run with everything that export and report need.

    `job.finalize` adds the cache, the speller and the remaining scores at the end of a run.
    """

    model: dict[str, Tensor]  # state dict of `RNN.merged`
    vocabulary: str  # the text of vocab.json
    config: dict[str, Any]  # the fields of `Config`
    step: int  # of the evaluation
    scores: dict[str, Any]  # valid_loss, perplexity and so on; see artifacts/README.md
    cache: dict[str, Any] = dataclasses.field(default_factory=dict)  # of `CacheConfig`; {}: none
    speller: dict[str, Any] = dataclasses.field(default_factory=dict)  # `pack_speller`; {}: none
    finished: bool = False  # whether `job.finalize` has completed it
    created: str = ""  # ISO 8601, UTC
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    git_commit: str = ""
    base: str = ""  # sha256 of the base that it was fine-tuned from; "" without one

    @classmethod
    def create(
        cls, model: RNN, vocabulary: Vocabulary, config: Config, step: int, scores: dict[str, Any]
    ) -> "Checkpoint":
        """The checkpoint of an evaluation, with today's date and this program's versions."""
        return cls(
            model=model.state_dict(),
            vocabulary=vocabulary.to_json(),
            config=dataclasses.asdict(config),
            step=step,
            scores=scores,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            versions=library_versions(),
            git_commit=git_commit(),
        )


def save_checkpoint(path: pathlib.Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint; raises `DiskFull` if that fails, and leaves the earlier file intact."""
    write_file(path, FORMAT, fields_of(checkpoint))


def save_int8(path: pathlib.Path, checkpoint: Checkpoint) -> None:
    """As `save_checkpoint`, with the matrices in int8: a quarter of the bytes."""
    write_file(path, FORMAT, {**fields_of(checkpoint), "model": int8.pack(checkpoint.model)})


def load_checkpoint(path: str | pathlib.Path) -> Checkpoint:
    """Reads a checkpoint onto the CPU.

    Raises:
        UserError: if the file is missing, damaged, not a checkpoint, of another version, or has a
            field that no run writes.
    """
    found = from_fields(Checkpoint, read_file(path, FORMAT), path)
    try:
        found = dataclasses.replace(found, model=int8.unpack(found.model))
        validate(found)
        # A setting that is younger than the file has its default.
        config = dataclasses.asdict(Config(**found.config))
        found = dataclasses.replace(found, config=config)
    except (ValueError, AttributeError, KeyError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is an incomplete or invalid checkpoint: {reason:.300}") from None
    return found


def validate(checkpoint: Checkpoint) -> None:
    """Checks all fields of a checkpoint except its vocabulary; raises `ValueError`."""
    config = validation.check_config(checkpoint.config)
    weights = validation.check_weights("model", checkpoint.model)
    with torch.device("meta"), _SkipInit():  # takes no memory, however large a size is
        network = build_network(config, len(weights["embedding.weight"]))
    validation.check_shapes("model", weights, network)
    validation.check_scores(checkpoint.scores)
    validation.check_cache(checkpoint.cache)
    validation.check_speller(checkpoint.speller, network.fc.in_features)
    validation.check_versions(checkpoint.versions)
    for name in ("vocabulary", "created", "git_commit", "base"):
        validation.check_text(name, getattr(checkpoint, name))
    if type(checkpoint.step) is not int or type(checkpoint.finished) is not bool:
        raise ValueError("step is not a whole number, or finished is not true or false")


def load_network(path: str | pathlib.Path) -> tuple[RNN, Vocabulary, Checkpoint]:
    """Reads a checkpoint: (the network in evaluation mode on the CPU, its vocabulary, the rest).

    Raises:
        UserError: as `load_checkpoint`; also if the vocabulary is damaged, or the sizes of weights
            and vocabulary differ.
    """
    checkpoint = load_checkpoint(path)
    try:
        vocabulary = Vocabulary.from_json(checkpoint.vocabulary)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    rows = len(checkpoint.model["embedding.weight"])
    if rows != len(vocabulary):
        raise UserError(
            f"{path}: the weights have {rows} words and the vocabulary {len(vocabulary)}: they "
            "belong to two different models"
        )
    with _SkipInit():
        network = build_network(Config(**checkpoint.config), rows)
    network.load_state_dict(checkpoint.model)
    return network.eval(), vocabulary, checkpoint


def newest_checkpoint(root: pathlib.Path) -> pathlib.Path:
    """The checkpoint in the folders of `root` that was written last, the base left out.

    Raises:
        UserError: if there is none.
    """
    found = [path for path in root.glob(f"*/{NAME}") if path.parent.name != BASE]
    found.sort(key=lambda path: path.stat().st_mtime)
    if not found:
        raise UserError(f"{root} holds no model: train one first (make train, or make demo)")
    return found[-1]


def load_config(path: str | pathlib.Path) -> Config:
    """The settings in a checkpoint; the weights are not checked.

    Raises:
        UserError: as `load_checkpoint`.
    """
    try:
        return validation.check_config(read_file(path, FORMAT).get("config"))
    except (ValueError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is an incomplete or invalid checkpoint: {error}") from None


class _SkipInit(TorchFunctionMode):
    """Leaves out the initializers of `torch.nn.init`: the weights are loaded afterwards.

    On the device "meta", an initializer would import torch._dynamo, which takes seconds.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def build_network(config: Config, vocab_size: int, subwords: Subwords | None = None) -> RNN:
    """The network that a run's settings describe; with `subwords` while it is trained."""
    return RNN(
        vocab_size,
        vocab_size,
        config.embedding_dim,
        config.hidden_dim,
        config.n_layers,
        config.dropout,
        cell=config.cell,
        tie_weights=config.tie_weights,
        dropout_between=config.dropout_between,
        dropout_input=config.dropout_input,
        dropout_words=config.dropout_words,
        weight_drop=config.weight_drop,
        subwords=subwords,
    )


def write_file(path: pathlib.Path, kind: str, fields: dict[str, Any]) -> None:
    """Writes fields with the name and version of their format; see `read_file`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        torch.save({"format": kind, "version": versions.CHECKPOINT, **fields}, file)


def read_file(path: str | pathlib.Path, kind: str) -> dict[str, Any]:
    """Reads the fields that `write_file` wrote, onto the CPU, without running any code in the file.

    Raises:
        UserError: if the file is missing, damaged, of another format, or of another version.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such checkpoint; train first (make train)")
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not verify the checksums
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"{damaged} has a wrong checksum")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything from EOFError to UnpicklingError here
        reason = str(error).split("\n")[0][:120]
        raise UserError(
            f"{path} cannot be read as a checkpoint: it is damaged, or another kind of file "
            f"({type(error).__name__}: {reason})"
        ) from None
    if not isinstance(content, dict) or content.pop("format", None) != kind:
        raise UserError(f"{path} is not a file of the format {kind}: give another file")
    if (version := content.pop("version", None)) != versions.CHECKPOINT:
        raise UserError(
            f"{path} has format version {version}, this program reads {versions.CHECKPOINT}: "
            "train again"
        )
    return content


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a dataclass by name; unlike `dataclasses.asdict`, without copying tensors."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def from_fields(kind: Any, fields: dict[str, Any], path: str | pathlib.Path) -> Any:
    """A dataclass from the fields of a file.

    A field that the file lacks gets its default, so that a base network outlives new fields.

    Raises:
        UserError: if a field is unknown, or missing and without a default.
    """
    try:
        return kind(**fields)
    except TypeError as error:
        reason = str(error).split(") ")[-1]
        raise UserError(f"{path} is of another version ({reason}): train again") from None


def remove_partial_files(folder: pathlib.Path, names: Iterable[str]) -> None:
    """Removes the temporary files that a process killed during `atomic_write` left behind."""
    for name in names:
        for partial in folder.glob(f".{name}.*"):
            partial.unlink(missing_ok=True)


def library_versions() -> dict[str, str]:
    """The versions of Python and PyTorch."""
    return {"python": platform.python_version(), "torch": str(torch.__version__)}


def git_commit() -> str:
    """The commit of this working tree, with "+" if it has changes; "" outside git."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    try:
        here = pathlib.Path(__file__).parent
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
