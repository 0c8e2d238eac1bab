"""tools/advisories.py: an audit with a file in the OSV format."""

import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")


def advisory(name, *events, identifier="X-1", **fields):
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}]
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges}
    return {"id": identifier, "modified": "2026-10-01T00:00:00Z", "affected": [affected], **fields}


KNOWN = advisory("Torch", {"introduced": "0"}, {"fixed": "2.14.0"})


def found(packages, *advisories):
    from advisories import find_vulnerabilities

    audit = find_vulnerabilities(packages, list(advisories))
    return {each["name"]: [known["id"] for known in each.get("vulns", [])] for each in audit}


def test_vulnerable_version_is_found_whatever_its_build():
    assert found({"torch": "2.13.0+cpu", "numpy": "2.0"}, KNOWN) == {"torch": ["X-1"], "numpy": []}
    assert found({"torch": "2.14.0"}, KNOWN) == {"torch": []}


def test_affected_versions_may_be_listed():
    listed = advisory("torch")
    listed["affected"][0] |= {"ranges": [], "versions": ["2.13.0"]}
    assert found({"torch": "2.13.0"}, listed) == {"torch": ["X-1"]}
    assert found({"torch": "2.12.0"}, listed) == {"torch": []}


def test_other_ecosystems_are_ignored():
    other = advisory("torch", {"introduced": "0"})
    other["affected"][0]["package"]["ecosystem"] = "npm"
    assert found({"torch": "2.13.0"}, other) == {"torch": []}


def test_unreadable_version_is_reported_as_not_audited():
    from advisories import find_vulnerabilities

    (entry,) = find_vulnerabilities(
        {"torch": "2.13.0"}, [advisory("torch", {"introduced": "2013-x"})]
    )
    assert "2013-x" in entry["skip_reason"]


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=2, max_size=6, unique=True), st.integers(0, 20))
def test_range_contains_exactly_the_versions_from_introduced_to_fixed(points, version):
    points = sorted(points)[: len(points) // 2 * 2]
    pairs = list(zip(points[::2], points[1::2], strict=True))
    events = []
    for introduced, fixed in pairs:
        events += [{"introduced": f"1.{introduced}"}, {"fixed": f"1.{fixed}"}]
    inside = any(introduced <= version < fixed for introduced, fixed in pairs)
    assert found({"a": f"1.{version}"}, advisory("a", *events)) == {"a": ["X-1"] if inside else []}


def test_last_affected_version_is_in_the_range():
    known = advisory("a", {"introduced": "1.0"}, {"last_affected": "1.5"})
    assert found({"a": "1.5"}, known) == {"a": ["X-1"]}
    assert found({"a": "1.6"}, known) == {"a": []}


@pytest.mark.parametrize("kind", ["zip", "list", "folder"])
def test_advisories_are_read_from_a_file_or_folder(tmp_path, kind):
    from advisories import read_advisories

    withdrawn = {**KNOWN, "id": "X-2", "withdrawn": "2026-01-01T00:00:00Z"}
    path = tmp_path / "all"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("X-1.json", json.dumps(KNOWN))
            archive.writestr("X-2.json", json.dumps(withdrawn))
    elif kind == "list":
        path.write_text(json.dumps([KNOWN, withdrawn]))
    else:
        path.mkdir()
        (path / "X-1.json").write_text(json.dumps(KNOWN))
    assert read_advisories(path) == [KNOWN]


@pytest.mark.parametrize("content", [None, "not JSON", "[]", '{"dependencies": []}'])
def test_other_file_is_refused_in_one_line(tmp_path, content):
    from advisories import AdvisoryError, read_advisories

    if content is not None:
        (tmp_path / "all.zip").write_text(content)
    with pytest.raises(AdvisoryError, match=r"all\.zip"):
        read_advisories(tmp_path / "all.zip")


def test_audit_uses_the_file_and_fails_on_a_locked_vulnerability(tmp_path, monkeypatch, capsys):
    from supply_chain import main

    path = tmp_path / "advisories.json"
    path.write_text(json.dumps(KNOWN))
    monkeypatch.setenv("ADVISORIES", str(path))
    assert main(["audit"]) == 1
    output = capsys.readouterr().out
    assert "the newest of 2026-10-01" in output
    assert "torch 2.13.0: X-1, fixed in 2.14.0" in output
    path.write_text(json.dumps(advisory("torch", {"introduced": "0"}, {"fixed": "2.0"})))
    assert main(["audit"]) == 0
