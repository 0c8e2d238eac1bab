"""Loading of the models that the server offers."""

import dataclasses
import logging

from data.command_line import UserError
from serve.config import ServerConfig
from serve.models.backends import load_writer
from serve.models.bundles import Bundle, find_bundles, open_bundle
from serve.scenes.cast import Writer
from serve.scenes.generation import Generation
from serve.scenes.scene import Scene

log = logging.getLogger("cold_open")


@dataclasses.dataclass(frozen=True)
class Model:
    """A bundle and its loaded model."""

    bundle: Bundle
    writer: Writer


def load_models(config: ServerConfig) -> list[Model]:
    """Loads `config.model`, or all bundles in `config.artifacts`, the newest first.

    One damaged bundle among several is skipped with a warning in the log.

    Raises:
        UserError: if no bundle can be used.
    """
    paths = [config.model] if config.model else find_bundles(config.artifacts)
    models: dict[str, Model] = {}
    for path in paths:
        try:
            bundle = open_bundle(path, config.runtime, config.precision)
            writer = load_writer(bundle)
        except UserError as error:
            if len(paths) == 1:
                raise
            log.warning("bundle skipped", extra={"reason": str(error)})
            continue
        warm_up(writer)
        models[bundle.name] = Model(bundle, writer)
    if not models:
        raise UserError(f"{config.artifacts} holds no usable bundle: the log has the reasons")
    return list(models.values())


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
