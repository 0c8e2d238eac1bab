"""Known vulnerabilities from a file in the OSV format, for an audit without a network.

The file is an export of an advisory database, such as OSV's all.zip of the PyPI ecosystem, a JSON
file with one advisory or a list of them, or a folder of JSON files.
"""

import json
import pathlib
import zipfile

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


class AdvisoryError(Exception):
    """Why the file cannot be read, in one line."""


def read_advisories(path):
    """Return the advisories in a file or folder, without withdrawn ones."""
    path = pathlib.Path(path)
    try:
        if path.is_dir():
            texts = [each.read_bytes() for each in sorted(path.rglob("*.json"))]
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.endswith(".json")]
                texts = [archive.read(name) for name in sorted(names)]
        else:
            texts = [path.read_bytes()]
        found = []
        for text in texts:
            content = json.loads(text)
            found += content if isinstance(content, list) else [content]
    except (OSError, ValueError) as error:
        raise AdvisoryError(f"cannot read advisories from {path}: {error}") from None
    if not found or not all(isinstance(each, dict) and "id" in each for each in found):
        raise AdvisoryError(f"{path} has no advisories in the OSV format")
    return [each for each in found if not each.get("withdrawn")]


def is_affected(affected, version):
    """Return whether a version is in an entry of an advisory's "affected".

    A version is affected if it is listed, or if it is in a range: introduced, and not yet fixed.
    """
    public = version.partition("+")[0]  # advisories do not name builds such as +cpu
    if public in affected.get("versions", []):
        return True
    for each in affected.get("ranges", []):
        if each["type"] == "ECOSYSTEM" and in_range(each["events"], Version(public)):
            return True
    return False


def in_range(events, version):
    """Return whether a version is in the range that OSV events describe, evaluated in order."""
    order = {"introduced": 0, "fixed": 1, "last_affected": 2}
    points = []
    for event in events:
        for kind, value in event.items():
            if kind in order:
                points.append((Version("0.dev0" if value == "0" else value), order[kind], kind))
    inside = False
    for point, _, kind in sorted(points):
        if kind == "introduced" and version >= point:
            inside = True
        if (kind == "fixed" and version >= point) or (kind == "last_affected" and version > point):
            inside = False
    return inside


def find_vulnerabilities(packages, advisories):
    """Return the audit of packages in the form of pip-audit's JSON.

    Args:
        packages: {name: version}.
        advisories: the content of read_advisories.

    Returns:
        A list of {"name", "version", "vulns": [{"id", "fix_versions"}]}; a package whose advisory
        has a version that is not readable has "skip_reason" in place of "vulns".
    """
    by_name = {}
    for advisory in advisories:
        for affected in advisory.get("affected", []):
            package = affected.get("package", {})
            if package.get("ecosystem") == "PyPI":
                name = canonicalize_name(package["name"])
                by_name.setdefault(name, []).append((advisory["id"], affected))
    found = []
    for name, version in sorted(packages.items()):
        entry = {"name": name, "version": version, "vulns": []}
        try:
            for identifier, affected in by_name.get(name, []):
                if is_affected(affected, version):
                    fixed = [
                        event["fixed"]
                        for each in affected.get("ranges", [])
                        if each["type"] == "ECOSYSTEM"
                        for event in each["events"]
                        if "fixed" in event
                    ]
                    entry["vulns"].append({"id": identifier, "fix_versions": fixed})
        except InvalidVersion as error:
            entry = {"name": name, "skip_reason": str(error)}
        found.append(entry)
    return found
