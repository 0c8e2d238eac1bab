"""The guard: which doors are open, to whom, how often, and for what bodies."""

import asyncio
import base64
import contextlib
import json
import random
import urllib.parse

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve.calls import APOLOGY
from serve.metrics import Metrics
from serve.middleware import (
    DEEPEST,
    FIELDS,
    HEADERS,
    MAX_BODY,
    Guard,
    Refusal,
    check_arguments,
    check_fields,
    read_body,
)

WRITE = "/gradio_api/call/v2/write"
JOIN = "/gradio_api/queue/join"
BODY = {"data": ["a", "b"], "fn_index": 3, "session_hash": "abc"}
quick = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])


class Inner:
    """What stands behind: tells what came through, and does what a path asks of it."""

    def __init__(self):
        self.seen = []

    async def __call__(self, scope, receive, send):
        self.seen.append(scope["path"])
        body = b""
        if scope["method"] == "POST":
            while True:
                message = await receive()
                body += message["body"]
                if not message["more_body"]:
                    break
        if b"fail" in body:
            raise RuntimeError("a secret of /etc/passwd")
        status = 503 if b"full" in body else 200
        headers = [(b"content-type", b"text/plain"), (b"x-inner", b"1")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if b"halfway" in body:
            raise RuntimeError("a secret of /etc/passwd")
        told = json.dumps({"path": scope["path"], "raw": scope["raw_path"].decode()}).encode()
        await send({"type": "http.response.body", "body": told + body})


def guarding(rate="", password="", root_path=""):
    return Guard(
        Inner(),
        Metrics(),
        rate,
        password,
        root_path,
        inputs={3: 2, 4: 0},
        endpoints={"write": {"prompt": False, "seed": False}, "surprise": {"text": True}},
    )


async def ask(guard, method, path, client="10.0.0.1", **options):
    transport = httpx.ASGITransport(guard, raise_app_exceptions=True, client=(client, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://cold.open") as browser:
        answer = await browser.request(method, path, **options)
    for name, value in HEADERS:
        assert answer.headers[name.decode()] == value.decode()
    return answer


def answer_to(method, path, guard=None, **options):
    return asyncio.run(ask(guard or guarding(), method, path, **options))


async def bare(guard, **scope):
    """What is sent in answer to a scope that no client of HTTP would make."""
    sent, body = [], [{"type": "http.request", "body": scope.pop("body", b""), "more_body": False}]

    async def receive():
        return body.pop() if body else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    whole = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    await guard({**whole, "client": ("1.2.3.4", 1), **scope}, receive, send)
    return sent


def refused(answer, status):
    """The one sentence of a refusal."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert set(told) == {"detail", "error"}
    assert told["detail"] == told["error"]
    assert told["detail"].endswith(".")
    assert len(told["detail"].splitlines()) == 1
    assert "x-inner" not in answer.headers
    return told["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/"), ("HEAD", "/"), ("GET", "/config"), ("GET", "/theme.css")),
        *(("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/favicon.ico")),
        *(("GET", "/assets/index-BQ2x_.js"), ("GET", "/static/fonts/x/y.woff2")),
        *(("GET", "/gradio_api/info"), ("GET", "/gradio_api/queue/data?session_hash=abc")),
        *(("GET", "/gradio_api/heartbeat/abc"), ("GET", "/gradio_api/call/write/abc123")),
    ],
)
def test_the_doors_that_the_page_needs_are_open(method, path):
    assert answer_to(method, path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/gradio_api/upload", "/upload", "/gradio_api/upload_progress", "/gradio_api/stream/a"),
        *("/gradio_api/file=/etc/passwd", "/file=/etc/passwd", "/gradio_api/file/etc/passwd"),
        *("/gradio_api/proxy=http://127.0.0.1/", "/proxy=https://x.hf.space/", "/gradio_api/proxy"),
        *("/gradio_api/vibe-edit", "/gradio_api/component_server", "/gradio_api/run/write"),
        *("/monitoring", "/monitoring/summary", "/gradio_api/api/write", "/docs", "/openapi.json"),
        *("/login", "/token", "/gradio_api/deep_link", "/gradio_api/dev/reload", "/.env"),
        *("/static/../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2fx"),
        *("/static/%252e%252e/x", "/assets//etc/passwd/..", "/..", "/%2e%2e/config"),
        *("//config", "/config//", "/CONFIG", "/config%00", "/config%0a", "/config;x", "/\\config"),
        *("/gradio_api/../config", "/assets/a%5c..%5cb", "/static/a%20b", "/static/%00"),
        *("/gradio_api/call/write/../x", "/gradio_api/call/a/b/c/d", "/gradio_api/heartbeat/a/b"),
        "/static/" + "a" * 300,
    ],
)
def test_all_other_doors_are_shut(path):
    guard = guarding()
    for method in ("GET", "POST", "HEAD"):
        # As a server decodes it: clients of HTTP take out some of these tricks by themselves.
        sent = asyncio.run(bare(guard, method=method, path=urllib.parse.unquote(path), body=b"{}"))
        assert sent[0]["status"] == 404
        assert json.loads(sent[1]["body"])["detail"] == "There is nothing at this address."
    assert guard.app.seen == []


def test_a_path_that_is_coded_is_seen_through():
    for path in ("/static/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2fx", "/config%00"):
        assert refused(answer_to("GET", path), 404) == "There is nothing at this address."


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"])
@pytest.mark.parametrize("path", ["/", "/config", WRITE])
def test_methods_that_nobody_needs_are_refused(method, path):
    assert answer_to(method, path).status_code == 404


def test_getting_is_not_posting():
    for path in ("/", "/config", "/healthz", "/metrics"):
        assert answer_to("POST", path, json=BODY).status_code == 404
    for path in (JOIN, "/gradio_api/call/write", "/gradio_api/cancel", "/gradio_api/reset"):
        assert answer_to("GET", path).status_code == 404


@quick
@given(st.lists(st.sampled_from(["/", "..", ".", "a", "static", "assets", "\0", "\n", "\\", "é"])))
def test_no_path_leads_out(parts):
    guard = guarding()
    path = "/" + "".join(parts)
    sent = asyncio.run(bare(guard, path=path))
    assert sent[0]["status"] in (200, 404)
    for seen in guard.app.seen:
        assert ".." not in seen
        assert not {"\0", "\n", "\\"} & set(seen)


def test_an_address_may_not_be_endless():
    answer = answer_to("GET", "/config?" + "x" * 2001)
    assert refused(answer, 414) == "This address is too long."


def test_web_sockets_get_no_answer_and_the_life_of_the_server_passes():
    guard = guarding()
    assert asyncio.run(bare(guard, type="websocket")) == []
    assert guard.app.seen == []
    seen = []

    async def inner(scope, _receive, _send):
        seen.append(scope["type"])

    guard.app = inner
    asyncio.run(guard({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]


# Bodies


def test_a_body_comes_through_as_it_was_sent():
    answer = answer_to("POST", JOIN, json=BODY)
    assert answer.status_code == 200
    assert json.loads(answer.text.partition("}")[2]) == BODY
    assert answer_to("POST", WRITE, json={"prompt": "é", "seed": 1}).status_code == 200
    call = {"data": ["é", 1]}
    assert answer_to("POST", "/gradio_api/call/write", json=call).status_code == 200


def pieces(size, count):
    async def chunks():
        for _ in range(count):
            yield b" " * size

    return chunks()


@pytest.mark.parametrize("path", [JOIN, WRITE, "/gradio_api/cancel"])
@pytest.mark.parametrize("kind", ["whole", "chunked", "endless"])
def test_a_body_that_is_too_large_is_refused(path, kind):
    content = {
        "whole": lambda: b" " * (MAX_BODY + 1),
        "chunked": lambda: pieces(10_000, 30),
        "endless": lambda: pieces(1000, 10**9),
    }[kind]()
    guard = guarding()
    answer = answer_to("POST", path, guard, content=content)
    assert refused(answer, 413) == "A request may have 256 KB at most."
    assert guard.app.seen == []


def test_a_body_as_large_as_may_be_is_read():
    body = json.dumps({"prompt": "x"}).encode()
    assert answer_to("POST", WRITE, content=body + b" " * (MAX_BODY - len(body))).status_code == 200


def test_a_body_that_is_cut_off_is_refused():
    async def cut_off():
        sent = []

        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": WRITE, "query_string": b""}
        await guarding()({**scope, "headers": [], "client": None}, receive, send)
        return sent

    assert asyncio.run(cut_off())[0]["status"] == 400


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"x", b"{", b"\xff\xfe", b"\xff", b"{} {}", b"NaN", b"'x'", b"{'a': 1}", b"\0"),
        *(b"[" * 100_000, b'{"a":' * 40_000, b'{"prompt": ' + b"1" * 6000 + b"}"),
    ],
)
def test_what_is_no_json_is_refused(body):
    for path in (JOIN, WRITE, "/gradio_api/reset"):
        assert refused(answer_to("POST", path, content=body), 400)


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null", b"true", b"[{}]"])
def test_a_body_is_an_object(body):
    told = refused(answer_to("POST", WRITE, content=body), 400)
    assert told == "The request's body must be a JSON object."


def test_a_body_nested_too_deep_is_refused():
    for depth in (DEEPEST + 1, 100, 500):
        body = f'{{"prompt": {"[" * depth}{"]" * depth}}}'.encode()
        told = refused(answer_to("POST", WRITE, content=body), 400)
        assert told == "The request's body is nested too deep."
    for depth in range(1, DEEPEST - 1):
        body = f'{{"prompt": {"[" * depth}{"]" * depth}}}'.encode()
        assert answer_to("POST", WRITE, content=body).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        *({"request": {}}, {"x": 1}, {"__class__": "x"}, {"data": {}}, {"data": "ab"}),
        *({"fn_index": "3"}, {"fn_index": 1.0}, {"fn_index": []}, {"session_hash": 1}),
        *({"session_hash": ["x"]}, {"event_id": {}}, {"trigger_id": "1"}, {"batched": 1}),
        *({"trigger_id": -1}, {"trigger_id": 10**30}, {"session_hash": "../x"}),
        *({"session_hash": ""}, {"session_hash": "a\n"}, {"event_id": "a b"}, {"event_id": "é"}),
        *({"session_hash": "x" * 81}, {"simple_format": None}, {"data": None}, {"data": ["a"]}),
        *({"data": ["a", "b", "c"]}, {"fn_index": 5}, {"fn_index": -1}, {"fn_index": None}),
        *({"fn_index": 10**30}, {"fn_index": 4}),
    ],
)
def test_a_field_that_is_strange_is_refused(change):
    guard = guarding()
    refused(answer_to("POST", JOIN, guard, json={**BODY, **change}), 400)
    assert guard.app.seen == []


def test_a_call_needs_its_data():
    assert "data, a list" in refused(answer_to("POST", JOIN, json={"fn_index": 3}), 400)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (WRITE, {"promptt": "x"}, 400, "There is no argument 'promptt': prompt, seed."),
        (WRITE, {"x" * 99: 1}, 400, "There is no argument 'xxxx"),
        (WRITE, {"\ud800": 1}, 400, "There is no argument '\\ud800'"),
        ("/gradio_api/call/v2/surprise", {}, 400, "The argument text is missing."),
        ("/gradio_api/call/v2/nothing", {}, 404, "The endpoints are write, surprise."),
        ("/gradio_api/call/nothing", {"data": []}, 404, "The endpoints are write, surprise."),
        ("/gradio_api/call/write", {"data": ["x"]}, 400, "data must be the list: prompt, seed."),
        ("/gradio_api/call/write", {}, 400, "data must be the list: prompt, seed."),
        ("/gradio_api/call/write", {"x": 1}, 400, "has a field that is strange here."),
    ],
)
def test_a_call_that_is_wrong_is_told_what_is_right(path, body, status, said):
    content = json.dumps(body).encode()
    assert said in refused(answer_to("POST", path, content=content), status)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@quick
@given(
    st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.text(max_size=9), anything, max_size=5)
    | anything
)
def test_of_any_json_the_checks_say_nothing_but_refusals(value):
    body = json.dumps(value).encode()
    for arguments in ({"prompt": False}, {"text": True}, {"data": False, "fn_index": True}):
        for check in (check_fields, lambda f, a=arguments: check_arguments(f, a)):
            with contextlib.suppress(Refusal):
                check(read_body(body))


@quick
@given(st.binary(max_size=200))
def test_of_any_bytes_the_checks_say_nothing_but_refusals(body):
    with pytest.raises(Refusal):
        check_fields(read_body(body) | {"strange": 1})


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), anything, max_size=6))
def test_no_body_breaks_the_guard(fields):
    guard = guarding()
    for path in (JOIN, WRITE, "/gradio_api/call/write", "/gradio_api/cancel"):
        body = json.dumps(fields).encode()
        sent = asyncio.run(bare(guard, method="POST", path=path, body=body))
        assert sent[0]["status"] in (200, 400)


# Who may come in, and how often


def header(text):
    return {"authorization": text}


def basic(user, password):
    return header("Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


@pytest.mark.parametrize("password", ["word", "pässwörd", "a:b:c", " ", "x" * 500])
def test_who_knows_the_password_comes_in_by_any_name(password):
    guard = guarding(password=password)
    for user in ("ann", "", "é"):
        assert answer_to("GET", "/", guard, headers=basic(user, password)).status_code == 200
    kind = header(basic("ann", password)["authorization"].replace("Basic", "bAsIc"))
    assert answer_to("GET", "/", guard, headers=kind).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        *({}, basic("ann", ""), basic("word", ""), basic("ann", "Word"), basic("ann", "words")),
        *(basic("ann", "wor"), basic("", "\0"), basic("ann:word", "x"), header("Basic")),
        *(header(""), header("Basic "), header("Basic ????"), header("Basic d29yZA")),
        *(header("Basic d29yZA=="), header("word"), header("Bearer word"), header("Basic Basic")),
        *(header("Digest " + base64.b64encode(b"ann:word").decode()), header("Basic =")),
        *(header(b"Basic \xff\xfe"), header("Basic " + "A" * 5000), header("Basic ann:word")),
    ],
)
def test_who_does_not_know_the_password_stays_outside(headers):
    guard = guarding(password="word")
    for method, path in (("GET", "/"), ("GET", "/metrics"), ("POST", WRITE), ("GET", "/nothing")):
        answer = answer_to(method, path, guard, headers=headers)
        assert refused(answer, 401) == "This page has a password."
        assert answer.headers["www-authenticate"] == 'Basic realm="Cold Open", charset="UTF-8"'
    assert guard.app.seen == []


def test_probes_need_no_password_and_have_no_pace():
    guard = guarding(password="word", rate="1/minute")
    for _ in range(5):
        for path in ("/healthz", "/readyz"):
            assert answer_to("GET", path, guard).status_code == 200


def test_one_client_may_not_ask_too_often_and_others_are_not_held_up():
    guard = guarding(rate="3/minute")

    async def many():
        statuses = []
        for path in (WRITE, JOIN, WRITE, WRITE, JOIN):
            body = BODY if path == JOIN else {}
            statuses.append(await ask(guard, "POST", path, json=body))
        other = await ask(guard, "POST", WRITE, client="10.0.0.2", json={})
        free = await ask(guard, "GET", "/config")
        cancel = await ask(guard, "POST", "/gradio_api/cancel", json={})
        return statuses, other, free, cancel

    statuses, other, free, cancel = asyncio.run(many())
    assert [answer.status_code for answer in statuses] == [200, 200, 200, 429, 429]
    assert "That was too fast: at most 3 per 1 minute" in refused(statuses[-1], 429)
    assert int(statuses[-1].headers["retry-after"]) > 0
    assert other.status_code == free.status_code == cancel.status_code == 200


def test_bodies_that_are_refused_count_too():
    guard = guarding(rate="2/minute")

    async def many():
        return [(await ask(guard, "POST", WRITE, content=b"x")).status_code for _ in range(4)]

    assert asyncio.run(many()) == [400, 400, 429, 429]


def test_a_client_without_an_address_is_one_too():
    guard = guarding(rate="1/minute")

    async def twice():
        one = await bare(guard, method="POST", path=WRITE, body=b"{}", client=None)
        two = await bare(guard, method="POST", path=WRITE, body=b"{}", client=None)
        return one[0]["status"], two[0]["status"]

    assert asyncio.run(twice()) == (200, 429)


# Prefixes, failures, a full house


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("/cold-open/config", 200), ("/config", 200), ("/cold-open", 200), ("/cold-open/", 200)),
        *(("/cold-openx", 404), ("/cold-open/nothing", 404), ("/x/cold-open/config", 404)),
        ("/cold-open/cold-open/config", 404),
    ],
)
def test_a_proxys_prefix_may_be_left_or_taken_off(path, status):
    guard = guarding(root_path="/cold-open")
    answer = answer_to("GET", path, guard)
    assert answer.status_code == status
    if status == 200:
        seen = answer.json()
        assert seen["path"] == seen["raw"] == (path.removeprefix("/cold-open") or "/")


def test_a_failure_inside_becomes_one_sentence(caplog):
    guard = guarding()
    answer = answer_to("POST", WRITE, guard, json={"prompt": "fail"})
    assert refused(answer, 500) == APOLOGY
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert [record.path for record in caplog.records if record.msg == "failed"] == [WRITE]
    assert 'reason="error"} 1.0' in guard.metrics.text(lambda: 0).decode()


def test_a_failure_halfway_adds_nothing_to_what_was_sent():
    sent = asyncio.run(bare(guarding(), method="POST", path=WRITE, body=b'{"prompt": "halfway"}'))
    assert [message["type"] for message in sent] == ["http.response.start"]


def test_a_full_house_is_told_in_a_sentence():
    answer = answer_to("POST", WRITE, json={"prompt": "full"})
    assert "try again soon" in refused(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    assert answer.text.count("{") == 1


def test_refusals_are_counted_by_their_reasons():
    guard = guarding(password="word")
    answer_to("GET", "/", guard)
    know = basic("", "word")
    answer_to("GET", "/nothing", guard, headers=know)
    answer_to("POST", WRITE, guard, headers=know, content=b"x")
    told = guard.metrics.text(lambda: 0).decode()
    for reason in ("password", "path", "body"):
        assert f'cold_open_refused_total{{reason="{reason}"}} 1.0' in told


def test_only_assets_are_kept_by_browsers():
    assert "immutable" in answer_to("GET", "/assets/index.js").headers["cache-control"]
    assert "cache-control" not in answer_to("GET", "/static/index.js").headers
    assert "cache-control" not in answer_to("GET", "/").headers


def test_random_bytes_in_every_place_of_a_request_get_an_answer():
    source = random.Random(4)

    def noise(most):
        return bytes(source.randrange(256) for _ in range(source.randrange(most)))

    for _ in range(200):
        guard = guarding(password=source.choice(["", "word"]), rate="100/minute")
        scope = {
            "method": source.choice(["GET", "POST", "HEAD", noise(5).decode("latin-1")]),
            "path": source.choice(["/", WRITE, JOIN, "/static/"]) + noise(4).decode("latin-1"),
            "query_string": noise(9),
            "headers": [(b"authorization", b"Basic " + noise(20)), (noise(9), noise(9))],
            "body": source.choice([noise(30), json.dumps(BODY).encode(), b"{}"]),
        }
        sent = asyncio.run(bare(guard, **scope))
        assert sent[0]["status"] in (200, 400, 401, 404)


@pytest.mark.parametrize("path", [WRITE, JOIN])
def test_what_gradio_takes_for_a_file_is_refused(path):
    file = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    for body in ({**BODY, "data": ["a", [file]]}, {"prompt": file}):
        assert "takes no files" in refused(answer_to("POST", path, json=body), 400)
