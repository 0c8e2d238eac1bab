"""Renew locks/: python tools/lock.py

One lock a group, good for Python 3.11 to 3.13 on every system, with hashes, without the name of any
index. All groups are first resolved together, so that the locks agree and one .venv holds all.
"""

import os
import shutil
import subprocess
import tempfile

from setup import GROUPS, OPTIONAL, ROOT, SetupError, lock_path, main, say, uv_command

OPTIONS = (
    *("--universal", "--python-version", "3.11", "--fork-strategy", "fewest"),
    *("--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-emit-package", "torch"),
    *("--custom-compile-command", "make lock", "--quiet"),
)


def compile_lock(uv, target, groups, *more):
    """Resolve groups into one lock file."""
    named = [word for group in groups for word in ("--group", "pyproject.toml:" + group)]
    command = [uv, "pip", "compile", *OPTIONS, *named, *more, "--output-file", target]
    if subprocess.run(command, cwd=ROOT).returncode:
        raise SetupError("uv could not renew the locks; what it said is above")


def renew():
    """Write every lock file anew."""
    main(["dev"])  # its pip brings uv
    with tempfile.TemporaryDirectory() as folder:
        uv = uv_command(folder)
        together = os.path.join(folder, "together.txt")
        compile_lock(uv, together, [*GROUPS, *OPTIONAL, "tools"])
        for group in [*GROUPS, *OPTIONAL, "tools"]:
            # An old lock would hold versions back; a new one takes them from the common resolution.
            fresh = os.path.join(folder, group + ".txt")
            compile_lock(uv, fresh, [group], "--constraints", together)
            shutil.copyfile(fresh, lock_path(group))
    say("renewed locks/")


if __name__ == "__main__":
    try:
        renew()
    except SetupError as error:
        say(str(error))
        raise SystemExit(2) from None
