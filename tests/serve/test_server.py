"""The real server over HTTP: endpoints, probes, hostile callers, proxies, a graceful end."""

import base64
import contextlib
import itertools
import json
import random
import socket
import subprocess
import sys
import threading
import time

import gradio_client
import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse

from data.command_line import UserError
from serve.config import parse
from serve.models.backends import load_writer
from serve.models.bundles import open_bundle
from serve.scenes.scene import Scene
from serve.scenes.writing import Writing
from tests.conftest import ROOT
from tests.serving import free_port, functions_of, hostile, serving


@pytest.fixture(scope="module")
def server(bundle, tmp_path_factory):
    with serving(bundle, tmp_path_factory.mktemp("log"), "--rate-limit", "") as running:
        yield running
        # Whatever was asked of it, it is there, ends well, and never lost its composure.
        assert httpx.get(f"{running.address}/healthz").json() == {"status": "alive"}
        assert running.stop() == 0
        assert "Traceback" not in running.log.read_text()


@pytest.fixture(scope="module")
def client(server):
    return gradio_client.Client(server.address, verbose=False)


def call(address, endpoint, **arguments):
    """An endpoint as curl asks it; the events that it answers with, as (name, data)."""
    url = f"{address}/gradio_api/call/v2/{endpoint}"
    answer = httpx.post(url, json=arguments)
    assert answer.status_code == 200, answer.text
    url = f"{address}/gradio_api/call/{endpoint}/{answer.json()['event_id']}"
    return events(httpx.get(url, timeout=30).text)


def events(text):
    return [
        (head.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for head, data in (block.split("\n", 1) for block in text.strip().split("\n\n"))
    ]


def test_every_action_has_a_documented_endpoint(server):
    told = httpx.get(f"{server.address}/gradio_api/info").json()["named_endpoints"]
    assert set(told) == {
        *("/write", "/compare", "/continue_scene", "/rewrite_line", "/take_alternative"),
        *("/open_scene", "/alternatives", "/surprise", "/unknown_words", "/fountain", "/models"),
    }
    for name, endpoint in told.items():
        assert endpoint["description"], name
    assert [p["parameter_name"] for p in told["/write"]["parameters"]][:3] == [
        "prompt",
        "cast",
        "preset",
    ]


def test_a_program_writes_goes_on_rewrites_and_asks(client):
    text, facts = client.predict("Ann: hello", cast=["Ann"], seed=7, api_name="/write")
    assert text.startswith("Ann: hello")
    assert facts["done"]
    assert facts["seed"] == 7
    assert client.predict(facts["scene"], api_name="/open_scene")[0] == text
    longer, _ = client.predict(text, seed=1, max_new_tokens=20, api_name="/continue_scene")
    assert longer.startswith(text.rstrip()[:-1])
    rewritten, _ = client.predict("Ann: hello.\n\nBob: no?", 0, seed=2, api_name="/rewrite_line")
    assert rewritten.endswith("\n\nBob: no?")
    likely = client.predict("Ann: hello there.", 1, api_name="/alternatives")
    assert likely[0]["probability"] >= likely[-1]["probability"] > 0
    words = client.predict("Ann: hello Zorblax", api_name="/surprise")
    assert [word["text"].strip() for word in words] == ["Ann:", "Hello", "zorblax"]
    assert client.predict("Ann: Zorblax", api_name="/unknown_words") == ["zorblax"]
    assert "ANN\nhello." in client.predict("Ann: hello.", api_name="/fountain")
    assert client.predict(api_name="/models")[0]["show"] == "The Cafe"
    pair = client.predict("Ann: hi", {"preset": "wild"}, {"temperature": 0.0}, api_name="/compare")
    assert pair[1]["seed"] == pair[3]["seed"]


def test_a_scene_streams(server):
    told = call(server.address, "write", prompt="Ann: hello", max_new_tokens=900, seed=1)
    texts = [data[0] for name, data in told if name == "generating"]
    assert len(texts) > 2
    assert all(later.startswith(before[:-12]) for before, later in itertools.pairwise(texts))
    assert told[-1][0] == "complete"
    assert told[-1][1][0] == texts[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"prompt": "x" * 20_000}, "Prompt must be a text of at most"),
        ({"max_new_tokens": 10**9}, "Max_new_tokens must be from 0 to"),
        ({"temperature": -1}, "Temperature must be from 0 to 2"),
        ({"seed": 1.5}, "Seed must be a whole number"),
        ({"cast": ["Nobody"]}, "does not speak in The Cafe"),
        ({"cast": "Ann"}, "Cast must be a list"),
        ({"model": "../../etc/passwd"}, "There is no model"),
        ({"preset": ["wild"]}, "There is no preset"),
        ({"prompt": {"path": "/etc/passwd"}}, "Prompt must be a text"),
    ],
)
def test_a_mistake_is_one_sentence(server, arguments, said):
    told = call(server.address, "write", **arguments)
    assert told[-1][0] == "error"
    sentence = told[-1][1]["error"]
    assert said in sentence
    assert "root:" not in str(told)
    assert "Traceback" not in str(told)


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/upload",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/proxy=http://127.0.0.1/",
        "/gradio_api/vibe-edit",
        "/gradio_api/run/write",
        "/gradio_api/component_server",
        "/gradio_api/runs",
        "/monitoring",
        "/static/../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2f..%2fetc/passwd",
        "/docs",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_doors_that_nobody_needs_are_shut(server, path, method):
    answer = httpx.request(method, server.address + path)
    assert answer.status_code in (400, 404)
    assert "root:" not in answer.text


def test_hostile_callers_get_nothing_but_refusals(server):
    source = random.Random(5)
    functions = functions_of(httpx.get(f"{server.address}/config").json())
    with httpx.Client(base_url=server.address, timeout=20) as client:
        for _ in range(300):
            method, path, body = hostile(source, functions)
            answer = client.request(
                method, path, content=body, headers={"content-type": "application/json"}
            )
            assert answer.status_code < 500 or answer.status_code == 503, (method, path, body)
            assert "root:" not in answer.text
            assert "Traceback" not in answer.text
    text, _ = gradio_client.Client(server.address, verbose=False).predict(
        "Ann: ", seed=1, api_name="/write"
    )
    assert "Ann" in text


def test_metrics_and_logs_tell_what_happened_and_nothing_that_was_typed(server):
    call(server.address, "write", prompt="Ann: my secret", seed=1)
    told = httpx.get(f"{server.address}/metrics").text
    assert 'cold_open_requests_total{ending="ok",endpoint="write"}' in told
    assert "cold_open_words_total" in told
    assert "cold_open_writing 0.0" in told
    log = server.log.read_text()
    calls = [json.loads(line) for line in log.splitlines() if '"call"' in line]
    assert calls[-1]["endpoint"] == "write"
    assert calls[-1]["seconds"] > 0
    assert "secret" not in log


def test_a_reader_who_leaves_frees_the_place(server):
    body = {"prompt": "Ann: ", "max_new_tokens": 1000}
    url = f"{server.address}/gradio_api/call/v2/write"
    for _ in range(5):
        event = httpx.post(url, json=body).json()["event_id"]
        with httpx.stream("GET", f"{server.address}/gradio_api/call/write/{event}") as stream:
            next(stream.iter_lines())
    for _ in range(100):
        if "cold_open_writing 0.0" in httpx.get(f"{server.address}/metrics").text:
            return
        time.sleep(0.1)
    pytest.fail("scenes that nobody reads are still written")


def test_a_full_house_is_polite_and_ends_what_it_began(bundle, tmp_path):
    flags = ("--rate-limit", "", "--scenes", "1", "--waiting", "2")
    with serving(bundle, tmp_path, *flags) as server:
        told = []
        arguments = {"prompt": "Ann: ", "max_new_tokens": 1000, "seed": 3}
        reader = threading.Thread(
            target=lambda: told.extend(call(server.address, "write", **arguments))
        )
        reader.start()
        while "cold_open_writing 1.0" not in httpx.get(f"{server.address}/metrics").text:
            time.sleep(0.01)
        url = f"{server.address}/gradio_api/call/v2/write"
        asked = [httpx.post(url, json={"max_new_tokens": 1000}) for _ in range(6)]
        statuses = [answer.status_code for answer in asked]
        assert set(statuses) == {200, 503}
        refused = asked[statuses.index(503)]
        assert "try again" in refused.json()["detail"]
        assert refused.headers["retry-after"]

        server.process.terminate()
        with contextlib.suppress(httpx.TransportError):
            while httpx.get(f"{server.address}/readyz").status_code == 200:
                time.sleep(0.01)
        reader.join(30)
        assert server.process.wait(30) == 0
    assert told[-1][0] == "complete"
    assert told[-1][1][1]["done"]


@pytest.fixture(scope="module")
def guarded(bundle, tmp_path_factory):
    """A server with a password, a pace, and a place below a prefix."""
    flags = ("--rate-limit", "5/minute", "--root-path", "/cold-open")
    folder = tmp_path_factory.mktemp("log")
    with serving(bundle, folder, *flags, COLD_OPEN_PASSWORD="pässword") as server:
        yield server


def knows(client):
    word = base64.b64encode("ann:pässword".encode()).decode()
    return {"authorization": f"Basic {word}", "x-forwarded-for": client}


def test_a_password_guards_all_but_the_probes(guarded):
    address = guarded.address
    assert httpx.get(f"{address}/readyz").status_code == 200
    for path in ("/", "/config", "/metrics", "/gradio_api/info"):
        assert httpx.get(address + path).status_code == 401
    wrong = httpx.get(address, auth=("ann", "word"))
    assert wrong.status_code == 401
    assert wrong.headers["www-authenticate"].startswith("Basic")
    assert httpx.get(address, headers=knows("10.0.0.1")).status_code == 200


def test_one_client_may_not_ask_too_often(guarded):
    url = f"{guarded.address}/gradio_api/call/v2/models"
    many = [httpx.post(url, json={}, headers=knows("10.1.2.3")).status_code for _ in range(8)]
    assert many == [200] * 5 + [429] * 3
    # A proxy that is trusted tells who really asks.
    assert httpx.post(url, json={}, headers=knows("10.1.2.4")).status_code == 200


@pytest.mark.parametrize("strips", [True, False])
def test_behind_a_proxy_with_a_prefix(guarded, strips):
    headers = knows(f"10.2.0.{int(strips)}")
    with proxy(guarded.address, "/cold-open" if strips else "") as front:
        page = httpx.get(f"{front}/cold-open/", headers=headers)
        assert page.status_code == 200
        config = httpx.get(f"{front}/cold-open/config", headers=headers).json()
        assert config["root"] == f"{front}/cold-open"
        client = gradio_client.Client(f"{front}/cold-open/", headers=headers, verbose=False)
        text, _ = client.predict("Ann: hello", seed=1, api_name="/write")
        assert text.startswith("Ann: hello")


@contextlib.contextmanager
def proxy(behind, prefix):
    """A plain reverse proxy that takes `prefix` off, as nginx does with a slash at the end."""

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


def test_onnx_runtime_serves_the_same_scene(bundle, tmp_path):
    expected = Writing(
        load_writer(open_bundle(bundle, "torchscript", "fp32")),
        Scene(prompt="Ann: hello", seed=4),
    )
    expected.start()
    expected.go_on(60)
    with serving(bundle, tmp_path, "--runtime", "onnx", "--precision", "fp32") as server:
        told = call(server.address, "write", prompt="Ann: hello", seed=4)
    assert told[-1][1][0] == expected.text


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--port", "0"], "--port must be from 1"),
        (["--root-path", "x/"], "--root-path must be like"),
        (["--rate-limit", "often"], "--rate-limit must be like"),
    ],
)
def test_a_setting_out_of_range_is_named(flags, said):
    with pytest.raises(UserError, match=said):
        parse(flags)


def test_a_mistake_on_the_command_line_is_one_line(bundle):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        for flags, said in (
            (["--port", port], "give another --port"),
            (["--model", "nowhere"], "nowhere: there is no exported model"),
        ):
            command = [sys.executable, "-m", "serve", *flags]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 2
            assert said in done.stderr
            assert len(done.stderr.splitlines()) == 1
