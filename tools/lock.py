"""Update locks/ to the newest versions that pyproject.toml allows: python tools/lock.py

Each dependency group has a universal lock file (Python 3.11 to 3.13, all platforms) with hashes and
without index URLs. All groups are first resolved together, so the locks agree with each other and
one .venv can hold all groups.
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


def compile_lock(uv, target, groups, *options):
    """Resolve some groups into one lock file."""
    named = [word for group in groups for word in ("--group", "pyproject.toml:" + group)]
    command = [uv, "pip", "compile", *OPTIONS, *named, *options, "--output-file", target]
    if subprocess.run(command, cwd=ROOT).returncode:
        raise SetupError("uv could not update the locks; see its output above")


def update():
    """Resolve and write every lock file."""
    main(["dev"])  # uv is installed by the pip of .venv
    with tempfile.TemporaryDirectory() as folder:
        uv = uv_command(folder)
        together = os.path.join(folder, "together.txt")
        compile_lock(uv, together, [*GROUPS, *OPTIONAL, "tools"])
        for group in [*GROUPS, *OPTIONAL, "tools"]:
            # uv keeps the versions of an existing output file, so the output is a new file.
            new = os.path.join(folder, group + ".txt")
            compile_lock(uv, new, [group], "--constraints", together)
            shutil.copyfile(new, lock_path(group))
    say("updated locks/")


if __name__ == "__main__":
    try:
        update()
    except SetupError as error:
        say(str(error))
        raise SystemExit(2) from None
