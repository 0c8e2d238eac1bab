"""python -m serve: open the page for the exported models."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import warnings

from data.command_line import UserError, run
from serve.config import Config, parse

log = logging.getLogger("cold_open")


def main() -> int:
    """Loads the models, opens the page, and serves until it is stopped."""
    config = parse()
    refuse_busy(config.host, config.port)
    # Read when gradio is imported. It keeps statistics of calls for a page that is not served here.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
    warnings.filterwarnings("ignore", ".torch.jit.[a-z_]+. is deprecated", DeprecationWarning)
    from serve.actions import Actions, load_models
    from serve.metrics import Metrics
    from serve.scenes.engine import Engine
    from serve.server import build_server, start_logging

    start_logging(config.log_level)
    sys.setswitchinterval(0.001)  # threads of the network hold up the page no longer than this
    models = load_models(config)
    metrics = Metrics()
    metrics.models.set(len(models))
    engine = Engine(config.workers, config.max_seconds, metrics)
    app = build_server(Actions(models, engine), engine, metrics, config)
    shows = ", ".join(model.bundle.manifest["show"] for model in models)
    return asyncio.run(serve(app, engine, config, shows))


async def serve(app, engine, config: Config, shows: str) -> int:
    """Serves until SIGTERM or SIGINT; then lets the scenes under way end."""
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=config.host,
            port=config.port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=config.trusted_proxies,
            timeout_graceful_shutdown=1,  # a page left open holds its connection for ever
        )
    )
    server.capture_signals = contextlib.nullcontext  # signals are for what stands below
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if server.started:
        address = f"http://{config.host}:{config.port}{config.root_path}"
        print(f"Cold Open is writing {shows} at {address}", flush=True)
        waiting = asyncio.create_task(asked.wait())
        await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
        left = await engine.drain(config.grace_seconds)
        log.info("stopping", extra={"scenes_cut_off": left})
        server.should_exit = True
    await serving
    return 0 if server.started else 1


def refuse_busy(host: str, port: int) -> None:
    """Raises `UserError` where the page could not listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UserError(
                f"{host}:{port} cannot be listened on ({error.strerror}): give another --port"
            ) from None


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    run(main)
