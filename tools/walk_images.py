"""Build the images and walk the line with them: python tools/walk_images.py [WORK_FOLDER]

Trains on the embedded show in the train image, is stopped on the way and goes on, exports there,
serves from both serve images and from one with the model baked in, and asks each for a scene
through its API. Every container runs as a stranger, on a read-only root, without capabilities;
training and export also without a network. Checks on the way that each image holds the packages
of its locks and no others, and that a serve image holds no training code. Prints sizes and times.

ENGINE=docker|podman, or another program with their commands build, run and image inspect (default:
the first of these two that is there). COLD_OPEN_EPOCHS=4 makes it short,
OMP_NUM_THREADS=1 quicker where others work too. Called by `make images-check`.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from packages import locked_packages
from setup import ROOT

BASE = "python:3.11-slim-bookworm"
TRAIN = "cold-open-train:cpu"
LOCKED_IN = ("--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
PACKAGES = """
import importlib.metadata, json, platform
found = {each.name: each.version for each in importlib.metadata.distributions()}
here = {"python_version": platform.python_version().rpartition(".")[0],
        "python_full_version": platform.python_version(), "platform_machine": platform.machine()}
print(json.dumps([found, here]))
"""
FILES = """
import os
for folder, _, names in os.walk("/app"):
    if "/.venv" not in folder:
        print(*(os.path.join(folder, name) for name in names), sep="\\n")
"""
SCENE = """
import sys
from gradio_client import Client
client = Client(sys.argv[1], verbose=False)
print(client.predict("Odette: ", max_new_tokens=60, seed=7, api_name="/write")[0])
"""


class WalkError(Exception):
    """Something on the way is not as it must be."""


def say(line):
    """Tell how far the walk has come."""
    print("walk: " + line, flush=True)


def find_engine():
    """Return the program that builds and runs images."""
    engine = os.environ.get("ENGINE") or next(filter(shutil.which, ("docker", "podman")), None)
    if not engine or not shutil.which(engine):
        raise WalkError("needs docker or podman; ENGINE names another program")
    return engine


class Walk:
    """One walk with one engine; what is made goes to `folder`/artifacts."""

    def __init__(self, engine, folder):
        self.engine = engine
        self.artifacts = pathlib.Path(folder) / "artifacts"
        self.artifacts.mkdir(exist_ok=True)
        self.user = "{}:{}".format(os.getuid() or 12345, os.getgid() or 12345)
        if os.getuid() == 0:
            os.chown(self.artifacts, 12345, 12345)

    def build(self, file, tag, *options):
        """Build an image and tell its size."""
        say("builds " + tag)
        path = os.path.join(ROOT, file)
        command = [self.engine, "build", "-q", "-f", path, "-t", tag, *options, ROOT]
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
            raise WalkError(tag + " could not be built")
        size, base = self.size(tag), self.size(BASE)
        say(f"{tag}: {size / 1e6:.0f} MB, of which {(size - base) / 1e6:.0f} MB over {BASE}")

    def size(self, tag):
        """Return the bytes of an image."""
        command = [self.engine, "image", "inspect", "--format", "{{.Size}}", tag]
        return int(subprocess.run(command, check=True, capture_output=True).stdout)

    def start(self, tag, *words, options=(), **settings):
        """Start a container and return its process."""
        command = [self.engine, "run", *LOCKED_IN, "--user", self.user, *options, tag, *words]
        return subprocess.Popen(command, text=True, **settings)

    def python(self, tag, program):
        """Return what a Python program prints within an image."""
        options = ("--network", "none", "--entrypoint", "python")
        process = self.start(tag, "-c", program, options=options, stdout=subprocess.PIPE)
        told = process.communicate(timeout=300)[0]
        if process.returncode:
            raise WalkError(f"a program in {tag} ended with {process.returncode}")
        return told

    def check_packages(self, tag, groups):
        """Refuse an image whose packages are not exactly those of its locks."""
        found, environment = json.loads(self.python(tag, PACKAGES))
        wanted = locked_packages(groups, environment)
        # What PyTorch calls its builds (+cpu) is no other version.
        names = {re.sub(r"[-_.]+", "-", name).lower(): name for name in found}
        found = {name: found[own].partition("+")[0] for name, own in names.items()}
        for name in sorted(set(found) | set(wanted)):
            if found.get(name) != wanted.get(name):
                raise WalkError(
                    f"{tag} holds {name} {found.get(name)}, its locks {wanted.get(name)}"
                )
        say(f"{tag}: {len(found)} packages, those of its locks")

    def check_files(self, tag):
        """Refuse a serve image that holds anything of ours but the page and what it imports."""
        files = [pathlib.PurePath(line) for line in self.python(tag, FILES).split()]
        allowed = {"__init__.py", "tokens.py", "vocab.py", "command_line.py"}
        for file in files:
            room = file.parts[2]
            if room != "serve" and not (room == "data" and set(file.parts[3:]) <= allowed):
                raise WalkError(f"{tag} holds {file}")
        say(f"{tag}: {len(files)} files of ours, none of training")

    def job(self, *words, stop_after=""):
        """Run the train image; return its exit code. SIGTERM is sent once it says `stop_after`."""
        given = [name for name in ("COLD_OPEN_EPOCHS", "OMP_NUM_THREADS") if name in os.environ]
        settings = [word for name in given for word in ("-e", name)]
        mount = ("-v", f"{self.artifacts}:/artifacts")
        process = self.start(
            TRAIN,
            *words,
            options=("--network", "none", *settings, *mount),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for line in process.stdout:
            print("  " + line, end="", flush=True)
            if stop_after and stop_after in line:
                process.terminate()
                stop_after = ""
        return process.wait(timeout=60)

    def train_and_export(self):
        """Train with an interruption, and export."""
        job = ("job", "--preset", "laptop")
        began = time.monotonic()
        if (code := self.job(*job, stop_after="epoch")) != 143:
            raise WalkError(f"training that gets SIGTERM must end with 143, not {code}")
        if code := self.job(*job):
            raise WalkError(f"training that goes on ended with {code}")
        say(f"trained, stopped once on the way, in {time.monotonic() - began:.0f} s")
        if code := self.job("export"):
            raise WalkError(f"export ended with {code}")

    def serve(self, tag, *options):
        """Serve, wait until it is ready, ask for a scene, and stop."""
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        began = time.monotonic()
        process = self.start(tag, options=(*options, "-p", f"127.0.0.1:{port}:7860"))
        try:
            while not answers(address + "/readyz"):
                if process.poll() is not None or time.monotonic() > began + 120:
                    raise WalkError(tag + " does not become ready")
                time.sleep(0.05)
            say(f"{tag}: ready after {time.monotonic() - began:.1f} s")
            asked = subprocess.run(
                [sys.executable, "-c", SCENE, address], capture_output=True, text=True, timeout=120
            )
            if asked.returncode or len(asked.stdout.split()) < 20:
                raise WalkError(f"{tag} wrote no scene: {asked.stdout}{asked.stderr[-500:]}")
            print("  " + asked.stdout.strip().replace("\n", "\n  "))
        finally:
            process.terminate()
            code = process.wait(timeout=60)
        if code:
            raise WalkError(f"{tag} ended with {code} on SIGTERM")


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url):
    """Tell whether a page answers."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def main(folder):
    """Walk from the build to a scene."""
    walk = Walk(find_engine(), folder)
    walk.build("Dockerfile.train", TRAIN, "--build-arg", "TORCH_BACKEND=cpu")
    walk.check_packages(TRAIN, ["train", "export"])
    walk.train_and_export()
    for runtime, group in (("torchscript", "serve"), ("onnx", "serve-onnx")):
        tag = "cold-open-serve:" + runtime
        walk.build("Dockerfile.serve", tag, "--build-arg", "RUNTIME=" + runtime)
        walk.check_packages(tag, [group])
        walk.check_files(tag)
        walk.serve(tag, "-v", f"{walk.artifacts}:/artifacts:ro")
    tag = "cold-open-serve:baked"
    model = f"model={walk.artifacts / 'low-tide'}"
    walk.build("Dockerfile.serve", tag, "--build-arg", "RUNTIME=onnx", "--build-context", model)
    walk.serve(tag)
    say("done")


if __name__ == "__main__":
    try:
        with tempfile.TemporaryDirectory() as temporary:
            main(sys.argv[1] if sys.argv[1:] else temporary)
    except WalkError as error:
        print("walk: " + str(error), file=sys.stderr)
        sys.exit(1)
