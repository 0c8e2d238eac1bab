"""Install dependency groups into .venv: python3 tools/setup.py [GROUP ...]

Groups: train, export, serve, dev (the default: these four), tensorboard, serve-onnx (the server
without PyTorch), supply-chain (SBOM and audit). `make` runs this before every target. If nothing
has changed, it only compares checksums.

All packages except PyTorch are installed from locks/ by pip with --require-hashes, so pip's own
configuration (mirrors, certificates) applies. The build of PyTorch depends on the machine:

  1. A wheel in a local folder that pip's configuration names (find-links) is installed.
  2. Otherwise uv selects the build: CPU without an NVIDIA GPU, else the CUDA version of the driver.
  3. If PyTorch's index is not reachable, pip selects the build. On Linux this is a CUDA build.

Environment variables:
  TORCH_BACKEND  cpu, cu130, ...: the build to install (default: auto)
  TORCH_INDEX    URL of an index with PyTorch builds; replaces steps 2 and 3
  PYTHON         the interpreter, for make: make PYTHON=python3.12
"""

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


def install_torch(backend):
    """Install the build of PyTorch for this machine; see the module docstring."""
    if has_torch(backend):
        return
    requirement = torch_requirement()
    exact = requirement if backend == "auto" else requirement + "+" + backend
    index = os.environ.get("TORCH_INDEX")
    if index:
        say("installing {} from TORCH_INDEX".format(exact))
        if subprocess.run([*PIP, "--extra-index-url", index, exact]).returncode:
            raise SetupError("pip found no PyTorch in TORCH_INDEX; see its output above")
        return
    # A local CUDA wheel without its CUDA packages fails here; the next steps install both.
    if run(*PIP, "--no-index", exact)[0]:
        say("installed {} from a local folder".format(exact))
        return
    say("installing {} (build: {})".format(requirement, backend))
    with tempfile.TemporaryDirectory() as folder:
        uv = uv_command(folder)
        torch = (uv, "pip", "install", "--python", PYTHON, "--torch-backend", backend, requirement)
        done, output = run(*torch)
    if done:
        return
    say("PyTorch's index failed; pip installs its default build, which may be large: " + output)
    if subprocess.run([*PIP, requirement]).returncode:
        raise SetupError("pip could not install PyTorch; see its output above")


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
