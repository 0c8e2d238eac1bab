"""The lock on a folder: one holder, whom the others are told of."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from data.lock import Locked, exclusive_lock
from tests.conftest import ROOT

HOLD = """
import pathlib, sys, time
from data.lock import exclusive_lock
with exclusive_lock(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_second_holder_is_told_of_the_first(tmp_path):
    path = tmp_path / "lock"
    with exclusive_lock(path), pytest.raises(Locked) as caught, exclusive_lock(path):
        pass
    holder = rf"{tmp_path} is in use by process {os.getpid()} on host {socket.gethostname()} since "
    assert str(caught.value).startswith(holder)
    assert caught.value.exit_code == 75
    assert not list(tmp_path.iterdir())


def test_lock_is_free_again_after_its_holder(tmp_path):
    for _ in range(2):
        with exclusive_lock(tmp_path / "lock"):
            assert (tmp_path / "lock").exists()


def test_lock_of_a_killed_process_is_stale(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "locked\n"
    with pytest.raises(Locked, match=f"process {holder.pid}"), exclusive_lock(path):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert path.exists()
    with exclusive_lock(path):
        assert str(os.getpid()) in path.read_text()
    assert not path.exists()


def test_waiting_for_the_holder(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    holder.stdout.readline()
    holder.terminate()  # the lock is free when the process has ended
    with exclusive_lock(path, wait=60):
        pass
    holder.communicate()
