"""The READMEs: each package lists all of its files in the order of its imports."""

import pathlib
import re

import pytest

from data import versions
from tests.conftest import ROOT
from tests.sources import imported_files

PACKAGES = ("data", "job", "export", "serve")
SUFFIXES = {".py", ".js", ".css", ".html", ".sh"}
PACKAGE_READMES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("README.md"))
READMES = [*PACKAGE_READMES, ROOT / "tools" / "README.md", ROOT / "tests" / "bench" / "README.md"]
DOCUMENTS = [ROOT / "README.md", *READMES, *sorted((ROOT / "docs").glob("*.md"))]
CODE = re.compile(r"`([^`\s]+)`")


def name_of(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


def tables(readme: pathlib.Path) -> list[list[pathlib.Path]]:
    """For each table of a README the source files in its first column."""
    found: list[list[pathlib.Path]] = [[]]
    for line in readme.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            found.append([])
            continue
        names = CODE.findall(line.split("|")[1])
        found[-1] += [
            readme.parent / name for name in names if pathlib.Path(name).suffix in SUFFIXES
        ]
    return [table for table in found if table]


def sources_of(readme: pathlib.Path) -> list[str]:
    """The source files in a README's folder, without those of a folder with its own README."""
    files = [path for path in readme.parent.rglob("*") if path.suffix in SUFFIXES]
    return [
        name_of(path)
        for path in files
        if path.name != "__init__.py"
        and next(p for p in path.parents if (p / "README.md").exists()) == readme.parent
    ]


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_readme_lists_every_source_file_once(readme):
    listed = [name_of(path) for table in tables(readme) for path in table]
    assert sorted(listed) == sorted(sources_of(readme))


@pytest.mark.parametrize("readme", PACKAGE_READMES, ids=name_of)
def test_readme_lists_files_in_the_order_of_their_imports(readme):
    for table in tables(readme):
        listed = [name_of(path) for path in table]
        for number, path in enumerate(table):
            if path.suffix == ".py":
                assert not imported_files(path) & set(listed[:number]), listed[number]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_documents_name_existing_files(document):
    names = [name for name in CODE.findall(document.read_text("utf-8")) if name.endswith(".py")]
    for name in names:
        assert (ROOT / name).is_file() or (document.parent / name).is_file(), name


def test_readme_tour_has_ten_files_of_all_packages():
    (tour,) = (table for table in tables(ROOT / "README.md") if table[0].suffix == ".py")
    assert len(tour) == 10
    assert {name_of(path).split("/")[0] for path in tour} == set(PACKAGES)


def test_documents_give_the_current_format_versions():
    files = (ROOT / "artifacts" / "README.md").read_text(encoding="utf-8")
    specification = (ROOT / "docs" / "specification.md").read_text(encoding="utf-8")
    vocabulary = f'`"cold-open-vocabulary"`, {versions.VOCABULARY}'
    assert vocabulary in files
    assert vocabulary in specification
    assert f'`"cold-open-manifest"`, {versions.MANIFEST}' in files
