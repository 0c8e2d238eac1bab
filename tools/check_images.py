"""End-to-end test of the container images: python tools/check_images.py [WORK_FOLDER]

1. Builds the train image, trains on the embedded show, sends SIGTERM, resumes, and exports.
2. Builds both serve images and one with the model baked in. Starts each one and generates a scene
   through its API.
3. Checks that each image has exactly the packages of its locks, and that a serve image has no
   training code. Writes an SBOM of each image, with Debian's packages.

All containers run with an arbitrary non-root UID, a read-only root file system and no capabilities;
training and export also without a network. Prints sizes and times. Run by `make images-check`.

Environment variables:
  ENGINE            docker, podman, or another program with their commands build, run and image
                    inspect (default: docker, else podman)
  BASE_IMAGE        with podman, replaces the base image of the Dockerfiles (tools/debian_base.sh)
  BUILD_OPTIONS     more options of the engine's command build, such as "--network host"
  COLD_OPEN_EPOCHS  for example 4, for a short training run
  OMP_NUM_THREADS   for example 1, faster if other programs use the CPU too
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from image_sbom import write_sbom
from locked_packages import IMAGES, locked_packages
from setup import ROOT

TRAIN = IMAGES["train-cpu"].tag
HARDENING = ("--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
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
print(client.predict("Odette: ", length=60, seed=7, api_name="/write")[0])
"""


class CheckFailed(Exception):
    """A check failed; the text says which."""


def say(line):
    """Print progress."""
    print("images-check: " + line, flush=True)


def find_engine():
    """Return the program that builds and runs images."""
    engine = os.environ.get("ENGINE") or next(filter(shutil.which, ("docker", "podman")), None)
    if not engine or not shutil.which(engine):
        raise CheckFailed("docker or podman is required; ENGINE names another program")
    return engine


def base_image():
    """Return the image that the builds start from."""
    text = pathlib.Path(ROOT, "Dockerfile.train").read_text(encoding="utf-8")
    return os.environ.get("BASE_IMAGE") or re.search(r"(?m)^FROM (\S+)", text).group(1)


class ImageCheck:
    """One test run with one container engine; models are written to `folder`/artifacts."""

    def __init__(self, engine, folder):
        self.engine = engine
        self.artifacts = pathlib.Path(folder) / "artifacts"
        self.artifacts.mkdir(exist_ok=True)
        self.user = "{}:{}".format(os.getuid() or 12345, os.getgid() or 12345)
        if os.getuid() == 0:
            os.chown(self.artifacts, 12345, 12345)

    def build(self, file, tag, *options):
        """Build an image and print its size."""
        say("building " + tag)
        path = os.path.join(ROOT, file)
        if pathlib.Path(self.engine).name == "podman":
            options += ("--format", "docker")  # podman's default format has no HEALTHCHECK
        if os.environ.get("BASE_IMAGE"):
            options += ("--from", os.environ["BASE_IMAGE"])
        options += tuple(shlex.split(os.environ.get("BUILD_OPTIONS", "")))
        start = time.monotonic()
        command = [self.engine, "build", "-q", "-f", path, "-t", tag, *options, ROOT]
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
            raise CheckFailed(tag + " could not be built")
        size, base = self.size(tag), self.size(base_image())
        say(
            f"{tag}: {size / 1e6:.0f} MB, {(size - base) / 1e6:.0f} MB more than the base image, "
            f"built in {time.monotonic() - start:.0f} s"
        )

    def size(self, tag):
        """Return the size of an image in bytes."""
        command = [self.engine, "image", "inspect", "--format", "{{.Size}}", tag]
        return int(subprocess.run(command, check=True, capture_output=True).stdout)

    def start(self, tag, *words, options=(), **settings):
        """Start a container and return its process."""
        command = [self.engine, "run", *HARDENING, "--user", self.user, *options, tag, *words]
        return subprocess.Popen(command, text=True, **settings)

    def python(self, tag, program):
        """Run a Python program in an image and return its output."""
        options = ("--network", "none", "--entrypoint", "python")
        process = self.start(tag, "-c", program, options=options, stdout=subprocess.PIPE)
        output = process.communicate(timeout=300)[0]
        if process.returncode:
            raise CheckFailed(f"a program in {tag} exited with {process.returncode}")
        return output

    def check_packages(self, tag, image):
        """Check that an image has exactly the packages of its locks."""
        found, environment = json.loads(self.python(tag, PACKAGES))
        wanted = locked_packages(IMAGES[image].groups, environment, IMAGES[image].build)
        found = {re.sub(r"[-_.]+", "-", name).lower(): found[name] for name in found}
        for name in sorted(set(found) | set(wanted)):
            if found.get(name) != wanted.get(name):
                raise CheckFailed(
                    f"{tag} has {name} {found.get(name)}, its locks have {wanted.get(name)}"
                )
        say(f"{tag}: {len(found)} packages, the same as in its locks")

    def check_files(self, tag):
        """Check that a serve image has only the project files that Dockerfile.serve names."""
        files = [pathlib.PurePath(line) for line in self.python(tag, FILES).split()]
        dockerfile = pathlib.Path(ROOT, "Dockerfile.serve").read_text(encoding="utf-8")
        allowed = set(re.findall(r"\bdata/\w+\.py\b", dockerfile))
        for file in files:
            if file.parts[2] != "serve" and str(file.relative_to("/app")) not in allowed:
                raise CheckFailed(f"{tag} has {file}")
        say(f"{tag}: {len(files)} project files, no training code")

    def job(self, *words, stop_after=""):
        """Run the train image; return its exit code.

        SIGTERM is sent when its output contains `stop_after`.
        """
        names = [name for name in ("COLD_OPEN_EPOCHS", "OMP_NUM_THREADS") if name in os.environ]
        settings = [word for name in names for word in ("-e", name)]
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
        """Train with one interruption, then export."""
        job = ("job", "--preset", "laptop")
        start = time.monotonic()
        if (code := self.job(*job, stop_after="epoch")) != 143:
            raise CheckFailed(f"the exit code of training after SIGTERM must be 143, not {code}")
        if code := self.job(*job):
            raise CheckFailed(f"the resumed training run exited with {code}")
        say(f"trained, with one interruption, in {time.monotonic() - start:.0f} s")
        if code := self.job("export"):
            raise CheckFailed(f"export exited with {code}")

    def serve(self, tag, *options):
        """Start a serve image, wait until it is ready, generate a scene, and stop it."""
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        start = time.monotonic()
        process = self.start(tag, options=(*options, "-p", f"127.0.0.1:{port}:7860"))
        try:
            while not answers(address + "/readyz"):
                if process.poll() is not None or time.monotonic() > start + 120:
                    raise CheckFailed(tag + " did not become ready")
                time.sleep(0.05)
            say(f"{tag}: ready after {time.monotonic() - start:.1f} s")
            scene = subprocess.run(
                [sys.executable, "-c", SCENE, address], capture_output=True, text=True, timeout=120
            )
            if scene.returncode or len(scene.stdout.split()) < 20:
                raise CheckFailed(f"{tag} generated no scene: {scene.stdout}{scene.stderr[-500:]}")
            print("  " + scene.stdout.strip().replace("\n", "\n  "))
        finally:
            process.terminate()
            code = process.wait(timeout=60)
        if code:
            raise CheckFailed(f"{tag} exited with {code} after SIGTERM")


def free_port():
    """Return an unused TCP port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url):
    """Return whether a URL answers with a success status."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def main(folder):
    """Run the whole test."""
    check = ImageCheck(find_engine(), folder)
    check.build("Dockerfile.train", TRAIN, "--build-arg", "TORCH_BACKEND=cpu")
    check.check_packages(TRAIN, "train-cpu")
    check.train_and_export()
    for image in ("serve-torchscript", "serve-onnx"):
        tag = IMAGES[image].tag
        runtime = tag.partition(":")[2]
        check.build("Dockerfile.serve", tag, "--build-arg", "RUNTIME=" + runtime)
        check.check_packages(tag, image)
        check.check_files(tag)
        check.serve(tag, "-v", f"{check.artifacts}:/artifacts:ro")
    tag = "cold-open-serve:baked"
    model = f"model={check.artifacts / 'low-tide'}"
    check.build("Dockerfile.serve", tag, "--build-arg", "RUNTIME=onnx", "--build-context", model)
    check.serve(tag)
    for image in ("train-cpu", "serve-torchscript", "serve-onnx"):
        write_sbom(image, check.engine)
    say("done")


if __name__ == "__main__":
    try:
        with tempfile.TemporaryDirectory() as temporary:
            main(sys.argv[1] if sys.argv[1:] else temporary)
    except CheckFailed as error:
        print("images-check: " + str(error), file=sys.stderr)
        sys.exit(1)
