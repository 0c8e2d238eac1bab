"""Set up .venv for some groups: python3 tools/setup.py [train] [export] [serve] [dev] [...]

No group named means these four; `tensorboard`, `serve-onnx` (the page without PyTorch) and `supply`
(SBOM and audit) are set up only where they are named. `make` calls this before every target; when
nothing changed it only compares checksums. Everything but PyTorch comes from locks/, by pip, with
hashes, so that your own pip settings (mirrors, certificates) hold. PyTorch's build depends on the
machine:

  1. a wheel that your pip settings find in a local folder (PIP_FIND_LINKS) is taken;
  2. otherwise uv picks the build: CPU where there is no NVIDIA GPU, else the driver's CUDA;
  3. if PyTorch's index cannot be reached, plain pip decides, which on Linux means CUDA.

TORCH_BACKEND=cpu|cu130|... names the build instead (default: auto). TORCH_INDEX=URL names an index
of PyTorch builds to use instead of 2 and 3. PYTHON=python3.12 (for make) names the interpreter.
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
OPTIONAL = ("tensorboard", "serve-onnx", "supply")  # only where named
WITHOUT_TORCH = {"dev", "serve-onnx", "supply"}
PIP = (PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "-qq")


class SetupError(Exception):
    """Something the person at the keyboard can put right, in one line."""


def say(line):
    """Tell the person what is going on; standard output is left to the product."""
    print("setup: " + line, file=sys.stderr, flush=True)


def lock_path(group):
    """Return the path of a group's lock file."""
    return os.path.join(ROOT, "locks", group + ".txt")


def torch_requirement():
    """Return PyTorch's requirement, such as torch==2.13.0, from its one place."""
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        return re.search(r'"(torch==[^"]+)"', file.read()).group(1)


def digest(group):
    """Return a checksum of all that decides what a group installs."""
    with open(lock_path(group), "rb") as file:
        content = file.read()
    return hashlib.sha256(torch_requirement().encode() + b"\n" + content).hexdigest()


def read_stamp():
    """Return what was installed, or nothing for a .venv that is absent, half made, or moved."""
    try:
        with open(STAMP, encoding="utf-8") as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        return {}
    return stamp if stamp.get("at") == VENV and os.path.exists(PYTHON) else {}


def write_stamp(stamp):
    """Write the stamp whole or not at all."""
    with open(STAMP + ".part", "w", encoding="utf-8") as file:
        json.dump(stamp, file)
    os.replace(STAMP + ".part", STAMP)


def run(*command, **settings):
    """Run a command; return whether it succeeded and the last line of what it said."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **settings)
    text = result.stdout.decode(errors="replace").strip()
    return result.returncode == 0, (text.splitlines() or ["no message"])[-1].strip()


def make_venv():
    """Make .venv anew; a half-made one cannot be told from a good one, so none is patched up."""
    say("making .venv with Python {}.{}".format(*sys.version_info[:2]))
    done, said = run(sys.executable, "-m", "venv", "--clear", VENV)
    if not done:
        raise SetupError("cannot make .venv (on Debian, install python3-venv): " + said)


def install_locked(groups):
    """Install the groups' locked packages, each checked against its hash."""
    say("installing the packages of " + ", ".join(groups))
    files = [word for group in groups for word in ("-r", lock_path(group))]
    # The lock is complete, so --no-deps loses nothing, and stops pip from asking for torch.
    if subprocess.run([*PIP, "--require-hashes", "--no-deps", *files]).returncode:
        raise SetupError("pip could not install the packages; what it said is above")


def uv_command(folder):
    """Install the locked uv into a folder of its own and return the path of the program."""
    done, said = run(*PIP, "--require-hashes", "-r", lock_path("tools"), "--target", folder)
    if not done:
        raise SetupError("pip could not install uv: " + said)
    return os.path.join(folder, "bin", "uv")


def has_torch(backend):
    """Tell whether .venv holds an importable PyTorch of the wanted version and build."""
    wanted = torch_requirement().split("==")[1]
    done, version = run(PYTHON, "-c", "import torch; print(torch.__version__)", cwd=VENV)
    number, _, build = version.partition("+")
    return done and number == wanted and backend in ("auto", build)


def install_torch(backend):
    """Install the build of PyTorch that suits this machine; see the top of this file."""
    if has_torch(backend):
        return
    requirement = torch_requirement()
    exact = requirement if backend == "auto" else requirement + "+" + backend
    index = os.environ.get("TORCH_INDEX")
    if index:
        say("installing {} from TORCH_INDEX".format(exact))
        if subprocess.run([*PIP, "--extra-index-url", index, exact]).returncode:
            raise SetupError("pip found no PyTorch by TORCH_INDEX; what it said is above")
        return
    # A CUDA wheel whose own packages are not at hand as well fails here, and goes on below.
    if run(*PIP, "--no-index", exact)[0]:
        say("took {} from a local folder".format(exact))
        return
    say("installing {} (build: {})".format(requirement, backend))
    with tempfile.TemporaryDirectory() as folder:
        uv = uv_command(folder)
        torch = (uv, "pip", "install", "--python", PYTHON, "--torch-backend", backend, requirement)
        done, said = run(*torch)
    if done:
        return
    say("PyTorch's own index failed; plain pip takes a build, maybe a large one: " + said)
    if subprocess.run([*PIP, requirement]).returncode:
        raise SetupError("pip could not install PyTorch; what it said is above")


def set_up(groups):
    """Bring .venv up to date for these groups; do nothing where it is."""
    backend = os.environ.get("TORCH_BACKEND") or "auto"
    stamp = read_stamp()
    if not stamp and not (3, 11) <= sys.version_info[:2] < (3, 14):
        message = "needs Python 3.11, 3.12 or 3.13, not {}.{}; name one: make PYTHON=python3.12"
        raise SetupError(message.format(*sys.version_info[:2]))
    wanted = {group: digest(group) for group in groups}
    late = [group for group in groups if stamp.get(group) != wanted[group]]
    with_torch = not set(groups) <= WITHOUT_TORCH
    torch_late = with_torch and stamp.get("torch") is None
    torch_late = torch_late or (with_torch and backend not in ("auto", stamp.get("torch")))
    if not late and not torch_late:
        return
    if not stamp:
        make_venv()
        stamp = {"at": VENV}
    if os.path.exists(STAMP):
        os.remove(STAMP)  # killed from here on, the next call starts afresh
    try:
        if late:
            install_locked(late)
            stamp.update({group: wanted[group] for group in late})
        if with_torch:
            install_torch(backend)
            stamp["torch"] = backend
    except SetupError:
        write_stamp(stamp)  # pip failed but left things whole; keep what is there
        raise
    write_stamp(stamp)
    say("ready")


def main(groups):
    """Check the arguments, then set up, one caller at a time."""
    unknown = [group for group in groups if group not in GROUPS + OPTIONAL]
    if unknown:
        known = ", ".join(GROUPS + OPTIONAL)
        raise SetupError("no group {!r}; there are {}".format(unknown[0], known))
    with open(os.path.abspath(__file__), "rb") as turnstile:
        try:
            import fcntl

            fcntl.flock(turnstile, fcntl.LOCK_EX)  # two `make`s must not fill one .venv at once
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
        say("interrupted; the next call starts .venv afresh")
        sys.exit(130)
