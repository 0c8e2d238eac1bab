"""Install dependency groups into .venv: python3 tools/setup.py [GROUP ...]

Groups: train, export, serve, dev (the default: these four), tensorboard, serve-onnx (the server
without PyTorch), supply-chain (SBOM and audit). `make` runs this before every target. If nothing
has changed, it only compares checksums.

All packages are installed from locks/ with their hashes, by pip, so pip's own configuration
(mirrors, certificates) applies. The build of PyTorch depends on the machine. Two builds are in
locks/: cpu, and cu130 for Linux with NVIDIA driver 580 or later.

  1. A wheel in a local folder that pip's configuration names (find-links) is installed, if its hash
     is in locks/torch-BUILD.txt or in a file WHEEL.sha256 beside it.
  2. Otherwise pip downloads the build from its index, and uv from PyTorch's own index, where the
     CPU builds for Linux are.
  3. If PyTorch's index is not reachable, the locked CUDA build replaces the CPU build on Linux.
  4. An older driver needs an older CUDA build: uv selects it, without a hash, and a line says so.

Environment variables:
  TORCH_BACKEND  cpu, cu130, ...: the build to install (default: auto)
  TORCH_INDEX    URL of an index with PyTorch builds, used in place of PyTorch's own
  TORCH_STRICT   1: only the build of TORCH_BACKEND, with a hash; steps 3 and 4 are errors
  PYTHON         the interpreter, for make: make PYTHON=python3.12
"""

import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = os.path.join(VENV, "cold-open.json")
GROUPS = ("train", "export", "serve", "dev")
OPTIONAL = ("tensorboard", "serve-onnx", "supply-chain")  # installed only if named
WITHOUT_TORCH = {"dev", "serve-onnx", "supply-chain"}
TORCH_BUILDS = ("cpu", "cu130")  # the builds in locks/
CU130_DRIVER = 580  # NVIDIA's first driver with CUDA 13
PIP = (PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "-qq")


class SetupError(Exception):
    """A problem that the user can fix, in one line."""


def say(line):
    """Print progress to stderr; stdout is for results."""
    print("setup: " + line, file=sys.stderr, flush=True)


def lock_path(group):
    """Return the path of a group's lock file."""
    return os.path.join(ROOT, "locks", group + ".txt")


def torch_requirement():
    """Return the requirement of PyTorch, such as torch==2.13.0, from pyproject.toml."""
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        return re.search(r'"(torch==[^"]+)"', file.read()).group(1)


def digest(group):
    """Return a checksum of everything that determines what a group installs."""
    with open(lock_path(group), "rb") as file:
        content = file.read()
    return hashlib.sha256(torch_requirement().encode() + b"\n" + content).hexdigest()


def read_stamp():
    """Return what is installed; {} if .venv is absent, incomplete, or was moved."""
    try:
        with open(STAMP, encoding="utf-8") as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        return {}
    return stamp if stamp.get("at") == VENV and os.path.exists(PYTHON) else {}


def write_stamp(stamp):
    """Write the stamp atomically."""
    with open(STAMP + ".part", "w", encoding="utf-8") as file:
        json.dump(stamp, file)
    os.replace(STAMP + ".part", STAMP)


def run(*command, **settings):
    """Run a command; return (whether it succeeded, the last line of its output)."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **settings)
    text = result.stdout.decode(errors="replace").strip()
    return result.returncode == 0, (text.splitlines() or ["no message"])[-1].strip()


def make_venv():
    """Create .venv from scratch: an incomplete one is not distinguishable from a good one."""
    say("creating .venv with Python {}.{}".format(*sys.version_info[:2]))
    done, output = run(sys.executable, "-m", "venv", "--clear", VENV)
    if not done:
        raise SetupError("cannot create .venv (on Debian, install python3-venv): " + output)


def install_locked(groups):
    """Install the locked packages of some groups and check their hashes."""
    say("installing the packages of " + ", ".join(groups))
    files = [word for group in groups for word in ("-r", lock_path(group))]
    # The lock is complete. --no-deps keeps pip from resolving torch, which is not in it.
    if subprocess.run([*PIP, "--require-hashes", "--no-deps", *files]).returncode:
        raise SetupError("pip could not install the packages; see its output above")


def uv_command(folder):
    """Install the locked version of uv into a folder; return the path of the executable."""
    done, output = run(*PIP, "--require-hashes", "-r", lock_path("tools"), "--target", folder)
    if not done:
        raise SetupError("pip could not install uv: " + output)
    return os.path.join(folder, "bin", "uv")


def has_torch(backend):
    """Return whether .venv has an importable PyTorch of the right version and build."""
    wanted = torch_requirement().split("==")[1]
    done, version = run(PYTHON, "-c", "import torch; print(torch.__version__)", cwd=VENV)
    number, _, build = version.partition("+")
    return done and number == wanted and backend in ("auto", build)


def choose_build():
    """Return the build for this machine; "auto" leaves the choice to uv."""
    query = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    try:
        found, version = run(*query)
    except OSError:
        found = False
    if not found:
        return "cpu"
    driver = re.match(r"\d+", version)
    current = driver and int(driver.group()) >= CU130_DRIVER
    return "cu130" if current and sys.platform == "linux" else "auto"


def hashes_beside_wheels():
    """Return the checksums in files torch-*.whl.sha256 in the folders of pip's find-links."""
    command = (PYTHON, "-m", "pip", "config", "list")
    settings = subprocess.run(command, stdout=subprocess.PIPE).stdout.decode(errors="replace")
    folders = " ".join(re.findall(r"find-links='(.*)'", settings)).split()
    found = []
    for folder in folders:
        folder = re.sub("^file:(//)?", "", folder)
        for path in sorted(glob.glob(os.path.join(folder, "torch-*.whl.sha256"))):
            with open(path, encoding="utf-8") as file:
                found += re.findall(r"\b[0-9a-f]{64}\b", file.read())
    return found


def install_locked_torch(build):
    """Install a build of locks/; return (whether it succeeded, the last line of the output)."""
    with open(lock_path("torch-" + build), encoding="utf-8") as file:
        lock = file.read()
    for checksum in hashes_beside_wheels():
        line = r"\1\n    --hash=sha256:{} \\".format(checksum)
        lock = re.sub(r"(?m)^(torch==.*\\)$", line, lock)
    with tempfile.TemporaryDirectory() as folder:
        requirements = os.path.join(folder, "torch.txt")
        with open(requirements, "w", encoding="utf-8") as file:
            file.write(lock)
        options = ("--require-hashes", "--no-deps", "-r", requirements)
        index = os.environ.get("TORCH_INDEX")
        if index:
            return run(*PIP, "--extra-index-url", index, *options)
        if build != "cpu" or sys.platform != "linux":
            return run(*PIP, *options)
        done, output = run(*PIP, "--no-index", *options)
        if done:
            return done, output
        if output.startswith("Got"):  # the last line of pip's message
            say("a local wheel of PyTorch has a hash that is neither in locks/ nor beside it")
        try:
            uv = (uv_command(folder), "pip", "install", "--python", PYTHON)
        except SetupError as error:
            return False, str(error)
        return run(*uv, "--torch-backend", build, *options)


def install_torch(backend):
    """Install the build of PyTorch for this machine; see the module docstring."""
    if has_torch(backend):
        return
    build = choose_build() if backend == "auto" else backend
    requirement = torch_requirement()
    say("installing {} (build: {})".format(requirement, build))
    done, reason = False, "locks/ has no such build"
    if build in TORCH_BUILDS:
        done, reason = install_locked_torch(build)
    if done:
        return
    failure = "cannot install {} (build: {}): {}".format(requirement, build, reason)
    if os.environ.get("TORCH_STRICT") == "1":
        raise SetupError(failure)
    if build == "cpu" and sys.platform == "linux":
        say(failure)
        say("installing the CUDA build instead, several GB; TORCH_STRICT=1 prevents it")
        done, reason = install_locked_torch("cu130")
    elif build not in TORCH_BUILDS:
        say("locks/ has no hash of this build: it is installed without one")
        done, reason = install_unlocked_torch(build)
    if not done:
        raise SetupError("cannot install {}: {}".format(requirement, reason))


def install_unlocked_torch(build):
    """Install another build without a hash; return (whether it succeeded, the last line)."""
    index, requirement = os.environ.get("TORCH_INDEX"), torch_requirement()
    if index:
        exact = requirement if build == "auto" else requirement + "+" + build
        return run(*PIP, "--extra-index-url", index, exact)
    with tempfile.TemporaryDirectory() as folder:
        uv = (uv_command(folder), "pip", "install", "--python", PYTHON)
        return run(*uv, "--torch-backend", build, requirement)


def set_up(groups):
    """Update .venv for these groups; do nothing if it is up to date."""
    backend = os.environ.get("TORCH_BACKEND") or "auto"
    stamp = read_stamp()
    if not stamp and not (3, 11) <= sys.version_info[:2] < (3, 14):
        message = "Python 3.11, 3.12 or 3.13 is required, not {}.{}: make PYTHON=python3.12"
        raise SetupError(message.format(*sys.version_info[:2]))
    wanted = {group: digest(group) for group in groups}
    outdated = [group for group in groups if stamp.get(group) != wanted[group]]
    with_torch = not set(groups) <= WITHOUT_TORCH
    torch_outdated = with_torch and stamp.get("torch") is None
    torch_outdated = torch_outdated or (with_torch and backend not in ("auto", stamp.get("torch")))
    if not outdated and not torch_outdated:
        return
    if not stamp:
        make_venv()
        stamp = {"at": VENV}
    if os.path.exists(STAMP):
        os.remove(STAMP)  # if this process is killed from here on, the next call starts over
    try:
        if outdated:
            install_locked(outdated)
            stamp.update({group: wanted[group] for group in outdated})
        if with_torch:
            install_torch(backend)
            stamp["torch"] = backend
    except SetupError:
        write_stamp(stamp)  # pip failed without breaking .venv: keep what is installed
        raise
    write_stamp(stamp)
    say("ready")


def main(groups):
    """Check the arguments, then update .venv under a file lock."""
    unknown = [group for group in groups if group not in GROUPS + OPTIONAL]
    if unknown:
        known = ", ".join(GROUPS + OPTIONAL)
        raise SetupError("no group {!r}; choose from {}".format(unknown[0], known))
    with open(os.path.abspath(__file__), "rb") as lock:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)  # two `make` processes must not write one .venv
        except (ImportError, OSError):
            pass
        set_up(groups or GROUPS)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetupError as error:
        say(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        say("interrupted; the next call creates .venv again")
        sys.exit(130)
