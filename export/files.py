"""The files of a bundle, built from a model: `export` writes them, `verify` compares with them."""

import dataclasses
import hashlib
import io
from collections.abc import Callable
from typing import Any

import torch

from data import strict_json
from data.vocab import Vocabulary
from export.onnx_graphs.int8 import build_onnx_int8
from export.onnx_graphs.speller import build_speller_onnx
from export.onnx_graphs.step import build_onnx
from export.torchscript.speller import MAX_LETTERS
from export.torchscript.stream import SPELLING_TEMPERATURE_SCALE
from export.torchscript.writer import ScriptWriter, script
from job.model import RNN

INT8_FILES = ("model.int8.torchscript.pt", "model.int8.onnx")


@dataclasses.dataclass(frozen=True)
class Model:
    """All that the files of a bundle are built from."""

    network: RNN
    vocabulary: Vocabulary  # with the checksum of the network's weights
    cache: dict[str, Any]  # of `job.layers.cache.cache_settings`
    speller: dict[str, Any]  # of `job.layers.speller.pack_speller`; {}: none

    @property
    def names(self) -> list[str]:
        """The files that the model has."""
        return [name for name in BUILD if name != "speller.onnx" or self.speller]

    def build(self, name: str) -> bytes:
        """The content of a file. Equal models have equal files, save for names in TorchScript."""
        return BUILD[name](self)

    def metadata(self) -> dict[str, str]:
        """The metadata of the ONNX files of the network."""
        text = self.vocabulary.to_json()
        return {
            "show": self.vocabulary.show,
            "vocabulary_sha256": hashlib.sha256(text.encode("utf-8")).hexdigest(),
            "weights_sha256": self.vocabulary.weights_sha256,
            "cache": strict_json.dumps(self.cache),
        }


def weights_sha256(network: RNN) -> str:
    """The SHA-256 of all weights in the order of their names; identifies a trained network."""
    digest = hashlib.sha256()
    for name, weight in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(weight.shape)}\n".encode())
        digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def vocab_json(model: Model) -> bytes:
    """The content of vocab.json."""
    return model.vocabulary.to_json().encode("utf-8")


def torchscript(model: Model, int8: bool = False) -> bytes:
    """The content of a TorchScript file."""
    parts = model.network, model.vocabulary, model.speller, model.cache
    file = io.BytesIO()
    extra = {"vocab.json": model.vocabulary.to_json()}
    torch.jit.save(script(ScriptWriter(*parts, int8)), file, _extra_files=extra)
    return file.getvalue()


def torchscript_int8(model: Model) -> bytes:
    """The content of the TorchScript file in int8."""
    return torchscript(model, int8=True)


def onnx_step(model: Model) -> bytes:
    """The content of the ONNX file in float32."""
    return build_onnx(model.network, model.metadata()).SerializeToString()


def onnx_step_int8(model: Model) -> bytes:
    """The content of the ONNX file in int8."""
    return build_onnx_int8(model.network, model.metadata()).SerializeToString()


def onnx_speller(model: Model) -> bytes:
    """The content of the ONNX file of the speller."""
    metadata = model.metadata() | {
        "letters": strict_json.dumps(model.speller["letters"], ensure_ascii=False),
        "longest": str(MAX_LETTERS),
        "spelling_temperature_scale": str(SPELLING_TEMPERATURE_SCALE),
    }
    return build_speller_onnx(model.speller, metadata).SerializeToString()


BUILD: dict[str, Callable[[Model], bytes]] = {  # in the order in which they are built
    "vocab.json": vocab_json,
    "model.torchscript.pt": torchscript,
    "model.int8.torchscript.pt": torchscript_int8,
    "model.onnx": onnx_step,
    "model.int8.onnx": onnx_step_int8,
    "speller.onnx": onnx_speller,
}
