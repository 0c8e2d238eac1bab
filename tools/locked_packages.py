"""The packages in the locks: names, versions and hashes, for this platform or another one."""

import pathlib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from setup import WITHOUT_TORCH, lock_path, torch_requirement

# The platform of the container images, as environment markers.
IMAGE = {
    "python_version": "3.11",
    "python_full_version": "3.11.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
}


def locked_lines(groups, environment=None):
    """Return {name: "name==version --hash=..."} of all packages of some groups, PyTorch included.

    `environment` holds the environment markers that differ from those of this interpreter.
    """
    lines = {}
    for group in groups:
        lock = pathlib.Path(lock_path(group)).read_text(encoding="utf-8")
        if group not in WITHOUT_TORCH:
            lock += "\n" + torch_requirement()
        for line in lock.replace("\\\n", "").splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            wanted, *hashes = line.split(" --hash=")
            wanted = Requirement(wanted)
            if wanted.marker is None or wanted.marker.evaluate(environment):
                hashes = ["--hash=" + each.strip() for each in hashes]
                name = canonicalize_name(wanted.name)
                lines[name] = " ".join([name + str(wanted.specifier), *hashes])
    return lines


def locked_packages(groups, environment=None):
    """Return {name: version} of all packages of some groups, PyTorch included."""
    lines = locked_lines(groups, environment)
    return {name: line.split()[0].partition("==")[2] for name, line in lines.items()}
