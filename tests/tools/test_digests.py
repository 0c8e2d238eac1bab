"""tools/digests.py, with a fake program in place of skopeo."""

import hashlib

import pytest

from tests.conftest import ROOT

OLD = "0" * 64
MANIFEST = b'{"schemaVersion": 2}'
NEW = hashlib.sha256(MANIFEST).hexdigest()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with three files, and a fake skopeo that knows both images of the files."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    monkeypatch.setenv("PATH", str(tmp_path))
    skopeo = tmp_path / "skopeo"
    skopeo.write_text(
        "#!/bin/sh\n"
        'case "$3" in\n'
        f"  *//python:3.11|*//localhost:5000/metrics:v3) printf '%s' '{MANIFEST.decode()}' ;;\n"
        '  *) echo "level=error" >&2; echo "manifest unknown" >&2; exit 1 ;;\n'
        "esac\n"
    )
    skopeo.chmod(0o755)
    (tmp_path / "Dockerfile.a").write_text(f"FROM python:3.11@sha256:{OLD} AS base\nFROM base\n")
    (tmp_path / "compose.yaml").write_text(f"image: localhost:5000/metrics:v3@sha256:{OLD}\n")
    manifest = tmp_path / "deploy" / "kubernetes" / "x" / "pod.yaml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(f"image: python:3.11@sha256:{OLD}\nother: own-image:1\n")
    return tmp_path


def contents(repository):
    return "".join(path.read_text() for path in sorted(repository.rglob("*")) if path.is_file())


def test_digests_of_all_files_are_updated(repository, capsys):
    from digests import update

    update(repository)
    assert OLD not in contents(repository)
    assert contents(repository).count(NEW) == 3
    assert "own-image:1\n" in contents(repository)
    assert "AS base\nFROM base" in contents(repository)
    assert capsys.readouterr().out.count("updated") == 2
    update(repository)
    assert capsys.readouterr().out.count("unchanged") == 2


def test_unknown_image_changes_no_file(repository):
    from digests import DigestError, update

    (repository / "compose.yaml").write_text(f"image: missing:1@sha256:{OLD}\n")
    before = contents(repository)
    with pytest.raises(DigestError, match="skopeo found no missing:1: manifest unknown"):
        update(repository)
    assert contents(repository) == before


def test_missing_program_is_named(repository):
    from digests import DigestError, update

    (repository / "skopeo").unlink()
    with pytest.raises(DigestError, match="skopeo or docker buildx is required"):
        update(repository)


def test_digests_are_found_in_the_files_of_this_repository(repository):
    from digests import PINNED, find_files

    found = {image for path in find_files(ROOT) for image, _ in PINNED.findall(path.read_text())}
    assert {image.partition(":")[0] for image in found} == {"python", "prom/prometheus"}
