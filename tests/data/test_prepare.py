"""Preparing a corpus: vocabulary, ids, splits and excerpts equal those made from the same text."""

import pathlib
import tempfile

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data.corpus.build import prepare
from data.corpus.byte_range import ByteRange
from data.corpus.counts import WordCounter
from data.corpus.excerpt import excerpt
from data.corpus.prepared import MANIFEST, Prepared
from data.corpus.settings import Resources, Settings
from data.show.read import read_show, split_show
from data.vocab import Vocabulary
from tests.data.corpora import FILLER, SMALL, TEXTS, content, write_shows


def as_one_text(texts: list[str]) -> str:
    """All shows in one text; each begins on a line of its own."""
    ended = [text if text.endswith("\n") else text + "\n" for text in texts[:-1]]
    return "".join([*ended, texts[-1]])


@settings(max_examples=25)  # each prepares a corpus
@given(
    st.lists(TEXTS, min_size=1, max_size=3),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(0, 40),
    st.integers(1, 3),
    st.floats(0.05, 0.5),
)
def test_prepared_corpus_equals_vocabulary_and_ids_of_the_text(
    texts, line_end, place, min_count, fraction
):
    texts = [FILLER[: 30 * place] + text + FILLER.replace("\n", line_end) for text in texts]
    with tempfile.TemporaryDirectory() as name:
        out = pathlib.Path(name) / "corpus"
        folder = write_shows(pathlib.Path(name) / "shows", texts)
        assert prepare([str(folder)], out, Settings(min_count, 0, fraction), SMALL)
        shows = [split_show(read_show(path), fraction) for path in sorted(folder.iterdir())]
        train, valid = (as_one_text(list(parts)) for parts in zip(*shows, strict=True))
        vocabulary = Vocabulary.build(train, "Corpus", min_count)
        corpus = Prepared.open(out)
        assert corpus.vocabulary() == vocabulary
        assert corpus.ids("train").tolist() == vocabulary.encode(train)
        assert corpus.ids("valid").tolist() == vocabulary.encode(valid)
        assert (corpus.excerpt("train"), corpus.excerpt("valid")) == (train, valid)
        ids = corpus.ids("train").tolist()
        assert corpus.counts() == [ids.count(number) for number in range(len(vocabulary))]
        for show, (part, _) in zip(corpus.manifest["shows"], shows, strict=True):
            offset, size = show["train"]["offset"], show["train"]["tokens"]
            own = vocabulary.encode(part)
            assert ids[offset : offset + size][: len(own)] == own
        assert sorted(path.name for path in out.iterdir()) == sorted(
            [*corpus.manifest["files"], MANIFEST]
        )


def test_prepared_corpus_is_the_same_for_all_processes_and_shard_sizes(shows, tmp_path):
    for name, resources in (("a", SMALL), ("b", Resources(2, 1000, 3000)), ("c", Resources())):
        prepare([str(shows)], tmp_path / name / "x", Settings(), resources)
    whole = content(tmp_path / "a" / "x")
    del whole[MANIFEST]  # contains the folder's name
    for name in "bc":
        other = content(tmp_path / name / "x")
        del other[MANIFEST]
        assert other == whole


def test_prepare_reads_csv_byte_order_mark_and_windows_line_ends(tmp_path):
    (tmp_path / "a").mkdir()
    rows = "".join(f'{n},Ann,"hi, all\nof {n % 3}"\n' for n in range(200))
    (tmp_path / "a" / "t.csv").write_bytes(
        b"\xef\xbb\xbf" + f"EpisodeNo,Character,Dialogue\n{rows}".encode()
    )
    (tmp_path / "a" / "w.txt").write_bytes(b"\xef\xbb\xbf" + b"Bob: not now.\r\n\r\n" * 150)
    prepare([str(tmp_path / "a")], tmp_path / "x", Settings(), SMALL)
    texts = [split_show(read_show(tmp_path / "a" / name), 0.05)[0] for name in ("t.csv", "w.txt")]
    corpus = Prepared.open(tmp_path / "x")
    assert corpus.excerpt("train") == "".join(texts)
    assert corpus.ids("train").tolist() == corpus.vocabulary().encode("".join(texts))


def test_prepare_with_a_validation_file(shows, tmp_path):
    valid = tmp_path / "valid.txt"
    valid.write_text(FILLER)
    prepare([str(shows)], tmp_path / "x", Settings(valid=str(valid)), SMALL)
    corpus = Prepared.open(tmp_path / "x")
    train = "".join(path.read_text() for path in sorted(shows.iterdir()))
    assert corpus.ids("train").tolist() == corpus.vocabulary().encode(train)
    assert corpus.ids("valid").tolist() == corpus.vocabulary().encode(FILLER)
    assert [show["path"] for show in corpus.manifest["valid_file"]] == [str(valid)]


def test_vocab_size_keeps_the_most_frequent_words(shows, tmp_path):
    prepare([str(shows)], tmp_path / "all", Settings(vocab_size=0, min_count=1), SMALL)
    prepare([str(shows)], tmp_path / "x", Settings(vocab_size=30), SMALL)
    everything, few = (Prepared.open(tmp_path / name) for name in ("all", "x"))
    words = [word for word in everything.vocabulary().words if word != "<unk>"]
    assert [word for word in few.vocabulary().words if word != "<unk>"] == words[:29]
    assert sum(few.counts()) == sum(everything.counts()) == few.manifest["tokens"]["train"]
    unknown = few.counts()[few.vocabulary().unknown_id]
    assert few.manifest["oov_rate"] == unknown / sum(few.counts()) > 0.1


def test_ids_have_four_bytes_above_65536_words(tmp_path):
    text = "".join(f"Ann: word{n}\n" for n in range(70_000))
    write_shows(tmp_path / "a", [text])
    for name, size in (("two", 65_536), ("four", 0)):
        prepare([str(tmp_path / "a")], tmp_path / name, Settings(1, size), Resources())
    two, four = (Prepared.open(tmp_path / name) for name in ("two", "four"))
    assert (two.ids("train").dtype, four.ids("train").dtype) == (np.uint16, np.uint32)
    assert two.ids("train").max() == 65_535
    assert four.ids("train")[:999].tolist() == four.vocabulary().encode(text[:20_000])[:999]


@given(st.lists(st.dictionaries(st.text(), st.integers(1, 9)), max_size=9), st.integers(0, 5))
def test_word_counter_merges_counts_spilled_to_disk(parts, max_words):
    with tempfile.TemporaryDirectory() as folder:
        counter = WordCounter(pathlib.Path(folder) / "words", max_words)
        for part in parts:
            counter.add(part)
        found = list(counter.items())
        assert len(found) == len(dict(found))
        words = {word for part in parts for word in part}
        assert dict(found) == {word: sum(part.get(word, 0) for part in parts) for word in words}


def test_excerpt_is_whole_lines_from_the_whole_text(tmp_path):
    lines = [f"Zoë: ééé ééé this is line {n}\n" for n in range(5000)]
    path = tmp_path / "a.txt"
    path.write_text("".join(lines), encoding="utf-8")
    half = path.read_bytes().index(b"line 2500") + 10
    ranges = [
        ByteRange(0, str(path), 0, half, True),
        ByteRange(0, str(path), half, path.stat().st_size),
    ]
    found = excerpt(ranges, 20_000).decode().splitlines(keepends=True)
    assert 14_000 < sum(map(len, found)) <= 20_000
    numbers = [lines.index(line) for line in found]
    assert numbers == sorted(numbers)
    assert numbers[0] == 0
    assert numbers[-1] > 4900
