"""SBOMs and vulnerability audit of the locked packages: python tools/supply_chain.py sbom|audit

sbom: writes one CycloneDX file per container image to sbom/. With ENGINE=docker or ENGINE=podman it
includes Debian's packages of the images that this engine has.
audit: checks every package of every lock for known vulnerabilities, with pip-audit and its service,
or with ADVISORIES=FILE, an advisory database in the OSV format. The exit code is 1 if a package has
a known vulnerability, and 2 if there is no answer.
"""

import json
import os
import subprocess
import sys

from advisories import AdvisoryError, find_vulnerabilities, read_advisories
from locked_packages import IMAGES, locked_packages
from setup import GROUPS, OPTIONAL


class SupplyChainError(Exception):
    """Why there is no result, in one line."""


def write_sboms():
    """Write sbom/IMAGE.cdx.json for each image."""
    from image_sbom import write_sbom  # requires a package that `audit` does not

    for image in IMAGES:
        write_sbom(image, os.environ.get("ENGINE"))


def audit():
    """Print the known vulnerabilities of the locked packages; return the exit code."""
    # The service and the advisories know PyTorch's versions, not its builds such as +cpu.
    locked = locked_packages([*GROUPS, *OPTIONAL], build="cu130")
    path = os.environ.get("ADVISORIES")
    if path:
        advisories = read_advisories(path)
        newest = max(each.get("modified", "")[:10] for each in advisories)
        print(f"{len(advisories)} advisories in {path}, the newest of {newest}")
        return report(find_vulnerabilities(locked, advisories))
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
            "nothing is audited. ADVISORIES=all.zip uses a file in the OSV format instead"
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
    except (SupplyChainError, AdvisoryError) as error:
        print("supply-chain: " + str(error), file=sys.stderr)
        sys.exit(2)
