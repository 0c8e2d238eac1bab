"""python -m serve: loads the exported models and serves the web page."""

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import resource
import signal
import socket
import sys
import warnings
from typing import Any

from data.command_line import UserError, run
from serve.config import ServerConfig, parse
from serve.limits import CONNECTION_TIMEOUT, MAX_OPEN_FILES

log = logging.getLogger("cold_open")


def main() -> int:
    """Loads the models and serves until the process is stopped; returns the exit code."""
    config = parse()
    for port, flag in ((config.port, "--port"), (config.metrics_port, "--metrics-port")):
        if port:
            check_port(config.host, port, flag)
    raise_file_limit()
    # Gradio reads these when it is imported: no analytics, no statistics of calls in memory.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
    os.environ.setdefault(
        "TORCH_CPP_LOG_LEVEL", "ERROR"
    )  # int8 files: a notice of PyTorch's future
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # huge pages: fp32 is 4 to 15 % faster
    warnings.filterwarnings("ignore", ".torch.jit.[a-z_]+. is deprecated", DeprecationWarning)
    from serve.logs import start_logging
    from serve.models.backends import import_runtime
    from serve.models.load import load_models
    from serve.reload import HangUp

    hang_up = HangUp()
    start_logging(config.log_level)
    sys.setswitchinterval(0.001)  # the thread that generates delays the event loop by at most this
    import_runtime(config.runtime)
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        loading = executor.submit(load_models, config)
        # Imports Gradio, which takes about as long as to load and warm up a model.
        from serve.actions import Actions
        from serve.metrics import Metrics
        from serve.scenes.engine import Engine
        from serve.server import build_server

        models = loading.result()
    metrics = Metrics()
    engine = Engine(config.threads, config.scene_timeout, metrics)
    app = build_server(Actions(models, engine), engine, metrics, config)
    stop_metrics = metrics.serve(config.host, config.metrics_port) if config.metrics_port else None
    try:
        return asyncio.run(serve(app, engine, models, config, hang_up))
    finally:
        if stop_metrics:
            stop_metrics()


async def serve(app: Any, engine: Any, models: Any, config: ServerConfig, hang_up: Any) -> int:
    """Serves until SIGTERM or SIGINT, then shuts down gracefully: active scenes may end.

    SIGHUP replaces the models whose version has changed.

    Args:
        engine: a `serve.scenes.engine.Engine`.
        models: a `serve.models.load.Models`.
        hang_up: a `serve.reload.HangUp`.
    """
    import uvicorn

    from serve.reload import reload_models

    server = uvicorn.Server(uvicorn.Config(app, **uvicorn_options(config)))
    server.capture_signals = contextlib.nullcontext  # the handlers below replace uvicorn's
    stop_requested = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_requested.set)
    reload_requested = asyncio.Event()
    hang_up.install(loop, reload_requested, stop_requested)
    reloading = asyncio.create_task(reload_models(models, config, reload_requested))
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if server.started:
        address = f"http://{config.host}:{config.port}{config.root_path}"
        shows = [model.bundle.manifest["show"] for model in models.by_name.values()]
        print(f"Cold Open serves {', '.join(shows)} at {address}", flush=True)
        stopping = asyncio.create_task(stop_requested.wait())
        await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
        remaining = await engine.drain(config.shutdown_timeout)
        log.info("shutdown", extra={"unfinished_scenes": remaining})
        server.should_exit = True
    await serving
    reloading.cancel()
    return 0 if server.started else 1


def uvicorn_options(config: ServerConfig) -> dict[str, Any]:
    """The arguments of `uvicorn.Config`."""
    return {
        "host": config.host,
        "port": config.port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": True,
        "forwarded_allow_ips": config.trusted_proxies,
        "timeout_keep_alive": config.keep_alive,
        "timeout_graceful_shutdown": CONNECTION_TIMEOUT,
    }


def raise_file_limit() -> None:
    """Allows more open connections than the usual 1,024; a browser keeps six of them idle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def check_port(host: str, port: int, flag: str = "--port") -> None:
    """Raises `UserError` if the server cannot listen on this address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UserError(
                f"cannot listen on {host}:{port} ({error.strerror}): choose another {flag}"
            ) from None


if __name__ == "__main__":
    run(main)
