"""Every setting of the server: its default, its help, and what is refused."""

import argparse
import dataclasses
import pathlib

import limits

from data.command_line import Parser, UserError


@dataclasses.dataclass(frozen=True)
class Config:
    """How the page is served."""

    artifacts: pathlib.Path = pathlib.Path("artifacts")
    model: pathlib.Path | None = None
    runtime: str = "torchscript"
    precision: str = "int8"
    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""
    password: str = ""
    scenes: int = 32
    waiting: int = 64
    workers: int = 1
    max_seconds: float = 60.0
    rate_limit: str = "300/minute"
    trusted_proxies: str = "127.0.0.1"
    grace_seconds: float = 20.0
    log_level: str = "info"
    log_prompts: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (
            ("port", 1, 65535),
            ("scenes", 1, 1000),
            ("waiting", 1, 10_000),
            ("workers", 1, 256),
            ("max_seconds", 1, 3600),
            ("grace_seconds", 0, 3600),
        ):
            if not low <= (value := getattr(self, name)) <= high:
                flag = "--" + name.replace("_", "-")
                raise UserError(f"{flag} must be from {low} to {high}, not {value}")
        if self.root_path and not (self.root_path.startswith("/") and self.root_path[-1:] != "/"):
            raise UserError(f"--root-path must be like /cold-open, not {self.root_path}")
        try:
            _ = self.rate_limit and limits.parse(self.rate_limit)
        except ValueError:
            raise UserError(
                f"--rate-limit must be like 300/minute, or empty, not {self.rate_limit}"
            ) from None


def parse(arguments: list[str] | None = None) -> Config:
    """The command line and the environment as a `Config`."""
    parser = Parser(prog="python -m serve", description="Serves the page of exported models.")
    add, default = parser.add_argument, Config()
    add("--artifacts", type=pathlib.Path, default=default.artifacts, help="folder of the bundles")
    add("--model", type=pathlib.Path, help="one bundle's folder, or a model file in it, alone")
    add("--runtime", choices=("torchscript", "onnx"), default=default.runtime,
        help="what runs the model; onnx needs no PyTorch")  # fmt: skip
    add("--precision", choices=("int8", "fp32"), default=default.precision,
        help="which file of a bundle; fp32 where there is no other")  # fmt: skip
    add("--host", default=default.host, help="address to listen on")
    add("--port", type=int, default=default.port, help="port to listen on")
    add("--root-path", default="", help="path under which a proxy shows the page: /cold-open")
    add("--password", default="", help="ask for it (HTTP Basic, any user name)")
    add("--scenes", type=int, default=default.scenes, help="scenes that are written at once")
    add("--waiting", type=int, default=default.waiting, help="requests that may wait for a place")
    add("--workers", type=int, default=default.workers,
        help="threads that read prompts and answer questions; one more writes")  # fmt: skip
    add("--max-seconds", type=float, default=default.max_seconds, help="longest time for a scene")
    add("--rate-limit", default=default.rate_limit, help="calls of one client; empty: no limit")
    add("--trusted-proxies", default=default.trusted_proxies,
        help="addresses whose X-Forwarded-For is believed; * for all")  # fmt: skip
    add("--grace-seconds", type=float, default=default.grace_seconds,
        help="how long running scenes may go on after SIGTERM")  # fmt: skip
    add("--log-level", choices=("debug", "info", "warning", "error"), default=default.log_level,
        help="what is logged")  # fmt: skip
    add("--log-prompts", action=argparse.BooleanOptionalAction, default=False,
        help="log what people type, too")  # fmt: skip
    return Config(**vars(parser.parse_args(arguments)))
