"""Update locks/ to the newest versions that pyproject.toml allows: make lock

Each dependency group has a universal lock file (Python 3.11 to 3.13, all platforms) with hashes and
without index URLs. All groups are first resolved together, so the locks agree with each other and
one .venv can hold all groups. PyTorch has a lock file for each build:

  locks/torch-cu130.txt  pip's default index has the CUDA 13 build for Linux
  locks/torch-cpu.txt    PyTorch's own index (or TORCH_INDEX) has the CPU builds for Linux, pip's
                         default index those for macOS and Windows. If PyTorch's index is not
                         reachable, the hashes of the same version are kept.

locks/licenses.json has the licence of each package of the container images, for `make sbom`.
"""

import os
import re
import shutil
import subprocess
import tempfile

from licenses import write_licenses
from setup import (
    GROUPS,
    OPTIONAL,
    ROOT,
    SetupError,
    lock_path,
    say,
    torch_requirement,
    uv_command,
)

UNIVERSAL = ("--universal", "--python-version", "3.11", "--fork-strategy", "fewest")
OPTIONS = (
    *("--generate-hashes", "--no-emit-index-url", "--no-annotate"),
    *("--custom-compile-command", "make lock", "--quiet"),
)
CPU_HEADER = """\
# The CPU builds of PyTorch, updated by `make lock`. For Linux they are in PyTorch's own index.
"""


def compile_lock(uv, target, groups, *options):
    """Resolve some groups into one lock file."""
    named = [word for group in groups for word in ("--group", "pyproject.toml:" + group)]
    options = (*UNIVERSAL, *OPTIONS, "--no-emit-package", "torch", *options)
    command = [uv, "pip", "compile", *options, *named, "--output-file", target]
    if subprocess.run(command, cwd=ROOT).returncode:
        raise SetupError("uv could not update the locks; see its output above")


def compile_torch(uv, folder, requirement, *options):
    """Return a lock of PyTorch without the settings of pyproject.toml; "" if uv fails."""
    source = os.path.join(folder, "torch.in")
    with open(source, "w", encoding="utf-8") as file:
        file.write(requirement + "\n")
    command = [uv, "pip", "compile", "--no-config", *OPTIONS, *options, source]
    done = subprocess.run([each for each in command if each != "--quiet"], capture_output=True)
    if done.returncode:
        say((done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1])
        return ""
    return done.stdout.decode()


def torch_hashes(lock):
    """Return the hashes of PyTorch in a lock file's text."""
    lines = lock.replace("\\\n", "").splitlines()
    return [each for line in lines if line.startswith("torch=") for each in hashes_of(line)]


def hashes_of(text):
    """Return all sha256 hashes in a text, sorted."""
    return sorted(set(re.findall(r"--hash=sha256:([0-9a-f]{64})", text)))


def lock_torch(uv, folder, together):
    """Write the locks of PyTorch's builds."""
    requirement = torch_requirement()
    cuda = compile_torch(uv, folder, requirement, *UNIVERSAL, "--constraints", together)
    if "\ncuda-toolkit==13.0" not in cuda:
        raise SetupError("pip's default index has no CUDA 13.0 build of " + requirement)
    # `===` also excludes a local wheel with a build label (+cpu), which `==` would prefer.
    cuda = re.sub("(?m)^torch==", "torch===", cuda)
    source = ("--torch-backend", "cpu")
    if os.environ.get("TORCH_INDEX"):
        source = ("--index", os.environ["TORCH_INDEX"])
    exact = requirement + "+cpu"
    linux = compile_torch(
        *(uv, folder, exact, "--no-deps", "--python-platform", "linux"),
        *("--python-version", "3.11", *source),
    )
    linux = hashes_of(linux) or kept_hashes(exact)
    lines = CPU_HEADER
    for name, hashes in (
        (exact + " ; sys_platform == 'linux'", linux),
        (requirement.replace("==", "===") + " ; sys_platform != 'linux'", torch_hashes(cuda)),
    ):
        lines += " \\\n    ".join([name, *("--hash=sha256:" + each for each in hashes)]) + "\n"
    for build, text in (("cpu", lines), ("cu130", cuda)):
        with open(lock_path("torch-" + build), "w", encoding="utf-8") as file:
            file.write(text)


def kept_hashes(exact):
    """Return the hashes of this version in the present lock of the CPU builds."""
    with open(lock_path("torch-cpu"), encoding="utf-8") as file:
        line = re.search(re.escape(exact) + r" ;(.*\\\n)+.*", file.read())
    if not line:
        raise SetupError("PyTorch's index must be reachable to lock " + exact)
    say("PyTorch's index did not answer: kept the hashes of " + exact)
    return hashes_of(line.group())


def update():
    """Resolve and write every lock file."""
    with tempfile.TemporaryDirectory() as folder:
        uv = uv_command(folder)
        together = os.path.join(folder, "together.txt")
        compile_lock(uv, together, [*GROUPS, *OPTIONAL, "tools"])
        for group in [*GROUPS, *OPTIONAL, "tools"]:
            # uv keeps the versions of an existing output file, so the output is a new file.
            new = os.path.join(folder, group + ".txt")
            compile_lock(uv, new, [group], "--constraints", together)
            shutil.copyfile(new, lock_path(group))
        lock_torch(uv, folder, together)
    write_licenses()
    say("updated locks/")


if __name__ == "__main__":
    try:
        update()
    except SetupError as error:
        say(str(error))
        raise SystemExit(2) from None
