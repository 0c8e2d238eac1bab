"""The licences of the packages in the images: locks/licenses.json, written by `make lock`.

Each licence is what the package's metadata gives: an SPDX expression, a classifier, or a name.
"""

import json
import os
import pathlib
import subprocess
import tempfile

from locked_packages import IMAGE, IMAGES, locked_packages
from packaging.utils import canonicalize_name
from setup import PYTHON, ROOT, SetupError

FILE = pathlib.Path(ROOT, "locks", "licenses.json")
LONGEST_NAME = 60  # some packages have the whole text of the licence in the field for its name


def license_of(metadata):
    """Return the licence in a package's metadata, or None.

    Args:
        metadata: the metadata as JSON, with the keys of the core metadata specification.
    """
    if metadata.get("license_expression"):
        return metadata["license_expression"]
    names = [each for each in metadata.get("classifier", []) if each.startswith("License ::")]
    named = " AND ".join(sorted(each.rpartition(" :: ")[2] for each in names))
    text = (metadata.get("license") or "").strip()
    if text and "\n" not in text and len(text) <= LONGEST_NAME:
        return text
    return named or None


def read_metadata(packages):
    """Return the metadata of packages, {name: version}, that may not be installed.

    pip reads only the metadata inside each wheel, by HTTP range requests.
    """
    with tempfile.TemporaryDirectory() as folder:
        requirements, report = os.path.join(folder, "all.txt"), os.path.join(folder, "report.json")
        with open(requirements, "w", encoding="utf-8") as file:
            file.writelines(f"{name}==={version}\n" for name, version in sorted(packages.items()))
        options = (
            "--dry-run",
            "--ignore-installed",
            "--no-deps",
            "--use-feature=fast-deps",
            "-qqq",
        )
        command = [PYTHON, "-m", "pip", "install", *options, "--report", report]
        if subprocess.run([*command, "-r", requirements]).returncode:
            raise SetupError("pip could not read the licences; see its output above")
        with open(report, encoding="utf-8") as file:
            return [each["metadata"] for each in json.load(file)["install"]]


def write_licenses():
    """Write the licence of each package of each image."""
    packages = {}
    for image in IMAGES.values():
        # The CPU and CUDA builds of PyTorch have one licence; pip's index has the CUDA build.
        packages.update(locked_packages(image.groups, IMAGE, image.build and "cu130"))
    found = {canonicalize_name(each["name"]): license_of(each) for each in read_metadata(packages)}
    FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_licenses():
    """Return {name: licence or None} of the packages of all images."""
    return json.loads(FILE.read_text(encoding="utf-8"))
