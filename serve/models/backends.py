"""The two inference runtimes: loads a bundle's model file as a `serve.scenes.cast.Writer`.

Each runtime is imported only if it is chosen, so that either may be missing.
"""

import importlib
import io
import warnings
from typing import Any

from data.command_line import UserError
from serve.limits import MAX_PROMPT_STATES
from serve.models.bundles import Bundle
from serve.models.prompts import PromptStates
from serve.models.sampling import seeded
from serve.scenes.cast import Writer
from serve.scenes.scene import Scene


def import_runtime(runtime: str) -> None:
    """Imports the packages of a runtime: not later, in a thread, while others import the same."""
    if runtime == "onnx":
        importlib.import_module("serve.models.onnx_writer")
    else:
        importlib.import_module("torch").set_num_threads(1)  # more gain nothing at these sizes


def load_writer(bundle: Bundle) -> Writer:
    """Loads the model of a bundle.

    Raises:
        UserError: if a file is damaged, not the one of the manifest, or of an older format.
    """
    if bundle.file.endswith(".onnx"):
        from serve.models.onnx_writer import OnnxWriter

        speller = bundle.read("speller.onnx") if "speller.onnx" in bundle.manifest["files"] else b""
        return OnnxWriter(bundle.read(bundle.file), speller, bundle.vocabulary())
    return TorchScriptWriter(bundle)


class TorchScriptWriter:
    """An exported model in TorchScript. Threads may share it."""

    def __init__(self, bundle: Bundle):
        import torch

        import_runtime("torchscript")
        self.torch = torch
        self.vocabulary = bundle.vocabulary()
        path = bundle.folder / bundle.file
        content = bundle.read(bundle.file)
        with warnings.catch_warnings():
            # TorchScript is deprecated, but the only format that needs no code of this project.
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module="torch")
            try:
                model = torch.jit.load(io.BytesIO(content), map_location="cpu")
            except (RuntimeError, ValueError) as error:
                reason = str(error).strip().split("\n")[0][:120]
                raise UserError(f"{path} is not a TorchScript file ({reason})") from None
        if not _is_current(model):
            raise UserError(f"{path} has an older format: export the model again")
        self.model = model
        self.prompts = PromptStates(self._read, MAX_PROMPT_STATES)

    def start(self, prompt: str, seed: int) -> Any:
        """The state after a prompt."""
        hidden, keys, recent, numbers, oov = self.prompts(prompt)
        with self.torch.inference_mode():
            # `step` changes the keys.
            return hidden, keys.clone(), recent, [*seeded(seed), *numbers[2:]], list(oov)

    def _read(self, prompt: str) -> Any:
        with self.torch.inference_mode():
            return self.model.stream_start(prompt, 0)

    def step(
        self, states: list[Any], scenes: list[Scene], allowed: list[list[int]]
    ) -> list[tuple[str, Any]]:
        """Samples one word for each state of a batch: (text to append, next state)."""
        with self.torch.inference_mode():
            return self.model.stream_next_batch(
                states,
                [scene.temperature for scene in scenes],
                [scene.top_k for scene in scenes],
                [scene.top_p for scene in scenes],
                [scene.min_p for scene in scenes],
                [scene.repetition_penalty for scene in scenes],
                [scene.no_repeat_ngram_size for scene in scenes],
                [scene.invent_words for scene in scenes],
                allowed,
                False,
            )

    def with_rng_of(self, state: Any, after: Any) -> Any:
        """`state` with the random number generator of `after`."""
        hidden, keys, recent, numbers, oov = state
        return hidden, keys, recent, [*after[3][:2], *numbers[2:]], oov

    def top_next(self, prompt: str, n: int) -> list[tuple[str, float]]:
        """The `n` most likely next words with their probabilities at temperature 1."""
        with self.torch.inference_mode():
            return list(self.model.top_next(prompt, n))

    def logprobs(self, text: str) -> list[tuple[str, float]]:
        """Each word of a text with its log-probability in nats, without the cache."""
        with self.torch.inference_mode():
            return list(self.model.logprobs(text))


def _is_current(model: Any) -> bool:
    """Whether a TorchScript file has the methods and options that `TorchScriptWriter` uses."""
    step = getattr(model, "stream_next_batch", None)
    return step is not None and "invent_words" in {part.name for part in step.schema.arguments}
