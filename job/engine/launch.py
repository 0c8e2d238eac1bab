"""python -m job.engine.launch: torchrun, with the exit codes of `python -m job`.

torchrun itself exits with 1 whatever its processes exit with, and restarts them after any exit
code: a batch system could not distinguish "resume later" from "failed". All flags are torchrun's:

    python -m job.engine.launch --nproc-per-node 2 --max-restarts 3 -m job --preset laptop
"""

import os
import sys
import tempfile

from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from job.engine.distributed import EXIT_CODE_FILE, LAUNCHER


def main() -> int:
    """Runs torchrun as the command line says; returns the exit code of its processes."""
    # Each restart meets at a new port: on several nodes the old store holds dead processes.
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    os.environ[LAUNCHER] = str(os.getpid())
    with tempfile.TemporaryDirectory() as folder:
        os.environ[EXIT_CODE_FILE] = os.path.join(folder, "code")
        return launch(sys.argv[1:])


def launch(arguments: list[str]) -> int:
    """Runs torchrun with the given flags; returns the exit code of its processes."""
    try:
        torchrun.run(torchrun.parse_args(arguments))
    except SignalException as stopped:
        return 128 + stopped.sigval
    except ChildFailedError as failed:
        codes = [failure.exitcode for failure in failed.failures.values()]
        # A process that only lost a peer exits with 1; a negative code is a signal that killed one.
        code = next((code for code in codes if code > 1), codes[0])
        return code if code > 0 else 128 - code
    return 0


if __name__ == "__main__":
    sys.exit(main())
