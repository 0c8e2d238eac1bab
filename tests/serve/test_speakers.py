"""The speaker rule in Python and in JavaScript (Node, where installed), from one list of cases."""

import json
import shutil
import subprocess

import pytest

from data import speakers
from data.vocab import line_stats
from serve.page.assets import client_script
from tests.conftest import ROOT

CASES = json.loads((ROOT / "tests" / "speaker_cases.json").read_text("utf-8"))
NODE = shutil.which("node")


@pytest.mark.parametrize(("line", "speaker"), CASES)
def test_speaker_of_in_python(line, speaker):
    assert speakers.speaker_of(line) == speaker


@pytest.mark.parametrize(("line", "speaker"), CASES)
def test_speaker_counts_of_the_vocabulary_follow_the_same_rule(line, speaker):
    counted = line_stats(line).speakers
    assert dict(counted) == ({speaker: 1} if speaker else {})


def test_speaker_pattern_finds_every_line_of_a_text():
    text = "Ann: hello.\n\n(a bell)\nBob:\nat 10:30\n"
    assert speakers.SPEAKER.findall(text) == ["Ann", "Bob"]


@pytest.mark.skipif(not NODE, reason="needs Node; tests/browser runs the same cases in Chromium")
def test_speaker_of_in_the_pages_javascript():
    lines = json.dumps([line for line, _ in CASES])
    program = (
        "globalThis.window = globalThis; globalThis.location = { pathname: '/' };\n"
        f"{client_script('The Cafe')}\n"
        f"console.log(JSON.stringify({lines}.map(coldOpen.speakerOf)));"
    )
    done = subprocess.run([NODE, "-"], input=program, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [speaker for _, speaker in CASES]
