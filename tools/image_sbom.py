"""Software bills of materials (CycloneDX 1.6) of the container images, from the locks.

Each one has the image as its root component, and every package of the image with its version,
licence and the hashes that the lock accepts. Python itself and the packages of Debian are read from
the image, if a container engine has it. A Debian package has a licence if its copyright file is
machine-readable.
"""

import json
import os
import pathlib
import re
import subprocess
import uuid

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from licenses import read_licenses
from locked_packages import IMAGE, IMAGES, locked_lines
from packageurl import PackageURL
from setup import ROOT

# Prints what is in an image besides the locked packages: Python, and for each package of Debian its
# name, version, architecture and licences.
SYSTEM = r"""
import json, pathlib, platform, re, subprocess
fields = "${Package}\t${Version}\t${Architecture}\n"
listed = subprocess.run(["dpkg-query", "-W", "-f", fields], capture_output=True, check=True).stdout
found = []
for line in listed.decode().splitlines():
    name, version, architecture = line.split("\t")
    file = pathlib.Path("/usr/share/doc", name, "copyright")
    text = file.read_text("utf-8", "replace") if file.exists() else ""
    licenses = sorted({each.strip() for each in re.findall(r"(?m)^License: *(\S.*)$", text)})
    found.append([name, version, architecture, licenses])
print(json.dumps({"python": platform.python_version(), "debian": found}))
"""


def project_version():
    """Return the version of this project."""
    text = pathlib.Path(ROOT, "pyproject.toml").read_text(encoding="utf-8")
    return re.search(r'(?m)^version = "(.+)"', text).group(1)


def read_system(engine, tag):
    """Return {"python": version, "debian": packages} of an image, or None if it is not built."""
    if not engine:
        return None
    command = [engine, "run", "--rm", "--network", "none", "--entrypoint", "python", tag]
    done = subprocess.run([*command, "-c", SYSTEM], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def python_component(line, license_text):
    """Return the component of a locked package, from its line of the lock."""
    requirement, *options = line.split()
    name, version = re.split("={2,3}", requirement)
    purl = PackageURL("pypi", None, name, version)
    hashes = [
        HashType(alg=HashAlgorithm.SHA_256, content=option.rpartition(":")[2]) for option in options
    ]
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        comment="one of the locked files",
        hashes=hashes,
    )
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        licenses=[LicenseFactory().make_from_string(license_text)] if license_text else [],
        external_references=[files],
    )


def debian_component(name, version, architecture, licenses):
    """Return the component of a Debian package, with Debian's short names of licences."""
    purl = PackageURL("deb", "debian", name, version, {"arch": architecture, "distro": "bookworm"})
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        licenses=[DisjunctiveLicense(name=each) for each in licenses],
    )


def system_components(system):
    """Return the components of Python and of Debian's packages."""
    python = Component(
        name="python",
        version=system["python"],
        type=ComponentType.APPLICATION,
        bom_ref="python",
        purl=PackageURL("generic", None, "python", system["python"]),
        licenses=[LicenseFactory().make_from_string("PSF-2.0")],
    )
    return [python, *(debian_component(*package) for package in system["debian"])]


def make_sbom(image, system=None):
    """Return the SBOM of an image of IMAGES as JSON; the same input gives the same text."""
    facts, licenses = IMAGES[image], read_licenses()
    lines = locked_lines(facts.groups, IMAGE, facts.build)
    components = [python_component(line, licenses[name]) for name, line in lines.items()]
    components += system_components(system) if system else []
    root = Component(
        name="cold-open-" + image,
        version=project_version(),
        type=ComponentType.CONTAINER,
        bom_ref="cold-open-" + image,
        licenses=[LicenseFactory().make_from_string("MIT")],
    )
    bom = Bom(components=components)
    bom.metadata.component = root
    bom.register_dependency(root, components)
    listed = "\n".join(sorted(str(each.purl) for each in components))
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, root.name + "\n" + listed)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    del document["metadata"]["timestamp"]  # the only part that depends on the clock
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def write_sbom(image, engine=None, folder=None):
    """Write sbom/IMAGE.cdx.json; print its path and the number of packages."""
    folder = pathlib.Path(folder or os.path.join(ROOT, "sbom"))
    folder.mkdir(exist_ok=True)
    system = read_system(engine, IMAGES[image].tag)
    text = make_sbom(image, system)
    path = folder / f"{image}.cdx.json"
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
    count = len(locked_lines(IMAGES[image].groups, IMAGE, IMAGES[image].build))
    other = "none of Debian: the image is not built"
    if system:
        other = f"{len(system['debian'])} of Debian"
    print(f"sbom/{path.name}  {count} Python packages, {other}")
