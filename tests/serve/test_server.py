"""The real server over HTTP: API endpoints, hostile requests, metrics, logs, graceful shutdown."""

import contextlib
import functools
import itertools
import json
import random
import re
import threading
import time

import gradio_client
import httpx
import pytest

from tests.serve.bad_calls import BAD_CALLS
from tests.serving import functions_of, hostile, serving


@pytest.fixture(scope="module")
def server(bundle, tmp_path_factory):
    with serving(bundle, tmp_path_factory.mktemp("log"), "--rate-limit", "") as running:
        yield running
        # After all tests it is alive, exits with 0, and has logged no traceback.
        assert httpx.get(f"{running.address}/healthz").json() == {"status": "alive"}
        assert running.stop() == 0
        assert "Traceback" not in running.log.read_text()


@pytest.fixture(scope="module")
def client(server):
    return gradio_client.Client(server.address, verbose=False)


def call(address, endpoint, headers=None, **arguments):
    """The events that an endpoint answers with, as (name, data); called as with curl."""
    url = f"{address}/gradio_api/call/v2/{endpoint}"
    answer = httpx.post(url, json=arguments, headers=headers)
    assert answer.status_code == 200, answer.text
    url = f"{address}/gradio_api/call/{endpoint}/{answer.json()['event_id']}"
    return events(httpx.get(url, headers=headers, timeout=30).text)


def events(text):
    return [
        (head.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for head, data in (block.split("\n", 1) for block in text.strip().split("\n\n"))
    ]


def test_api_endpoints_are_documented(server):
    answer = httpx.get(f"{server.address}/gradio_api/info").json()["named_endpoints"]
    assert set(answer) == {
        *("/write", "/takes", "/compare", "/continue_scene", "/rewrite_line", "/take_alternative"),
        *("/open_scene", "/alternatives", "/surprise", "/unknown_words", "/fountain", "/models"),
    }
    for name, endpoint in answer.items():
        assert endpoint["description"], name
    openapi = httpx.get(f"{server.address}/gradio_api/openapi.json").json()
    for path, operations in openapi["paths"].items():
        for method in operations:  # an unknown argument, or the results of no call
            url = server.address + path.format(event_id="none")
            answer = httpx.request(method, url, json={"x": 1}, timeout=60)
            expected = "There is no (argument 'x'|such result)|alive|ready"
            assert re.search(expected, answer.text), (method, path)


def test_page_asks_for_three_takes_of_200_words(server):
    components = httpx.get(f"{server.address}/config").json()["components"]
    values = {each["props"].get("label"): each["props"].get("value") for each in components}
    assert (values["Takes"], values["Length"]) == (3, 200)


def test_result_is_fetched_once(server):
    answer = httpx.post(f"{server.address}/gradio_api/call/v2/models", json={})
    for version in ("", "v2/"):
        path = f"{server.address}/gradio_api/call/{version}models/{answer.json()['event_id']}"
        assert httpx.get(path).status_code == (404 if version else 200)


def test_takes_are_streamed_together(server):
    answer = call(server.address, "takes", prompt="Ann: hello", n=2, length=40, seed=7)
    (name, (scripts, facts)) = answer[-1]
    assert name == "complete"
    assert [each["seed"] for each in facts] == [7, 8]
    alone = [call(server.address, "write", prompt="Ann: hello", length=40, seed=s) for s in (7, 8)]
    assert scripts == [each[-1][1][0] for each in alone]
    assert call(server.address, "takes", n=0)[-1][1]["error"].startswith("n must be")


def test_gradio_client_calls_every_endpoint(client):
    write = functools.partial(client.predict, length=20, api_name="/write")
    text, facts = write("Ann: hello", cast=["Ann"], seed=7)
    assert text.startswith("Ann: hello")
    assert facts["done"]
    assert facts["seed"] == 7
    assert client.predict(facts["scene"], api_name="/open_scene")[0] == text
    _, facts = write("Ann:", seed=7, invent_words=True)
    assert json.loads(facts["scene"])["invent_words"] is True
    longer, _ = client.predict(text, seed=1, length=20, api_name="/continue_scene")
    assert longer.startswith(text.rstrip()[:-1])
    rewritten, _ = client.predict("Ann: hello.\n\nBob: no?", 0, seed=2, api_name="/rewrite_line")
    assert rewritten.endswith("\n\nBob: no?")
    likely = client.predict("Ann: hello there.", 1, api_name="/alternatives")
    assert likely[0]["probability"] >= likely[-1]["probability"] > 0
    words = client.predict("Ann: hello Zorblax", api_name="/surprise")
    assert [word["text"].strip() for word in words] == ["Ann:", "hello", "Zorblax"]
    assert client.predict("Ann: Zorblax", api_name="/unknown_words") == ["zorblax"]
    assert "ANN\nhello." in client.predict("Ann: hello.", api_name="/fountain")
    assert client.predict(api_name="/models")[0]["show"] == "The Cafe"
    options = {"preset": "wild"}, {"temperature": 0.0}
    pair = client.predict("Ann: hi", *options, length=20, api_name="/compare")
    assert pair[1]["seed"] == pair[3]["seed"]


def test_write_streams_growing_text(server):
    answer = call(server.address, "write", prompt="Ann: hello", length=900, seed=1)
    texts = [data[0] for name, data in answer if name == "generating"]
    assert len(texts) > 2
    assert all(later.startswith(before[:-12]) for before, later in itertools.pairwise(texts))
    assert answer[-1][0] == "complete"
    assert answer[-1][1][0] == texts[-1]


def test_bad_calls_are_refused_by_one_sentence(server):
    assert len(BAD_CALLS) > 65
    with httpx.Client(base_url=f"{server.address}/gradio_api/call", timeout=30) as client:
        for endpoint, arguments, beginning in BAD_CALLS:
            made = f"{endpoint} {str(arguments)[:80]}"
            answer = client.post(f"/v2/{endpoint}", json=arguments)
            if answer.status_code == 200:
                results = client.get(f"/{endpoint}/{answer.json()['event_id']}")
                ((name, data),) = events(results.text)
                assert name == "error", made
                sentence = data["error"]
            else:
                assert answer.status_code in (400, 404), made
                sentence = answer.json()["error"]
            assert sentence.startswith(beginning), f"{made}: {sentence}"
            assert sentence.endswith("."), made
            assert len(sentence.splitlines()) == 1
            assert "root:" not in sentence


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
def test_other_routes_of_gradio_are_not_reachable(server, path, method):
    answer = httpx.request(method, server.address + path)
    assert answer.status_code in (400, 404)
    assert "root:" not in answer.text


def test_hostile_requests_get_errors_only(server):
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
        "Ann: ", seed=1, length=20, api_name="/write"
    )
    assert "Ann" in text


def test_metrics_and_logs_count_requests_and_hold_no_prompts(server):
    call(server.address, "write", prompt="Ann: my secret", length=20)
    answer = httpx.get(f"{server.address}/metrics").text
    assert 'cold_open_requests_total{endpoint="write",outcome="ok"}' in answer
    assert "cold_open_words_total" in answer
    assert "cold_open_active_scenes 0.0" in answer
    log = server.log.read_text()
    calls = [json.loads(line) for line in log.splitlines() if '"event": "request"' in line]
    assert calls[-1]["endpoint"] == "write"
    assert calls[-1]["seconds"] > 0
    assert "secret" not in log


def test_disconnected_client_frees_its_place(server):
    body = {"prompt": "Ann: ", "length": 1000}
    url = f"{server.address}/gradio_api/call/v2/write"
    for _ in range(5):
        event = httpx.post(url, json=body).json()["event_id"]
        with httpx.stream("GET", f"{server.address}/gradio_api/call/write/{event}") as stream:
            next(stream.iter_lines())
    for _ in range(100):
        if "cold_open_active_scenes 0.0" in httpx.get(f"{server.address}/metrics").text:
            return
        time.sleep(0.1)
    pytest.fail("scenes without a client are still generated")


def test_queue_full_then_graceful_shutdown_ends_the_active_scene(bundle, tmp_path):
    flags = ("--rate-limit", "", "--max-concurrent", "1", "--max-queue", "2")
    with serving(bundle, tmp_path, *flags) as server:
        answer = []
        arguments = {"prompt": "Ann: ", "length": 1000, "seed": 3}
        reader = threading.Thread(
            target=lambda: answer.extend(call(server.address, "write", **arguments))
        )
        reader.start()
        while "cold_open_active_scenes 1.0" not in httpx.get(f"{server.address}/metrics").text:
            time.sleep(0.01)
        url = f"{server.address}/gradio_api/call/v2/write"
        asked = [httpx.post(url, json={"length": 10}) for _ in range(6)]
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
    assert answer[-1][0] == "complete"
    assert answer[-1][1][1]["done"]
