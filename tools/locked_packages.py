"""The packages in the locks: names, versions and hashes, for this platform or another one."""

import dataclasses
import pathlib
import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from setup import WITHOUT_TORCH, lock_path

# The platform of the container images, as environment markers.
IMAGE = {
    "python_version": "3.11",
    "python_full_version": "3.11.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
}


@dataclasses.dataclass(frozen=True)
class Image:
    """A container image: its tag, the groups it contains, its build of PyTorch ("" without)."""

    tag: str
    groups: tuple
    build: str


IMAGES = {
    "train": Image("cold-open-train", ("train", "export"), "cu130"),
    "train-cpu": Image("cold-open-train:cpu", ("train", "export"), "cpu"),
    "serve-torchscript": Image("cold-open-serve:torchscript", ("serve",), "cpu"),
    "serve-onnx": Image("cold-open-serve:onnx", ("serve-onnx",), ""),
}


def locked_lines(groups, environment=None, build="cpu"):
    """Return {name: "name==version --hash=..."} of all packages of some groups, PyTorch included.

    Args:
        groups: names of dependency groups.
        environment: the environment markers that differ from those of this interpreter.
        build: the build of PyTorch, for groups with PyTorch.
    """
    locks = list(groups)
    if not set(groups) <= WITHOUT_TORCH:
        locks.append("torch-" + build)
    lines = {}
    for lock in locks:
        text = pathlib.Path(lock_path(lock)).read_text(encoding="utf-8")
        for line in text.replace("\\\n", "").splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            wanted, *hashes = line.split(" --hash=")
            wanted = Requirement(wanted)
            if wanted.marker is None or wanted.marker.evaluate(environment):
                hashes = ["--hash=" + each.strip() for each in hashes]
                name = canonicalize_name(wanted.name)
                lines[name] = " ".join([name + str(wanted.specifier), *hashes])
    return lines


def locked_packages(groups, environment=None, build="cpu"):
    """Return {name: version} of all packages of some groups, PyTorch included."""
    lines = locked_lines(groups, environment, build)
    return {name: re.split("={2,3}", line.split()[0])[1] for name, line in lines.items()}
