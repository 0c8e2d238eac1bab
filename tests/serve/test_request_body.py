"""The middleware's checks of request bodies: size limit, JSON, fields, arguments, files."""

import asyncio
import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve.gradio_compat import BODY_FIELDS
from serve.limits import MAX_BODY_BYTES, MAX_JSON_DEPTH
from serve.request_body import RejectedRequest, check_arguments, check_fields, parse_body
from tests.serve.asgi import BODY, JOIN, WRITE, error_of, middleware, respond, send_raw

quick = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def chunks_of(size, count):
    async def chunks():
        for _ in range(count):
            yield b" " * size

    return chunks()


def test_valid_body_reaches_the_app_unchanged():
    answer = respond("POST", JOIN, json=BODY)
    assert answer.status_code == 200
    assert json.loads(answer.text.partition("}")[2]) == BODY
    assert respond("POST", WRITE, json={"prompt": "é", "seed": 1}).status_code == 200
    call = {"data": ["é", 1]}
    assert respond("POST", "/gradio_api/call/write", json=call).status_code == 200


@pytest.mark.parametrize("path", [JOIN, WRITE, "/gradio_api/cancel"])
@pytest.mark.parametrize("kind", ["whole", "chunked", "endless"])
def test_body_size_limit(path, kind):
    content = {
        "whole": lambda: b" " * (MAX_BODY_BYTES + 1),
        "chunked": lambda: chunks_of(10_000, 30),
        "endless": lambda: chunks_of(1000, 10**9),
    }[kind]()
    app = middleware()
    answer = respond("POST", path, app, content=content)
    assert error_of(answer, 413) == "The request body is larger than 256 KB."
    assert app.app.seen == []


def test_body_of_exactly_the_size_limit_is_accepted():
    body = json.dumps({"prompt": "x"}).encode()
    assert (
        respond("POST", WRITE, content=body + b" " * (MAX_BODY_BYTES - len(body))).status_code
        == 200
    )


def test_incomplete_body_is_rejected():
    async def cut_off():
        sent = []

        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": WRITE, "query_string": b""}
        await middleware()({**scope, "headers": [], "client": None}, receive, send)
        return sent

    assert asyncio.run(cut_off())[0]["status"] == 400


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"x", b"{", b"\xff\xfe", b"\xff", b"{} {}", b"NaN", b"'x'", b"{'a': 1}", b"\0"),
        *(b"[" * 100_000, b'{"a":' * 40_000, b'{"prompt": ' + b"1" * 6000 + b"}"),
    ],
)
def test_body_that_is_not_json_is_rejected(body):
    for path in (JOIN, WRITE, "/gradio_api/reset"):
        assert error_of(respond("POST", path, content=body), 400)


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null", b"true", b"[{}]"])
def test_body_must_be_a_json_object(body):
    text = error_of(respond("POST", WRITE, content=body), 400)
    assert text == "The request body must be a JSON object."


def test_json_depth_limit():
    for depth in (MAX_JSON_DEPTH + 1, 100, 500):
        body = f'{{"prompt": {"[" * depth}{"]" * depth}}}'.encode()
        text = error_of(respond("POST", WRITE, content=body), 400)
        assert text == "The request body is nested too deep."
    for depth in range(1, MAX_JSON_DEPTH - 1):
        body = f'{{"prompt": {"[" * depth}{"]" * depth}}}'.encode()
        assert respond("POST", WRITE, content=body).status_code == 200


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
def test_unexpected_field_or_type_is_rejected(change):
    app = middleware()
    error_of(respond("POST", JOIN, app, json={**BODY, **change}), 400)
    assert app.app.seen == []


def test_queue_join_needs_data():
    assert "data, a list" in error_of(respond("POST", JOIN, json={"fn_index": 3}), 400)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        (WRITE, {"promptt": "x"}, 400, "There is no argument 'promptt': prompt, seed."),
        (
            WRITE,
            {"seed": 10**4299},
            400,
            "seed has a number of 4,300 digits; at most 40 are allowed.",
        ),
        (WRITE, {"cast": [[10**50]]}, 400, "cast has a number of 51 digits; at most 40 are"),
        (WRITE, {"x" * 99: 1}, 400, "There is no argument 'xxxx"),
        (WRITE, {"\ud800": 1}, 400, "There is no argument '\\ud800'"),
        ("/gradio_api/call/v2/surprise", {}, 400, "The argument text is missing."),
        (
            "/gradio_api/call/v2/nothing",
            {},
            404,
            "There is no such endpoint; there are write, surprise.",
        ),
        (
            "/gradio_api/call/nothing",
            {"data": []},
            404,
            "There is no such endpoint; there are write, surprise.",
        ),
        ("/gradio_api/call/write", {"data": ["x"]}, 400, "data must be the list: prompt, seed."),
        ("/gradio_api/call/write", {}, 400, "data must be the list: prompt, seed."),
        ("/gradio_api/call/write", {"x": 1}, 400, "has an unexpected field."),
    ],
)
def test_wrong_arguments_are_named_with_the_right_ones(path, body, status, message):
    content = json.dumps(body).encode()
    assert message in error_of(respond("POST", path, content=content), status)


def test_number_of_5000_digits_is_named_and_not_called_invalid_json():
    content = b'{"seed": ' + b"9" * 5000 + b"}"
    message = error_of(respond("POST", WRITE, content=content), 400)
    assert message == "seed has a number of 5,000 digits; at most 40 are allowed."


@quick
@given(
    st.dictionaries(
        st.sampled_from(sorted(BODY_FIELDS)) | st.text(max_size=9), anything, max_size=5
    )
    | anything
)
def test_body_checks_raise_only_rejections_for_any_json(value):
    body = json.dumps(value).encode()
    for arguments in ({"prompt": False}, {"text": True}, {"data": False, "fn_index": True}):
        for check in (check_fields, lambda f, a=arguments: check_arguments(f, a)):
            with contextlib.suppress(RejectedRequest):
                check(parse_body(body))


@quick
@given(st.binary(max_size=200))
def test_body_checks_raise_only_rejections_for_any_bytes(body):
    with pytest.raises(RejectedRequest):
        check_fields(parse_body(body) | {"strange": 1})


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(BODY_FIELDS)), anything, max_size=6))
def test_any_body_is_accepted_or_rejected(fields):
    app = middleware()
    for path in (JOIN, WRITE, "/gradio_api/call/write", "/gradio_api/cancel"):
        body = json.dumps(fields).encode()
        sent = asyncio.run(send_raw(app, method="POST", path=path, body=body))
        assert sent[0]["status"] in (200, 400)


@pytest.mark.parametrize("path", [WRITE, JOIN])
def test_file_references_are_rejected(path):
    file = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    for body in ({**BODY, "data": ["a", [file]]}, {"prompt": file}):
        assert "accepts no files" in error_of(respond("POST", path, json=body), 400)
