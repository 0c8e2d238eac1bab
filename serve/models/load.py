"""The models that the server offers: loaded when first used, replaced without a restart."""

import asyncio
import contextlib
import ctypes
import logging
import pathlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from data.command_line import UserError
from data.model_versions import MANIFEST, POINTER
from serve.config import ServerConfig
from serve.limits import MAX_LOADED
from serve.models.backends import load_writer
from serve.models.bundles import Bundle, find_bundles, locate, open_bundle
from serve.scenes.cast import Writer
from serve.scenes.generation import Generation
from serve.scenes.scene import Scene

log = logging.getLogger("cold_open")


class Model:
    """A bundle and its model.

    Args:
        writer: the loaded model; None until it is first used.
    """

    def __init__(self, bundle: Bundle, writer: Writer | None = None):
        self.bundle, self.writer = bundle, writer
        self.vocabulary = writer.vocabulary if writer else bundle.vocabulary()


class Models:
    """The models by name. The first is the default.

    Args:
        max_loaded: models in memory; the least recently used one is removed for another. A scene
            keeps its model to its end.
    """

    def __init__(self, models: Iterable[Model], max_loaded: int = MAX_LOADED):
        self.by_name = {model.bundle.name: model for model in models}
        self.max_loaded = max_loaded
        self.loaded = [model for model in self.by_name.values() if model.writer]  # last used: last
        self.loading = asyncio.Lock()
        # One thread: glibc keeps the memory that each thread has freed for that thread.
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="loading")
        self.listeners: list[Callable[[], None]] = []  # called in a thread after each replacement

    @property
    def names(self) -> list[str]:
        """The names of all models."""
        return list(self.by_name)

    @property
    def versions(self) -> dict[str, str]:
        """The version of each model by its name."""
        return {name: model.bundle.version for name, model in self.by_name.items()}

    @property
    def bundles(self) -> list[Bundle]:
        """The bundle of each model."""
        return [model.bundle for model in self.by_name.values()]

    @property
    def default_writer(self) -> Writer:
        """The default model; loads it first if it is not in memory. Not on the event loop."""
        model = next(iter(self.by_name.values()))
        return model.writer or load(model.bundle)

    async def writer(self, model: Model) -> Writer:
        """The loaded model; loads it first if it is not in memory.

        Raises:
            UserError: if a file of the bundle is damaged or gone; the log has the reason.
        """
        if model.writer is None:
            async with self.loading:
                if model.writer is None:  # another request may have loaded it
                    await self._load(model)
        writer = model.writer
        assert writer is not None
        self._used(model)
        return writer

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread, function, *arguments)

    async def _load(self, model: Model) -> None:
        try:
            model.writer = await self._run(load, model.bundle)
        except UserError as error:
            log.warning("model not loaded", extra={"reason": str(error)})
            raise UserError(
                f"the model {model.bundle.name} cannot be loaded: the server's log has the reason"
            ) from None

    def _used(self, model: Model) -> None:
        if self.by_name.get(model.bundle.name) is not model:
            return  # replaced while a request waited for it
        self.loaded = [each for each in self.loaded if each is not model] + [model]
        while len(self.loaded) > self.max_loaded:
            self.loaded.pop(0).writer = None
            self.thread.submit(release_memory)

    async def reload(self, config: ServerConfig) -> bool:
        """Replaces the models whose current version has changed; False if none has.

        The new versions of loaded models, and the default, are loaded before the old ones are
        replaced, so that no request waits for them.

        Raises:
            UserError: if no bundle can be used; nothing is replaced then.
        """
        found = await self._run(open_models, config, self.by_name)
        if [id(model) for model in found] == [id(model) for model in self.by_name.values()]:
            return False
        used = {model.bundle.name for model in self.loaded}
        async with self.loading:
            for model in found:
                if not model.writer and (model is found[0] or model.bundle.name in used):
                    await self._load(model)
        self.by_name = {model.bundle.name: model for model in found}
        self.loaded = []
        for model in reversed(found):
            if model.writer:
                self._used(model)
        for listener in self.listeners:
            await self._run(listener)
        self.thread.submit(release_memory)
        return True


def load_models(config: ServerConfig) -> Models:
    """Opens `config.model`, or all bundles in `config.artifacts`, and loads the default.

    One damaged bundle among several is skipped with a warning in the log.

    Raises:
        UserError: if no bundle can be used.
    """
    models = open_models(config)
    while models:
        try:
            models[0].writer = load(models[0].bundle)
        except UserError as error:
            if len(models) == 1:
                raise
            _skip(error)
            models.pop(0)
        else:
            break
    return Models(models, config.max_loaded)


def open_models(config: ServerConfig, known: dict[str, Model] | None = None) -> list[Model]:
    """The models that `config` names, the default first; not loaded.

    Args:
        known: models by name, which are returned again if their version is still the current one.

    Raises:
        UserError: if no bundle can be used.
    """
    paths = _paths(config)
    models: dict[str, Model] = {}
    for path in paths:
        try:
            bundle = open_bundle(path, config.runtime, config.precision)
            model = (known or {}).get(bundle.name)
            models[bundle.name] = model if model and model.bundle == bundle else Model(bundle)
        except UserError as error:
            if len(paths) == 1:
                raise
            _skip(error)
    if not models:
        raise UserError(f"{config.artifacts} holds no usable bundle: the log has the reasons")
    return list(models.values())


def _paths(config: ServerConfig) -> list[pathlib.Path]:
    if config.model:
        return [locate(str(config.model), config.artifacts)]
    return find_bundles(config.artifacts)


def _skip(error: UserError) -> None:
    log.warning("bundle skipped", extra={"reason": str(error)})


def change_times(config: ServerConfig) -> list[tuple[str, int]]:
    """The time of the last change of each model on disk: another value after each export."""
    try:
        folders = [path if path.is_dir() else path.parent for path in _paths(config)]
    except UserError:  # there is none just now
        return []
    paths = [folder / name for folder in folders for name in (POINTER, MANIFEST)]
    return sorted((str(path), path.stat().st_mtime_ns) for path in paths if path.exists())


def load(bundle: Bundle) -> Writer:
    """Loads the model of a bundle, ready for use; see `load_writer`."""
    writer = load_writer(bundle)
    warm_up(writer)
    return writer


def release_memory() -> None:
    """Returns freed memory to the system, which glibc would keep. Elsewhere it does nothing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def warm_up(writer: Writer) -> None:
    """Calls every method of a model three times: TorchScript compiles in the first two calls."""
    for _ in range(3):
        generation = Generation(writer, Scene(length=8, temperature=1.5))
        generation.start()
        generation.run()
        states = [writer.start("a", 1), writer.start("b", 1)]
        writer.step(states, [Scene(), Scene()], [[0], []])
        writer.top_next(generation.text, 10)
        writer.logprobs(generation.text)
