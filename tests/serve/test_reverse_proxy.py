"""The real server behind a reverse proxy, with ONNX Runtime: path prefix, password, rate limit."""

import base64
import contextlib
import threading
import time

import gradio_client
import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse

from serve.models.backends import load_writer
from serve.models.bundles import open_bundle
from serve.scenes.generation import Generation
from serve.scenes.scene import Scene
from tests.serve.test_server import call
from tests.serving import free_port, serving


@pytest.fixture(scope="module")
def metrics_port():
    return free_port()


@pytest.fixture(scope="module")
def restricted(bundle, metrics_port, tmp_path_factory):
    """A server with a password, a rate limit, a path prefix, and a port for metrics."""
    flags = ("--rate-limit", "5/minute", "--root-path", "/cold-open")
    flags += ("--metrics-port", str(metrics_port), "--runtime", "onnx", "--precision", "fp32")
    folder = tmp_path_factory.mktemp("log")
    with serving(bundle, folder, *flags, COLD_OPEN_PASSWORD="pässword") as server:
        yield server
        assert server.stop() == 0


def credentials(client):
    password = base64.b64encode("ann:pässword".encode()).decode()
    return {"authorization": f"Basic {password}", "x-forwarded-for": client}


def test_authentication_is_required_except_for_health_probes(restricted):
    address = restricted.address
    assert httpx.get(f"{address}/readyz").status_code == 200
    for path in ("/", "/config", "/metrics", "/gradio_api/info"):
        assert httpx.get(address + path).status_code == 401
    wrong = httpx.get(address, auth=("ann", "word"))
    assert wrong.status_code == 401
    assert wrong.headers["www-authenticate"].startswith("Basic")
    assert httpx.get(address, headers=credentials("10.0.0.1")).status_code == 200


def test_metrics_port_needs_no_password(restricted, metrics_port):
    metrics = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics").text
    assert 'cold_open_model_info{model="the-cafe"' in metrics
    assert "cold_open_models 1.0" in metrics
    assert "cold_open_queued_requests 0.0" in metrics
    page = f"{restricted.address}/metrics"
    assert httpx.get(page).status_code == 401
    assert httpx.get(page, headers=credentials("10.0.0.1")).status_code == 404


def test_onnx_runtime_serves_the_same_scene_as_torchscript(restricted, bundle):
    writer = load_writer(open_bundle(bundle, "torchscript", "fp32"))
    expected = Generation(writer, Scene(prompt="Ann: hello", seed=4))
    expected.start()
    expected.run()
    scene = {"headers": credentials("10.3.0.1"), "prompt": "Ann: hello", "seed": 4}
    assert call(restricted.address, "write", **scene)[-1][1][0] == expected.text


def test_rate_limit_per_client_behind_a_trusted_proxy(restricted):
    url = f"{restricted.address}/gradio_api/call/v2/models"
    many = [httpx.post(url, json={}, headers=credentials("10.1.2.3")).status_code for _ in range(8)]
    assert many == [200] * 5 + [429] * 3
    # The client's address is that of X-Forwarded-For.
    assert httpx.post(url, json={}, headers=credentials("10.1.2.4")).status_code == 200


@pytest.mark.parametrize("strips", [True, False])
def test_root_path_behind_a_reverse_proxy(restricted, strips):
    headers = credentials(f"10.2.0.{int(strips)}")
    with proxy(restricted.address, "/cold-open" if strips else "") as front:
        page = httpx.get(f"{front}/cold-open/", headers=headers)
        assert page.status_code == 200
        config = httpx.get(f"{front}/cold-open/config", headers=headers).json()
        assert config["root"] == f"{front}/cold-open"
        client = gradio_client.Client(f"{front}/cold-open/", headers=headers, verbose=False)
        text, _ = client.predict("Ann: hello", seed=1, api_name="/write")
        assert text.startswith("Ann: hello")


@contextlib.contextmanager
def proxy(behind, prefix):
    """A plain reverse proxy that removes `prefix`, as nginx does for a location with a slash."""

    async def forward(scope, receive, send):
        request = Request(scope, receive)
        path = request.url.path.removeprefix(prefix)
        url = httpx.URL(behind + path, query=request.url.query.encode())
        async with (
            httpx.AsyncClient(timeout=30) as upstream,
            upstream.stream(
                request.method, url, headers=request.headers.raw, content=await request.body()
            ) as answer,
        ):
            kept = {k: v for k, v in answer.headers.items() if k != "transfer-encoding"}
            body = StreamingResponse(answer.aiter_raw(), answer.status_code, kept)
            await body(scope, receive, send)

    app = Starlette()
    app.mount("/", forward)
    port = free_port()
    front = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=front.run)
    thread.start()
    while not front.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        front.should_exit = True
        thread.join(10)
