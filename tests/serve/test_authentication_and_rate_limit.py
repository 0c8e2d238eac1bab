"""The middleware's HTTP Basic authentication and its rate limit."""

import asyncio
import base64

import limits
import pytest

from serve.middleware import per_time
from tests.serve.asgi import BODY, JOIN, WRITE, error_of, middleware, request, respond, send_raw


def header(text):
    return {"authorization": text}


def basic(user, password):
    return header("Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


@pytest.mark.parametrize("password", ["word", "pässwörd", "a:b:c", " ", "x" * 500])
def test_authentication_accepts_the_password_with_any_user_name(password):
    app = middleware(password=password)
    for user in ("ann", "", "é"):
        assert respond("GET", "/", app, headers=basic(user, password)).status_code == 200
    kind = header(basic("ann", password)["authorization"].replace("Basic", "bAsIc"))
    assert respond("GET", "/", app, headers=kind).status_code == 200


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
def test_authentication_rejects_everything_else(headers):
    app = middleware(password="word")
    for method, path in (("GET", "/"), ("GET", "/metrics"), ("POST", WRITE), ("GET", "/nothing")):
        answer = respond(method, path, app, headers=headers)
        assert error_of(answer, 401) == "This page needs a password."
        assert answer.headers["www-authenticate"] == 'Basic realm="Cold Open", charset="UTF-8"'
    assert app.app.seen == []


def test_health_probes_need_no_authentication_and_have_no_rate_limit():
    app = middleware(password="word", rate_limit="1/minute")
    for _ in range(5):
        for path in ("/healthz", "/readyz"):
            assert respond("GET", path, app).status_code == 200


def test_rate_limit_is_per_client_and_covers_computing_requests_only():
    app = middleware(rate_limit="3/minute")

    async def many():
        statuses = []
        for path in (WRITE, JOIN, WRITE, WRITE, JOIN):
            body = BODY if path == JOIN else {}
            statuses.append(await request(app, "POST", path, json=body))
        other = await request(app, "POST", WRITE, client="10.0.0.2", json={})
        free = await request(app, "GET", "/config")
        cancel = await request(app, "POST", "/gradio_api/cancel", json={})
        return statuses, other, free, cancel

    statuses, other, free, cancel = asyncio.run(many())
    assert [answer.status_code for answer in statuses] == [200, 200, 200, 429, 429]
    message = error_of(statuses[-1], 429)
    assert message == "Too many requests (limit: 3 a minute). Wait a moment."
    assert int(statuses[-1].headers["retry-after"]) > 0
    assert other.status_code == free.status_code == cancel.status_code == 200


def test_rate_limit_counts_rejected_bodies():
    app = middleware(rate_limit="2/minute")

    async def many():
        return [(await request(app, "POST", WRITE, content=b"x")).status_code for _ in range(4)]

    assert asyncio.run(many()) == [400, 400, 429, 429]


def test_rate_limit_of_clients_without_an_address():
    app = middleware(rate_limit="1/minute")

    async def twice():
        one = await send_raw(app, method="POST", path=WRITE, body=b"{}", client=None)
        two = await send_raw(app, method="POST", path=WRITE, body=b"{}", client=None)
        return one[0]["status"], two[0]["status"]

    assert asyncio.run(twice()) == (200, 429)


def test_results_have_a_rate_limit_of_their_own():
    """A request that was accepted can always fetch its result."""
    app = middleware(rate_limit="2/minute")
    result = "/gradio_api/call/write/known"

    async def many():
        started = [(await request(app, "POST", WRITE, json={})).status_code for _ in range(3)]
        paths = (result, result.replace("known", "used"), result, "/gradio_api/queue/data")
        fetched = [(await request(app, "GET", path)).status_code for path in paths]
        other = await request(app, "GET", result, client="10.0.0.2")
        return started, fetched, other.status_code

    assert asyncio.run(many()) == ([200, 200, 429], [200, 404, 429, 429], 200)


def test_wrong_passwords_are_limited_also_before_the_right_one():
    app = middleware(password="word")
    amount = app.wrong_passwords.amount

    async def many():
        ask = [await request(app, "GET", "/") for _ in range(amount + 5)]
        wrong = [await request(app, "GET", "/", headers=basic("ann", "x")) for _ in range(amount)]
        last = await request(app, "GET", "/", headers=basic("ann", "y"))
        right = await request(app, "GET", "/", headers=basic("ann", "word"))
        headers = basic("ann", "word")
        other = await request(app, "GET", "/", client="10.0.0.2", headers=headers)
        return [*ask, *wrong], last, right, other

    first, last, right, other = asyncio.run(many())
    assert {answer.status_code for answer in first} == {401}  # without a password: not a wrong one
    message = f"Too many wrong passwords (limit: {amount} a minute). Wait a moment."
    assert error_of(last, 429) == error_of(right, 429) == message
    assert int(last.headers["retry-after"]) > 0
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("300/minute", "300 a minute"),
        ("5/hour", "5 an hour"),
        ("10 per 5 minutes", "10 in 5 minutes"),
        ("1/second", "1 a second"),
    ],
)
def test_rate_limit_in_words(limit, words):
    assert per_time(limits.parse(limit)) == words
