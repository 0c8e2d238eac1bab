"""The real server: a new version at SIGHUP and its page."""

import json
import signal
import threading
import time

import httpx
import pytest

from data import model_versions
from tests.serve.conftest import export_to
from tests.serve.test_server import call
from tests.serving import serving


@pytest.fixture(scope="module")
def folder(bundle, tmp_path_factory):
    """A model whose first version has been exported."""
    folder = tmp_path_factory.mktemp("artifacts") / "cafe"
    export_to(folder, bundle)
    return folder


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_sighup_replaces_the_model_and_ends_no_scene(bundle, folder, tmp_path):
    def versions():
        return httpx.get(f"{server.address}/readyz").json()["models"]

    def write(answer, **arguments):
        answer += call(server.address, "write", prompt="Ann: hello", seed=3, **arguments)

    before = model_versions.history(folder)[-1]
    with serving(folder, tmp_path, "--runtime", "onnx") as server:
        assert versions() == {"cafe": before}
        first, second = [], []
        scene = threading.Thread(target=write, args=(first,), kwargs={"length": 1000})
        scene.start()
        metrics = f"{server.address}/metrics"
        wait_until(lambda: "cold_open_active_scenes 1.0" in httpx.get(metrics).text)
        after = export_to(folder, bundle, show="The Bar")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: versions() == {"cafe": after})
        wait_until(lambda: "models reloaded" in server.log.read_text())
        assert f'cold_open_model_info{{model="cafe",version="{after}"}} 1.0' in (
            answer := httpx.get(metrics).text
        )
        assert before not in answer
        scene.join(60)
        assert first[-1][0] == "complete"
        facts = first[-1][1][1]
        assert (facts["version"], facts["done"], facts["ended"]) == (before, True, "length")
        write(second, length=40)
        assert second[-1][1][1]["version"] == after
        assert first[-1][1][0].startswith(second[-1][1][0])  # the weights are the same
        page = httpx.get(f"{server.address}/config").json()
        assert page["title"] == "Cold Open: The Bar"
        assert "The Bar" in json.dumps(page["components"])
        assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()
