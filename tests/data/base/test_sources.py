"""The manifest of the sources."""

import pytest

from data.base.readers import READERS
from data.base.sources import natural_order, read_sources
from tests.data.base.samples import COMMIT, write_manifest


@pytest.fixture
def ebooks(tmp_path):
    sources = read_sources(write_manifest(tmp_path / "sources.json", {"ebooks": "f00"}))
    return next(source for source in sources if source.name == "ebooks")


def test_source_names_its_repositories_and_digest(ebooks):
    assert [repository.folder for repository in ebooks.repositories] == [
        f"lamp-{COMMIT}",
        f"play-{COMMIT}",
    ]
    assert ebooks.sha256 == "f00"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("src/epub/text/chapter-1.xhtml", True),
        ("src/epub/text/titlepage.xhtml", False),
        ("src/epub/text/more/chapter-1.xhtml", False),
        ("src/epub/text/chapter-1.html", False),
        ("other/epub/text/chapter-1.xhtml", False),
    ],
)
def test_source_wants_the_paths_of_its_patterns_but_no_skipped_name(ebooks, path, wanted):
    assert ebooks.wants(path) is wanted


def test_natural_order_sorts_numbers_by_value():
    assert sorted(["b-10", "b-9", "a"], key=natural_order) == ["a", "b-9", "b-10"]


def test_manifest_in_the_repository_is_complete():
    sources = read_sources()
    for source in sources:
        assert source.reader in READERS
        assert source.licence
        assert source.attribution
        assert len(source.sha256) == 64
        assert all(len(repository.commit) == 40 for repository in source.repositories)
    names = [source.name for source in sources]
    assert names.index("standardebooks") < names.index("gutenberg")  # cleaner, of the same works
