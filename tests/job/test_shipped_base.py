"""artifacts/base: the base network that is shipped, and the program that writes such a folder."""

import hashlib
import json

import pytest

from data.base.blocked import is_blocked
from data.base.sources import read_sources
from data.command_line import UserError
from job.base import Base
from job.checkpoint import NAME, load_checkpoint, load_network, newest_checkpoint
from job.config import DEFAULT_BASE
from job.publish.__main__ import publish
from tests.conftest import ROOT

FOLDER = ROOT / DEFAULT_BASE


@pytest.fixture(scope="module")
def base() -> Base:
    return Base.load(str(FOLDER))


def test_shipped_base_is_small_and_its_checksums_hold():
    manifest = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["files"]) == {NAME, "vocab.json", "README.md", "LICENSE"}
    for name, file in manifest["files"].items():
        content = (FOLDER / name).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (
            file["sha256"],
            file["bytes"],
        )
    assert manifest["files"][NAME]["bytes"] <= 45_000_000
    assert "Attribution-ShareAlike 4.0" in (FOLDER / "LICENSE").read_text(encoding="utf-8")


def test_shipped_base_knows_everyday_words_and_no_blocked_one(base):
    assert {"spaceship", "vaccine", "umbrella", "coffee"} <= set(base.vocabulary.words)
    assert [word for word in base.vocabulary.words if is_blocked(word)] == []
    assert (FOLDER / "vocab.json").read_text(encoding="utf-8") == base.vocabulary.to_json()


def test_shipped_card_credits_every_source():
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for source in read_sources():
        assert source.attribution in card
        assert source.licence in card
    assert "13-grams" in card


def test_shipped_base_is_no_show(tmp_path):
    with pytest.raises(UserError, match="holds no model"):
        newest_checkpoint(_linked(tmp_path))


def _linked(folder):
    """A root folder that holds nothing but the base."""
    (folder / "base").symlink_to(FOLDER)
    return folder


def test_publish_writes_what_it_promises(trained, show, tmp_path):
    text = tmp_path / "text"
    text.mkdir()
    (text / "source.txt").write_text(show.read_text(encoding="utf-8"), encoding="utf-8")
    source = {
        "title": "A source",
        "attribution": "Somebody",
        "licence": "CC0",
        "words": 5,
        "blocked_paragraphs": 1,
        "duplicate_documents": 2,
    }
    (text / "report.json").write_text(json.dumps({"sources": [source]}), encoding="utf-8")
    out = tmp_path / "base"
    files = publish(trained / NAME, text, [show], out, "a laptop")
    assert all(path.is_file() for path in files)
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "Somebody" in card
    assert "a laptop" in card
    network, _, _ = load_network(out / NAME)
    assert network.hidden_dim == 24
    assert (out / NAME).stat().st_size < (trained / NAME).stat().st_size
    assert load_checkpoint(out / NAME).finished


def test_publish_needs_the_report_of_the_text(trained, tmp_path):
    with pytest.raises(UserError, match="run python -m data base"):
        publish(trained / NAME, tmp_path, [], tmp_path / "base", "a laptop")
