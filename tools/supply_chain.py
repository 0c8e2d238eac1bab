"""SBOMs and vulnerability audit of the locked packages: python tools/supply_chain.py sbom|audit

sbom: writes one CycloneDX file per container image to sbom/, from the locks.
audit: checks every package of every lock with pip-audit. The exit code is 1 if a package has a
known vulnerability, and 2 if the vulnerability service gives no answer.
"""

import json
import os
import subprocess
import sys

from locked_packages import IMAGE, locked_lines, locked_packages
from setup import GROUPS, OPTIONAL, ROOT

IMAGES = {
    "train": ["train", "export"],
    "serve-torchscript": ["serve"],
    "serve-onnx": ["serve-onnx"],
}
FOLDER = os.path.join(ROOT, "sbom")


class SupplyChainError(Exception):
    """Why there is no result, in one line."""


def write_sboms():
    """Write sbom/IMAGE.cdx.json for each image, reproducibly."""
    os.makedirs(FOLDER, exist_ok=True)
    for image, groups in IMAGES.items():
        path = os.path.join(FOLDER, image + ".cdx.json")
        lines = locked_lines(groups, IMAGE)
        command = (sys.executable, "-m", "cyclonedx_py", "requirements", "-")
        options = ("--output-reproducible", "--output-file", path + ".part")
        done = subprocess.run([*command, *options], input="\n".join(lines.values()), text=True)
        if done.returncode:
            raise SupplyChainError("cyclonedx-py failed; see its output above")
        os.replace(path + ".part", path)
        print(f"{os.path.relpath(path, ROOT)}  {len(lines)} packages")


def audit():
    """Print the known vulnerabilities of the locked packages; return the exit code."""
    locked = locked_packages([*GROUPS, *OPTIONAL])
    listed = "".join(f"{name}=={version}\n" for name, version in locked.items())
    command = (sys.executable, "-m", "pip_audit", "--requirement", "/dev/stdin", "--format", "json")
    options = ("--no-deps", "--disable-pip", "--desc", "off", "--progress-spinner", "off")
    done = subprocess.run([*command, *options], input=listed, capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SupplyChainError("the vulnerability service did not answer: " + reason) from None
    return report(packages)


def report(packages):
    """Print one line per vulnerability and a summary; return the exit code.

    Args:
        packages: "dependencies" of the JSON that pip-audit prints.
    """
    audited = [each for each in packages if "skip_reason" not in each]
    if not audited:
        raise SupplyChainError(
            f"the vulnerability service knows none of the {len(packages)} packages: "
            "nothing is audited"
        )
    found = [(each, known) for each in audited for known in each["vulns"]]
    for each, known in found:
        fixed = ", ".join(known["fix_versions"]) or "no version"
        print(f"{each['name']} {each['version']}: {known['id']}, fixed in {fixed}")
    for each in packages:
        if "skip_reason" in each:
            print(f"{each['name']}: not audited ({each['skip_reason']})", file=sys.stderr)
    print(f"{len(audited)} of {len(packages)} packages audited, {len(found)} known vulnerabilities")
    return 1 if found else 0


def main(words):
    """Run one command; return the exit code."""
    if words == ["sbom"]:
        return write_sboms()
    if words == ["audit"]:
        return audit()
    raise SupplyChainError("give one command: sbom or audit")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SupplyChainError as error:
        print("supply-chain: " + str(error), file=sys.stderr)
        sys.exit(2)
