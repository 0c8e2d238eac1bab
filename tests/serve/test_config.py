"""The server's flags: their ranges, environment variables, and errors."""

import dataclasses
import resource
import socket

import pytest
import uvicorn

from data.command_line import UserError
from serve import limits
from serve.__main__ import main, raise_file_limit, uvicorn_options
from serve.config import ServerConfig, parse
from tests.commands import call


def test_defaults_are_the_limits():
    config = parse([])
    assert config == ServerConfig()
    assert config.max_concurrent == limits.MAX_CONCURRENT
    assert config.rate_limit == limits.RATE_LIMIT
    assert config.shutdown_timeout == limits.SHUTDOWN_TIMEOUT


def test_flag_ranges_belong_to_flags_and_include_their_ends():
    for name, ends in limits.FLAG_RANGES.items():
        for value in ends:
            assert getattr(dataclasses.replace(ServerConfig(), **{name: value}), name) == value


def test_environment_variables_set_flags(monkeypatch):
    monkeypatch.setenv("COLD_OPEN_MAX_QUEUE", "7")
    monkeypatch.setenv("COLD_OPEN_SHUTDOWN_TIMEOUT", "2.5")
    config = parse(["--max-concurrent", "3"])
    assert (config.max_concurrent, config.max_queue, config.shutdown_timeout) == (3, 7, 2.5)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--port", "0"], "--port must be from 1"),
        (["--max-concurrent", "0"], "--max-concurrent must be from 1 to 1000, not 0"),
        (["--max-queue", "20000"], "--max-queue must be from 1 to 10000, not 20000"),
        (["--threads", "0"], "--threads must be from 1"),
        (["--scene-timeout", "0.5"], "--scene-timeout must be from 1"),
        (["--keep-alive", "0"], "--keep-alive must be from 1"),
        (["--shutdown-timeout", "-1"], "--shutdown-timeout must be from 0"),
        (["--root-path", "x/"], "--root-path must be like"),
        (["--rate-limit", "often"], "--rate-limit must be like"),
    ],
)
def test_invalid_flag_is_named(flags, message):
    with pytest.raises(UserError, match=message):
        parse(flags)


def test_command_line_errors_are_one_line_with_exit_code_2(bundle):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        for flags, message in (
            (["--port", port], "choose another --port"),
            (["--model", "nowhere"], "nowhere: there is no exported model"),
        ):
            done = call(main, *flags)
            assert done.returncode == 2
            assert message in done.stderr
            assert len(done.stderr.splitlines()) == 1


def test_idle_connections_stay_open_longer_than_those_of_proxies():
    """Google's load balancers keep them for 600 seconds, others for less."""
    options = uvicorn_options(parse([]))
    assert uvicorn.Config("app", **options).timeout_keep_alive > 600
    assert uvicorn_options(parse(["--keep-alive", "9"]))["timeout_keep_alive"] == 9


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (1024, 4096, 4096),
        (1024, 10**6, limits.MAX_OPEN_FILES),
        (1024, resource.RLIM_INFINITY, limits.MAX_OPEN_FILES),
        (10**6, 10**6, None),
        (4096, 4096, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
    ],
)
def test_limit_of_open_connections_is_raised_and_never_lowered(monkeypatch, soft, hard, expected):
    changed = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: changed.append(limit))
    raise_file_limit()
    assert changed == ([] if expected is None else [(expected, hard)])
