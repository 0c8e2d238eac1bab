"""Training on two nodes, which are two launchers here, and processes that stop answering."""

import os
import subprocess
import sys

import pytest

from job.checkpoint import load_checkpoint
from job.engine.distributed import COLLECTIVE_TIMEOUT
from tests.conftest import ROOT, TINY
from tests.job.test_distributed import wait_for_step
from tests.serving import free_port

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


class Nodes:
    """Two launchers that meet at a port of this machine; node 0 hosts the rendezvous."""

    def __init__(self, port, folder, flags):
        self.port, self.folder, self.flags = port, folder, flags

    def start(self, node, name):
        """Starts the launcher of a node, with its log in `folder`."""
        command = [sys.executable, "-m", "job.engine.launch", "--nnodes", "2", "--max-restarts=3"]
        command += ["--nproc-per-node", "1", "--rdzv-backend", "c10d", "--rdzv-id", "two-nodes"]
        command += ["--rdzv-endpoint", f"127.0.0.1:{self.port}"]
        command += ["--rdzv-conf", f"is_host={int(node == 0)},timeout=120", "-m", "job"]
        with (self.folder / name).open("w") as log:
            return subprocess.Popen([*command, *self.flags], cwd=ROOT, stderr=log, env=ENVIRONMENT)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_fine_tuning_on_two_nodes_resumes_when_a_killed_node_is_back(trained, show, tmp_path):
    out = tmp_path / "out"
    flags = ["--data", str(show), "--out", str(out), "--base", str(trained), *TINY[8:]]
    flags += ["--epochs", "40", "--eval-epochs", "20", "--save-seconds", "0.2"]
    nodes = Nodes(free_port(), tmp_path, flags)
    processes = [nodes.start(0, "first"), nodes.start(1, "second")]
    try:
        wait_for_step(out, 20)
        processes[1].kill()
        processes[1].wait()
        processes[1] = nodes.start(1, "back")
        assert [process.wait(120) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    log = (tmp_path / "first").read_text() + (tmp_path / "back").read_text()
    assert log.count("another process of this run has died") == 1
    assert "resumes at step" in log
    best = load_checkpoint(out / "checkpoint.pt")
    assert best.finished
    assert best.base  # the checksum of the base network


SILENT = """
import datetime, sys, time
from job.engine import distributed
distributed.COLLECTIVE_TIMEOUT = datetime.timedelta(seconds=3)
group = distributed.init_distributed("cpu")
group.barrier()
if group.rank == 1:
    time.sleep(60)
from data.command_line import run
run(lambda: group.barrier())
"""


@pytest.mark.slow
def test_process_that_hangs_ends_the_run_with_one_line():
    variables = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    one, two = (
        subprocess.Popen(
            [sys.executable, "-c", SILENT],
            cwd=ROOT,
            env={**ENVIRONMENT, **variables, "RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    )
    try:
        _, errors = one.communicate(timeout=60)
    finally:
        two.kill()
        two.communicate()
    assert one.returncode == 1
    line = errors.strip().splitlines()[-1]
    assert "another process of this run has not answered for 0.05 minutes: it hangs, or its" in line
    assert "Run the same command again to resume" in line
    assert "Traceback" not in errors


def test_collective_timeout_is_minutes():
    """Longer than rank 0 evaluates or finalizes, far below the limits of a batch system."""
    assert 10 <= COLLECTIVE_TIMEOUT.total_seconds() / 60 <= 30
