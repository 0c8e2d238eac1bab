"""Replaces models after an export or a rollback: at SIGHUP, and by themselves with --watch."""

import asyncio
import contextlib
import logging
import os
import signal

from data.command_line import UserError
from serve.config import ServerConfig
from serve.models.load import Models, change_times

log = logging.getLogger("cold_open")


class HangUp:
    """What SIGHUP means: reload, unless it is sent because the terminal was closed.

    Create it before the first SIGHUP; until `install` the signal is ignored.
    """

    def __init__(self) -> None:
        # nohup has the signal ignored: the server outlives its terminal then.
        ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN) is signal.SIG_IGN
        self.ends_with_terminal = _has_terminal() and not ignored

    def install(
        self, loop: asyncio.AbstractEventLoop, reload: asyncio.Event, stop: asyncio.Event
    ) -> None:
        """Sets `reload` or `stop` at each SIGHUP."""

        def handle() -> None:
            closed = self.ends_with_terminal and not _has_terminal()
            (stop if closed else reload).set()

        loop.add_signal_handler(signal.SIGHUP, handle)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


async def reload_models(models: Models, config: ServerConfig, requested: asyncio.Event) -> None:
    """Replaces the models at each request, and every `config.watch` seconds; never returns."""
    seen = change_times(config)
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(requested.wait(), config.watch or None)
        asked = requested.is_set()
        requested.clear()
        times = await asyncio.to_thread(change_times, config)
        if not asked and times == seen:
            continue
        seen = times
        try:
            changed = await models.reload(config)
        except UserError as error:
            log.warning("models not reloaded", extra={"reason": str(error)})
        except Exception:
            log.exception("models not reloaded")
        else:
            log.info("models reloaded", extra={"changed": changed, "versions": models.versions})
