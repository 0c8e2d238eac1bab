"""python -m job.engine.launch: torchrun, with the exit codes of `python -m job`.

torchrun itself ends with 1 whatever its processes ended with, and starts them again whatever it
was: a batch system could not tell "go on later" from "never again". All flags are torchrun's:

    python -m job.engine.launch --nproc-per-node 2 --max-restarts 3 -m job --preset laptop
"""

import os
import sys
import tempfile

from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from job.engine.distributed import ENDED


def main() -> int:
    """Runs torchrun as the command line says; returns the exit code of its processes."""
    # Each restart meets at a new port: on several nodes the old store would be full of the dead.
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    with tempfile.TemporaryDirectory() as folder:
        os.environ[ENDED] = os.path.join(folder, "code")
        return launch(sys.argv[1:])


def launch(arguments: list[str]) -> int:
    """The exit code of torchrun's processes."""
    try:
        torchrun.run(torchrun.parse_args(arguments))
    except SignalException as told:
        return 128 + told.sigval
    except ChildFailedError as failed:
        codes = [failure.exitcode for failure in failed.failures.values()]
        # Those that only lost the others end with 1; a negative code is the signal that killed one.
        told = next((code for code in codes if code > 1), codes[0])
        return told if told > 0 else 128 - told
    return 0


if __name__ == "__main__":
    sys.exit(main())
