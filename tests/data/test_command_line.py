"""The command line of every command: flags, the environment, refusals in one line, an end."""

import argparse
import signal
import subprocess
import sys

import pytest

from data.command_line import Parser
from job.config import parse as parse_job
from serve.config import parse as parse_serve
from tests.conftest import ROOT

WAITS = (
    "from data.command_line import run; import time; run(lambda: print(flush=1) or time.sleep(60))"
)


@pytest.fixture
def parser():
    made = Parser(prog="try")
    made.add_argument("--max-minutes", type=float, default=0.0, help="a limit")
    made.add_argument("--spell", action=argparse.BooleanOptionalAction, default=True, help="yes")
    made.add_argument("--cell", choices=("lstm", "gru"), default="lstm", help="which")
    return made


def test_a_flag_may_stand_in_the_environment_and_the_command_line_wins(parser, monkeypatch):
    monkeypatch.setenv("COLD_OPEN_MAX_MINUTES", "2.5")
    monkeypatch.setenv("COLD_OPEN_SPELL", "false")
    monkeypatch.setenv("COLD_OPEN_CELL", "gru")
    assert vars(parser.parse_args([])) == {"max_minutes": 2.5, "spell": False, "cell": "gru"}
    assert parser.parse_args(["--max-minutes", "1"]).max_minutes == 1
    assert "COLD_OPEN_MAX_MINUTES" in parser.format_help()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("COLD_OPEN_MAX_MINUTES", "soon", "--max-minutes: invalid float value: 'soon'"),
        ("COLD_OPEN_CELL", "brain", "--cell: invalid choice: 'brain'"),
        ("COLD_OPEN_SPELL", "maybe", "COLD_OPEN_SPELL: 'maybe'"),
    ],
)
def test_a_wrong_variable_is_refused_in_one_line(parser, monkeypatch, capsys, name, value, said):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1


def test_a_flag_is_not_guessed(parser, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(["--max", "1"])
    assert "--max" in capsys.readouterr().err


def test_the_job_and_the_server_take_their_settings_so(monkeypatch):
    monkeypatch.setenv("COLD_OPEN_EPOCHS", "3")
    monkeypatch.setenv("COLD_OPEN_PRESET", "laptop")
    monkeypatch.setenv("COLD_OPEN_PORT", "9000")
    config, options = parse_job([])
    assert (config.epochs, options.preset) == (3, "laptop")
    assert parse_serve([]).port == 9000
    assert parse_serve(["--port", "9001"]).port == 9001


def test_sigterm_ends_a_command_as_shells_expect():
    process = subprocess.Popen([sys.executable, "-c", WAITS], cwd=ROOT, stdout=subprocess.PIPE)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 128 + signal.SIGTERM  # not -15: it is heard, not suffered
    process.stdout.close()
