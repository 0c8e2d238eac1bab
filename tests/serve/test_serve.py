"""The page's parts without a browser: settings, layout, command, and what it may import."""

import socket
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.command_line import UserError
from serve.app import begin
from serve.backends import Settings, TorchScriptBackend
from serve.layout import sentence_case, to_html
from tests.conftest import ROOT


@pytest.fixture(scope="session")
def backend(bundle):
    return TorchScriptBackend(bundle / "model.torchscript.pt")


def test_the_stream_is_what_the_model_generates(backend):
    settings = Settings("Ann: ", 30, seed=4)
    text = "".join(backend.stream(settings))
    assert text == backend.writer.generate("Ann: ", 30, seed=4)
    assert backend.speakers[:2] in (["ann", "bob"], ["bob", "ann"])
    assert backend.show == "The Cafe"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"max_new_tokens": 10**9}, "max_new_tokens must be from 1 to"),
        ({"temperature": float("nan")}, "temperature must be from 0 to 2"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"top_p": "high"}, "top_p must be a number"),
        ({"prompt": "x" * 5000}, "at most 2000 characters"),
    ],
)
def test_settings_out_of_range_are_named(settings, says):
    with pytest.raises(UserError, match=says):
        Settings(**settings)


def test_another_file_is_refused_in_one_line(tmp_path):
    path = tmp_path / "model.torchscript.pt"
    path.write_bytes(b"not a model")
    with pytest.raises(UserError, match="damaged, or not a TorchScript file") as caught:
        TorchScriptBackend(path)
    assert "\n" not in str(caught.value)


def test_layout_shows_a_script():
    page = to_html("[setting: the pier]\n\nGus: (to Dot) That was the fog.\n\n(a gull.)")
    assert '<p class="heading">setting: the pier</p>' in page
    assert '<b class="speaker">Gus</b> <i>(to Dot)</i> That was the fog.' in page
    assert "<i>(a gull.)</i>" in page


@given(st.text())
def test_no_text_becomes_markup(text):
    page = to_html(text + "<script>alert(1)</script>")
    assert "<script" not in page


@given(st.text())
def test_sentence_case_changes_nothing_but_case(text):
    assert sentence_case(text, ["jerry"]).casefold() == text.casefold()


def test_sentence_case_as_people_write():
    text = "jerry: (to elaine) i know. you're elaine, aren't you?\n\n[setting: jerry's apartment]"
    assert sentence_case(text, ["jerry", "elaine"]) == (
        "Jerry: (to Elaine) I know. You're Elaine, aren't you?\n\n[setting: Jerry's apartment]"
    )


def test_a_chip_begins_a_line():
    assert begin("", "ann") == "Ann: "
    assert begin("Ann: hello.\n", "bob") == "Ann: hello.\n\nBob: "


def test_a_busy_port_is_one_line(bundle):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "serve", "--port", str(port)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 2
    assert "give another --port" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_serving_imports_no_training():
    code = "import sys, serve.app; print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not any(f"'{room}" in done.stdout for room in ("job.", "export.", "data.corpus"))
    assert "'job'" not in done.stdout
