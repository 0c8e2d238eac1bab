"""The parser and exit codes of all commands: flags, environment variables, errors, SIGTERM."""

import argparse
import signal
import subprocess
import sys

import pytest

from data.__main__ import main as data_main
from data.command_line import Parser, similar_variable, variables
from export.__main__ import main as export_main
from job.options import parse as parse_job
from job.publish.__main__ import main as publish_main
from job.report.__main__ import main as report_main
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
    config, options = parse_job([])
    assert (config.epochs, options.preset) == (3, "laptop")
    monkeypatch.setenv("COLD_OPEN_PORT", "9000")
    assert parse_serve([]).port == 9000
    assert parse_serve(["--port", "9001"]).port == 9001


@pytest.mark.parametrize(
    ("name", "similar"),
    [
        ("COLD_OPEN_MAX_MINUTE", "COLD_OPEN_MAX_MINUTES"),
        ("COLD_OPEN_MAXMINUTES", "COLD_OPEN_MAX_MINUTES"),
        ("COLD_OPEN_NO_SPELL", "COLD_OPEN_SPELL"),
        ("COLD_OPEN_CEL", "COLD_OPEN_CELL"),
    ],
)
def test_misspelled_environment_variable_is_refused(parser, monkeypatch, capsys, name, similar):
    monkeypatch.setenv(name, "1")
    with pytest.raises(SystemExit) as error:
        parser.parse_args([])
    assert error.value.code == 2
    assert f"there is no setting {name}: did you mean {similar}?" in capsys.readouterr().err


def test_environment_variable_of_another_program_is_told_and_ignored(parser, monkeypatch, capsys):
    monkeypatch.setenv("COLD_OPEN_PORT", "1")
    monkeypatch.setenv("COLD_OPEN_EXIT_CODE_FILE", "/tmp/code")  # of job.engine.launch
    parser.parse_args([])
    assert capsys.readouterr().err == "try has no setting COLD_OPEN_PORT: ignored\n"


def test_no_flag_of_a_program_is_a_misspelled_one_of_another(monkeypatch):
    programs = []

    def stop(self, *_values):
        programs.append(variables(self))
        raise SystemExit

    monkeypatch.setattr(Parser, "parse_args", stop)
    monkeypatch.setattr(sys, "argv", ["program"])
    for parse in (parse_job, parse_serve, data_main, export_main, report_main, publish_main):
        with pytest.raises(SystemExit):
            parse()
    assert "COLD_OPEN_VOCAB_SIZE" in programs[2]  # a flag of a subcommand
    for known in programs:
        for name in set().union(*programs) - known:
            assert not similar_variable(name, known), name


@pytest.mark.parametrize(("option", "code"), [("", 128 + signal.SIGTERM), (", sigterm_code=0", 0)])
def test_sigterm_exits_with_the_code_of_run(option, code):
    process = subprocess.Popen(
        [sys.executable, "-c", PRINT_AND_WAIT.format(option)], cwd=ROOT, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == code  # -15 would mean that no handler was installed
    process.stdout.close()
