"""What every command does when it is told to stop."""

import signal
import subprocess
import sys

from tests.conftest import ROOT

WAITS = (
    "from data.command_line import run; import time; run(lambda: print(flush=1) or time.sleep(60))"
)


def test_sigterm_ends_a_command_as_shells_expect():
    process = subprocess.Popen([sys.executable, "-c", WAITS], cwd=ROOT, stdout=subprocess.PIPE)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 128 + signal.SIGTERM  # not -15: it is heard, not suffered
    process.stdout.close()
