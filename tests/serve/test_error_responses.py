"""The middleware's error responses: one sentence, the right status, counted by reason."""

import asyncio
import base64
import json
import random

from serve.instrumentation import INTERNAL_ERROR
from tests.serve.asgi import BODY, JOIN, WRITE, error_of, middleware, respond, send_raw


def header(text):
    return {"authorization": text}


def basic(user, password):
    return header("Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


def test_exception_in_the_app_becomes_status_500(caplog):
    app = middleware()
    answer = respond("POST", WRITE, app, json={"prompt": "fail"})
    assert error_of(answer, 500) == INTERNAL_ERROR
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert [record.path for record in caplog.records if record.msg == "request failed"] == [WRITE]
    assert 'reason="error"} 1.0' in app.metrics.text().decode()


def test_exception_after_the_response_started_adds_nothing():
    sent = asyncio.run(
        send_raw(middleware(), method="POST", path=WRITE, body=b'{"prompt": "halfway"}')
    )
    assert [message["type"] for message in sent] == ["http.response.start"]


def test_queue_full_is_status_503_with_retry_after():
    answer = respond("POST", WRITE, json={"prompt": "full"})
    assert "try again soon" in error_of(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    assert answer.text.count("{") == 1


def test_rejected_requests_are_counted_by_reason():
    app = middleware(password="word")
    respond("GET", "/", app)
    know = basic("", "word")
    respond("GET", "/nothing", app, headers=know)
    respond("POST", WRITE, app, headers=know, content=b"x")
    text = app.metrics.text().decode()
    for reason in ("authentication", "route", "body"):
        assert f'cold_open_rejected_total{{reason="{reason}"}} 1.0' in text


def test_random_requests_always_get_a_response():
    source = random.Random(4)

    def noise(most):
        return bytes(source.randrange(256) for _ in range(source.randrange(most)))

    for _ in range(200):
        app = middleware(password=source.choice(["", "word"]), rate_limit="100/minute")
        scope = {
            "method": source.choice(["GET", "POST", "HEAD", noise(5).decode("latin-1")]),
            "path": source.choice(["/", WRITE, JOIN, "/static/"]) + noise(4).decode("latin-1"),
            "query_string": noise(9),
            "headers": [(b"authorization", b"Basic " + noise(20)), (noise(9), noise(9))],
            "body": source.choice([noise(30), json.dumps(BODY).encode(), b"{}"]),
        }
        sent = asyncio.run(send_raw(app, **scope))
        assert sent[0]["status"] in (200, 400, 401, 404)
