"""Downloads of the models' files: only with --offer-download, and only files of the bundle."""

import asyncio
import hashlib

import fastapi
import httpx
import pytest

from serve.config import ServerConfig, parse
from serve.downloads import add_downloads
from serve.models.bundles import open_bundle
from tests.serve.asgi import error_of, middleware, respond


@pytest.fixture(params=[True, False], ids=["offered", "not offered"])
def offered(request):
    return request.param


@pytest.fixture
def opened(bundle):
    return open_bundle(bundle, "onnx", "fp32")


def app_of(opened, offered=True):
    app = fastapi.FastAPI()
    add_downloads(app, lambda: [opened], offered)
    return app


def get(app, *names, method="GET"):
    """The responses for paths below /download."""

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://cold.open") as client:
            return [await client.request(method, f"/download/{name}") for name in names]

    return asyncio.run(ask())


def test_offer_is_off_by_default():
    assert not ServerConfig().offer_download
    assert not parse([]).offer_download
    assert parse(["--offer-download"]).offer_download


def test_files_are_those_of_the_manifest(opened, offered):
    names = list(opened.manifest["files"])
    for name, response in zip(
        names,
        get(app_of(opened, offered), *(f"{opened.weights}/{name}" for name in names)),
        strict=True,
    ):
        if not offered:
            assert response.status_code == 404
            continue
        assert response.status_code == 200
        digest = hashlib.sha256(response.content).hexdigest()
        assert digest == opened.manifest["files"][name]["sha256"]
        assert response.headers["content-disposition"] == f'attachment; filename="{name}"'


def test_head_request_tells_the_size(opened):
    [response] = get(app_of(opened), f"{opened.weights}/vocab.json", method="HEAD")
    assert (
        int(response.headers["content-length"]) == opened.manifest["files"]["vocab.json"]["bytes"]
    )
    assert response.content == b""


@pytest.mark.parametrize("name", ["checkpoint.pt", "metrics.jsonl", "..%2fsecret", "%2e%2e", ""])
def test_other_files_are_not_found(opened, name):
    for response in get(app_of(opened), f"{opened.weights}/{name}", f"other/{name}"):
        assert response.status_code == 404


def test_file_that_is_removed_later_is_not_found(copy):
    opened = open_bundle(copy, "onnx", "fp32")
    app = app_of(opened)
    [before] = get(app, f"{opened.weights}/README.md")
    (copy / "README.md").unlink()
    [after] = get(app, f"{opened.weights}/README.md")
    assert (before.status_code, after.status_code) == (200, 404)


@pytest.mark.parametrize(
    "path", ["/download", "/download/a", "/download/a/b/c", "/download/a/b%2fc"]
)
def test_middleware_lets_only_the_files_through(path):
    assert respond("GET", path).status_code == 404
    assert respond("POST", "/download/a/b").status_code == 404
    assert respond("GET", "/download/a/model.int8.onnx").status_code == 200


def test_downloads_count_against_the_rate_limit():
    app = middleware(rate_limit="2/minute")
    path = "/download/a/vocab.json"
    assert [respond("GET", path, app).status_code for _ in range(2)] == [200, 200]
    assert error_of(respond("GET", path, app), 429).startswith("Too many requests")
