"""What the images are made of, and what is known against it: python tools/supply.py sbom|audit

sbom writes one CycloneDX file an image to sbom/, from the locks. audit asks pip-audit's service
about every package of every lock; exit code 1 if one is known to be vulnerable, 2 if nothing could
be asked.
"""

import json
import os
import subprocess
import sys

from packages import IMAGE, locked_lines, locked_packages
from setup import GROUPS, OPTIONAL, ROOT

IMAGES = {
    "train": ["train", "export"],
    "serve-torchscript": ["serve"],
    "serve-onnx": ["serve-onnx"],
}
FOLDER = os.path.join(ROOT, "sbom")


class SupplyError(Exception):
    """Why there is no answer, in one line."""


def write_sboms():
    """Write sbom/IMAGE.cdx.json for each image; the same locks give the same files."""
    os.makedirs(FOLDER, exist_ok=True)
    for image, groups in IMAGES.items():
        path = os.path.join(FOLDER, image + ".cdx.json")
        lines = locked_lines(groups, IMAGE)
        command = (sys.executable, "-m", "cyclonedx_py", "requirements", "-")
        options = ("--output-reproducible", "--output-file", path + ".part")
        done = subprocess.run([*command, *options], input="\n".join(lines.values()), text=True)
        if done.returncode:
            raise SupplyError("cyclonedx-py failed; what it said is above")
        os.replace(path + ".part", path)
        print(f"{os.path.relpath(path, ROOT)}  {len(lines)} packages")


def audit():
    """Print what is known against the locked packages; return the exit code."""
    packages = locked_packages([*GROUPS, *OPTIONAL])
    listed = "".join(f"{name}=={version}\n" for name, version in packages.items())
    command = (sys.executable, "-m", "pip_audit", "--requirement", "/dev/stdin", "--format", "json")
    options = ("--no-deps", "--disable-pip", "--desc", "off", "--progress-spinner", "off")
    done = subprocess.run([*command, *options], input=listed, capture_output=True, text=True)
    try:
        told = json.loads(done.stdout)["dependencies"]
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SupplyError("the vulnerability service did not answer: " + reason) from None
    return report(told)


def report(told):
    """Print one line a vulnerability and a summary; return the exit code."""
    asked = [each for each in told if "skip_reason" not in each]
    if not asked:
        raise SupplyError(
            f"the vulnerability service that answers here knows none of {len(told)} packages: "
            "nothing is audited"
        )
    found = [(each, known) for each in asked for known in each["vulns"]]
    for each, known in found:
        mended = ", ".join(known["fix_versions"]) or "no version"
        print(f"{each['name']} {each['version']}: {known['id']}, mended in {mended}")
    for each in told:
        if "skip_reason" in each:
            print(f"{each['name']}: not audited ({each['skip_reason']})", file=sys.stderr)
    print(f"{len(asked)} of {len(told)} packages audited, {len(found)} vulnerabilities known")
    return 1 if found else 0


def main(words):
    """Do what the one word says; return the exit code."""
    if words == ["sbom"]:
        return write_sboms()
    if words == ["audit"]:
        return audit()
    raise SupplyError("give sbom or audit")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SupplyError as error:
        print("supply: " + str(error), file=sys.stderr)
        sys.exit(2)
