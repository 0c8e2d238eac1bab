"""The parser and exit codes of all commands: flags, environment variables, errors, SIGTERM."""

import argparse
import signal
import subprocess
import sys

import pytest

from data.command_line import Parser
from job.options import parse as parse_job
from serve.config import parse as parse_serve
from tests.conftest import ROOT

PRINT_AND_WAIT = """
from data.command_line import run
import time
run(lambda: print(flush=1) or time.sleep(60){})
"""


@pytest.fixture
def parser():
    parser = Parser(prog="try")
    parser.add_argument("--max-minutes", type=float, default=0.0, help="a limit")
    parser.add_argument("--spell", action=argparse.BooleanOptionalAction, default=True, help="yes")
    parser.add_argument("--cell", choices=("lstm", "gru"), default="lstm", help="which")
    return parser


def test_environment_variables_set_flags_and_the_command_line_takes_precedence(parser, monkeypatch):
    monkeypatch.setenv("COLD_OPEN_MAX_MINUTES", "2.5")
    monkeypatch.setenv("COLD_OPEN_SPELL", "false")
    monkeypatch.setenv("COLD_OPEN_CELL", "gru")
    assert vars(parser.parse_args([])) == {"max_minutes": 2.5, "spell": False, "cell": "gru"}
    assert parser.parse_args(["--max-minutes", "1"]).max_minutes == 1
    assert "COLD_OPEN_MAX_MINUTES" in parser.format_help()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("COLD_OPEN_MAX_MINUTES", "soon", "--max-minutes: invalid float value: 'soon'"),
        ("COLD_OPEN_CELL", "brain", "--cell: invalid choice: 'brain'"),
        ("COLD_OPEN_SPELL", "maybe", "COLD_OPEN_SPELL: 'maybe'"),
    ],
)
def test_invalid_environment_variable_is_a_one_line_error(
    parser, monkeypatch, capsys, name, value, message
):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as error:
        parser.parse_args([])
    assert error.value.code == 2
    stderr = capsys.readouterr().err
    assert message in stderr
    assert len(stderr.splitlines()) == 1


def test_abbreviated_flags_are_refused(parser, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(["--max", "1"])
    assert "--max" in capsys.readouterr().err


def test_job_and_serve_read_environment_variables(monkeypatch):
    monkeypatch.setenv("COLD_OPEN_EPOCHS", "3")
    monkeypatch.setenv("COLD_OPEN_PRESET", "laptop")
    monkeypatch.setenv("COLD_OPEN_PORT", "9000")
    config, options = parse_job([])
    assert (config.epochs, options.preset) == (3, "laptop")
    assert parse_serve([]).port == 9000
    assert parse_serve(["--port", "9001"]).port == 9001


@pytest.mark.parametrize(("option", "code"), [("", 128 + signal.SIGTERM), (", sigterm_code=0", 0)])
def test_sigterm_exits_with_the_code_of_run(option, code):
    process = subprocess.Popen(
        [sys.executable, "-c", PRINT_AND_WAIT.format(option)], cwd=ROOT, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == code  # -15 would mean that no handler was installed
    process.stdout.close()
