"""The server's settings: flags, their defaults, and the checks of their values."""

import argparse
import dataclasses
import pathlib

import limits as rate_limits  # the package, not serve.limits

from data.command_line import Parser, UserError
from serve import limits


@dataclasses.dataclass(frozen=True)
class ServerConfig:
    """The settings of one server.

    Raises:
        UserError: for a value out of range; names the flag.
    """

    artifacts: pathlib.Path = pathlib.Path("artifacts")
    model: str = ""
    runtime: str = "torchscript"
    precision: str = "int8"
    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""
    metrics_port: int = limits.METRICS_PORT
    password: str = ""
    max_loaded: int = limits.MAX_LOADED
    watch: float = limits.WATCH_INTERVAL
    max_concurrent: int = limits.MAX_CONCURRENT
    max_queue: int = limits.MAX_QUEUE
    threads: int = limits.THREADS
    scene_timeout: float = limits.SCENE_TIMEOUT
    rate_limit: str = limits.RATE_LIMIT
    trusted_proxies: str = "127.0.0.1"
    shutdown_timeout: float = limits.SHUTDOWN_TIMEOUT
    offer_download: bool = False
    keep_alive: int = limits.KEEP_ALIVE
    log_level: str = "info"
    log_prompts: bool = False

    def __post_init__(self) -> None:
        for name, (low, high) in limits.FLAG_RANGES.items():
            if not low <= (value := getattr(self, name)) <= high:
                flag = "--" + name.replace("_", "-")
                raise UserError(f"{flag} must be from {low} to {high}, not {value}")
        if self.metrics_port == self.port:
            raise UserError(f"--metrics-port {self.metrics_port} must differ from --port")
        if self.root_path and not (self.root_path.startswith("/") and self.root_path[-1:] != "/"):
            raise UserError(f"--root-path must be like /cold-open, not {self.root_path}")
        try:
            _ = self.rate_limit and rate_limits.parse(self.rate_limit)
        except ValueError:
            raise UserError(
                f"--rate-limit must be like 300/minute, or empty, not {self.rate_limit}"
            ) from None


def parse(arguments: list[str] | None = None) -> ServerConfig:
    """The settings from the command line and the environment."""
    parser = Parser(
        prog="python -m serve",
        description="Serves the web page of exported models.",
        epilog="A TorchScript file is a program that runs when it is loaded: serve only models "
        "that you exported, or whose source you trust. With --runtime onnx, nothing in them runs.",
    )
    add, default = parser.add_argument, ServerConfig()
    add("--artifacts", type=pathlib.Path, default=default.artifacts,
        help="folder with exported models, one bundle per subfolder")  # fmt: skip
    add(
        "--model",
        default="",
        help="serve one model only: the name of a folder in --artifacts, or "
        "a path to a folder or model file; NAME@VERSION is one version, whatever is exported later",
    )
    add(
        "--max-loaded",
        type=int,
        default=default.max_loaded,
        help="models in memory; others are loaded when they are used",
    )
    add("--watch", type=float, default=default.watch,
        help="seconds between looks for new exports; 0: only at SIGHUP")  # fmt: skip
    add("--runtime", choices=("torchscript", "onnx"), default=default.runtime,
        help="inference runtime; onnx needs no PyTorch")  # fmt: skip
    add("--precision", choices=("int8", "fp32"), default=default.precision,
        help="precision of the model file; fp32 where a bundle has no int8 file")  # fmt: skip
    add("--host", default=default.host, help="address to listen on")
    add("--port", type=int, default=default.port, help="port to listen on")
    add("--root-path", default="", help="path prefix behind a reverse proxy, like /cold-open")
    add("--metrics-port", type=int, default=default.metrics_port,
        help="port for /metrics, which then needs no password; 0: that of the page")  # fmt: skip
    add("--password", default="", help="password for HTTP Basic authentication, any user name")
    add("--max-concurrent", type=int, default=default.max_concurrent,
        help="scenes generated at the same time")  # fmt: skip
    add("--max-queue", type=int, default=default.max_queue,
        help="queue size; further requests get status 503")  # fmt: skip
    add("--threads", type=int, default=default.threads,
        help="threads for prompts and short requests; scenes use one more")  # fmt: skip
    add("--scene-timeout", type=float, default=default.scene_timeout,
        help="seconds after which a scene is ended")  # fmt: skip
    add("--rate-limit", default=default.rate_limit, help="requests per client; empty: no limit")
    add("--trusted-proxies", default=default.trusted_proxies,
        help="proxies whose X-Forwarded-For header is trusted; * for all")  # fmt: skip
    add("--keep-alive", type=int, default=default.keep_alive,
        help="seconds before an idle connection is closed; a proxy must close first")  # fmt: skip
    add("--shutdown-timeout", type=float, default=default.shutdown_timeout,
        help="seconds of a graceful shutdown: running scenes may end after SIGTERM")  # fmt: skip
    add("--offer-download", action=argparse.BooleanOptionalAction, default=False,
        help="let everyone download the files of the models, from the tab About")  # fmt: skip
    add("--log-level", choices=("debug", "info", "warning", "error"), default=default.log_level,
        help="lowest level that is logged")  # fmt: skip
    add("--log-prompts", action=argparse.BooleanOptionalAction, default=False,
        help="log prompts and texts, which are left out by default")  # fmt: skip
    return ServerConfig(**vars(parser.parse_args(arguments)))
