"""python -m serve: open the page for an exported model."""

import os
import pathlib
import signal
import socket
import sys
import warnings

from data.command_line import Parser, UserError, run


def main() -> None:
    """Loads the model, opens the page, and serves until it is stopped."""
    parser = Parser(prog="python -m serve", description="Serves the page of an exported model.")
    parser.add_argument(
        "--model", type=pathlib.Path, help="what export wrote (default: the newest in artifacts/)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on")
    arguments = parser.parse_args()
    if not 1 <= arguments.port <= 65535:
        raise UserError(f"--port must be from 1 to 65535, not {arguments.port}")
    refuse_busy(arguments.host, arguments.port)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    warnings.filterwarnings("ignore", ".torch.jit.[a-z_]+. is deprecated", DeprecationWarning)
    import torch
    from starlette.middleware import Middleware

    from serve.app import CSS, NoUploads, build_app
    from serve.backends import TorchScriptBackend, newest_model

    torch.set_num_threads(1)  # a second thread brings nothing at batch 1, and others write too
    backend = TorchScriptBackend(arguments.model or newest_model(pathlib.Path("artifacts")))
    app = build_app(backend)
    app.launch(
        server_name=arguments.host,
        server_port=arguments.port,
        css_paths=CSS,
        footer_links=["api"],
        app_kwargs={"middleware": [Middleware(NoUploads)]},
        max_file_size=1,
        prevent_thread_lock=True,
        quiet=True,
        run_history=False,
        show_error=False,
        ssr_mode=False,
    )
    print(
        f"Cold Open is writing {backend.show} at http://{arguments.host}:{arguments.port}",
        flush=True,
    )
    app.block_thread()


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
