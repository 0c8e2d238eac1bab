"""A prepared corpus holds what training makes of the same texts, whatever befalls the preparing."""

import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import tokens
from data.command_line import UserError
from data.corpus import build as module
from data.corpus import prepared
from data.corpus.build import Portions, Settings, prepare, sample
from data.corpus.counts import Tally
from data.corpus.fast_tokens import Letters, Normalizer, Splitter
from data.corpus.prepared import MANIFEST, WORK, Prepared
from data.corpus.scan import Span
from data.show.read import read_show, split_show
from data.vocab import SPEAKER, Vocabulary, count_lines
from tests.conftest import ROOT

# What the rules are about, more often than chance would bring it.
TEXTS = st.text(
    st.one_of(
        st.sampled_from("aAbz  .,\"';!?()-:\n\n\r\t\x0b\x85\u2028\ufeff\xad"),
        st.sampled_from("\u2019\u201c\u2026\u2014\u0301\u0302\u0327éÉêİßΣς\u212a"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    )
)
SMALL = Portions(processes=1, block=50, piece=300, most_words=40)
FILLER = "Ann: (waving) hello there, Bob!\n\nBob: not now, Ann... “no”?\n\n" * 20


def write_shows(folder: pathlib.Path, texts: list[str]) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_bytes(text.encode())
    return folder


def as_one_text(texts: list[str]) -> str:
    """Shows one after another, each from a line of its own."""
    ended = [text if text.endswith("\n") else text + "\n" for text in texts[:-1]]
    return "".join([*ended, texts[-1]])


def content(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def shows(tmp_path) -> pathlib.Path:
    source = random.Random(3)
    words = ["hello", "Ann", "café", "no", "why?", "(waves)", "sea"] + [f"w{n}" for n in range(99)]
    lines = [f"{source.choice(words)}: {' '.join(source.choices(words, k=6))}" for _ in range(360)]
    texts = ["\n\n".join(lines[start : start + 90]) + "\n\n" for start in range(0, 360, 90)]
    return write_shows(tmp_path / "shows", texts)


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_much_text_at_once_gives_the_same_words(text, other):
    symbols = tokens.token_lookup()
    for normalization in (tokens.normalization_of(text), tokens.normalization_of(text + other)):
        split = Splitter()
        words = split(Normalizer(normalization)(text.encode()))
        expected = tokens.split_words(tokens.normalize(text, normalization), symbols)
        assert [word.decode() for word in split.named(words)] == expected


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_letters_and_lines_may_be_counted_in_parts(text, more):
    normalized = tokens.normalize(text + "\n" + more, tokens.TYPOGRAPHY)
    first, rest = normalized.split("\n", 1)
    parts = [first + "\n", rest]
    assert Letters()(text.encode()) == tokens.letters_of(
        tokens.normalize(text, tokens.TYPOGRAPHY, lower=False)
    )
    assert tokens.letters_of(normalized) == set().union(*map(tokens.letters_of, parts))
    speakers, lines, empty = count_lines(normalized)
    names = [name.strip() for name in SPEAKER.findall(normalized) if name.strip()]
    assert speakers == {name: names.count(name) for name in names}
    first, second = map(count_lines, parts)
    assert (first[0] + second[0], first[1] + second[1], first[2] + second[2]) == (
        speakers,
        lines,
        empty,
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(TEXTS, min_size=1, max_size=3),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(0, 40),
    st.integers(1, 3),
    st.floats(0.05, 0.5),
)
def test_what_is_prepared_equals_what_training_makes(texts, line_end, place, min_count, fraction):
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
        assert (corpus.sample("train"), corpus.sample("valid")) == (train, valid)
        ids = corpus.ids("train").tolist()
        assert corpus.counts() == [ids.count(number) for number in range(len(vocabulary))]
        for show, (part, _) in zip(corpus.manifest["shows"], shows, strict=True):
            offset, size = show["train"]["offset"], show["train"]["tokens"]
            own = vocabulary.encode(part)
            assert ids[offset : offset + size][: len(own)] == own
        assert sorted(path.name for path in out.iterdir()) == sorted(
            [*corpus.manifest["files"], MANIFEST]
        )


def test_portions_and_processes_change_nothing(shows, tmp_path):
    for name, portions in (("a", SMALL), ("b", Portions(2, 1000, 3000)), ("c", Portions())):
        prepare([str(shows)], tmp_path / name / "x", Settings(), portions)
    whole = content(tmp_path / "a" / "x")
    del whole[MANIFEST]  # names its folder
    for name in "bc":
        other = content(tmp_path / name / "x")
        del other[MANIFEST]
        assert other == whole


def test_tables_and_files_of_windows_are_scripts_too(tmp_path):
    (tmp_path / "a").mkdir()
    rows = "".join(f'{n},Ann,"hi, all\nof {n % 3}"\n' for n in range(200))
    (tmp_path / "a" / "t.csv").write_bytes(
        b"\xef\xbb\xbf" + f"EpisodeNo,Character,Dialogue\n{rows}".encode()
    )
    (tmp_path / "a" / "w.txt").write_bytes(b"\xef\xbb\xbf" + b"Bob: not now.\r\n\r\n" * 150)
    prepare([str(tmp_path / "a")], tmp_path / "x", Settings(), SMALL)
    texts = [split_show(read_show(tmp_path / "a" / name), 0.05)[0] for name in ("t.csv", "w.txt")]
    corpus = Prepared.open(tmp_path / "x")
    assert corpus.sample("train") == "".join(texts)
    assert corpus.ids("train").tolist() == corpus.vocabulary().encode("".join(texts))


def test_a_held_out_file(shows, tmp_path):
    valid = tmp_path / "valid.txt"
    valid.write_text(FILLER)
    prepare([str(shows)], tmp_path / "x", Settings(valid=str(valid)), SMALL)
    corpus = Prepared.open(tmp_path / "x")
    train = "".join(path.read_text() for path in sorted(shows.iterdir()))
    assert corpus.ids("train").tolist() == corpus.vocabulary().encode(train)
    assert corpus.ids("valid").tolist() == corpus.vocabulary().encode(FILLER)
    assert [show["path"] for show in corpus.manifest["held_out_file"]] == [str(valid)]


def test_the_vocabulary_is_cut_by_size(shows, tmp_path):
    prepare([str(shows)], tmp_path / "all", Settings(vocab_size=0, min_count=1), SMALL)
    prepare([str(shows)], tmp_path / "x", Settings(vocab_size=30), SMALL)
    everything, few = (Prepared.open(tmp_path / name) for name in ("all", "x"))
    words = [word for word in everything.vocabulary().words if word != "<unk>"]
    assert [word for word in few.vocabulary().words if word != "<unk>"] == words[:29]
    assert sum(few.counts()) == sum(everything.counts()) == few.manifest["tokens"]["train"]
    unknown = few.counts()[few.vocabulary().unknown_id]
    assert few.manifest["unknown_share"] == unknown / sum(few.counts()) > 0.1


def test_more_than_65536_words_need_four_bytes(tmp_path):
    text = "".join(f"Ann: word{n // 2}\n" for n in range(140_000))
    write_shows(tmp_path / "a", [text])
    for name, size in (("two", 65_536), ("four", 0)):
        prepare([str(tmp_path / "a")], tmp_path / name, Settings(vocab_size=size), Portions())
    two, four = (Prepared.open(tmp_path / name) for name in ("two", "four"))
    assert (two.ids("train").dtype, four.ids("train").dtype) == (np.uint16, np.uint32)
    assert two.ids("train").max() == 65_535
    assert four.ids("train")[:999].tolist() == four.vocabulary().encode(text[:20_000])[:999]


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(), st.integers(1, 9)), max_size=9), st.integers(0, 5))
def test_a_tally_adds_up_what_does_not_fit_into_memory(parts, most):
    with tempfile.TemporaryDirectory() as folder:
        tally = Tally(pathlib.Path(folder) / "words", most)
        for part in parts:
            tally.add(part)
        found = list(tally.items())
        assert len(found) == len(dict(found))
        words = {word for part in parts for word in part}
        assert dict(found) == {word: sum(part.get(word, 0) for part in parts) for word in words}


def test_a_sample_is_whole_lines_from_all_over(tmp_path):
    lines = [f"Zoë: ééé ééé this is line {n}\n" for n in range(5000)]
    path = tmp_path / "a.txt"
    path.write_text("".join(lines), encoding="utf-8")
    half = path.read_bytes().index(b"line 2500") + 10
    spans = [Span(0, str(path), 0, half, True), Span(0, str(path), half, path.stat().st_size)]
    found = sample(spans, 20_000).decode().splitlines(keepends=True)
    assert 14_000 < sum(map(len, found)) <= 20_000
    numbers = [lines.index(line) for line in found]
    assert numbers == sorted(numbers)
    assert numbers[0] == 0
    assert numbers[-1] > 4900


class Cut(BaseException):
    """The power fails."""


class Power:
    """Fails when so many files have been renamed, cut to length or removed."""

    def __init__(self, monkeypatch):
        self.left = self.done = 0
        for place, name in ((os, "replace"), (pathlib.Path, "unlink"), (os, "fsync")):
            monkeypatch.setattr(place, name, self.counted(getattr(place, name)))

    def counted(self, function):
        def call(*arguments, **options):
            self.left -= 1
            if self.left == 0:
                raise Cut
            return function(*arguments, **options)

        return call


def test_cut_anywhere_it_goes_on_and_loses_no_piece(shows, tmp_path, monkeypatch):
    out = tmp_path / "x"
    prepare([str(shows)], out, Settings(), SMALL)
    whole = content(out)
    shutil.rmtree(out)
    power, split, split_piece = Power(monkeypatch), [], module.split_piece

    def count(piece, block):
        split.append(piece.path)
        split_piece(piece, block)

    monkeypatch.setattr(module, "split_piece", count)
    cuts = 0
    for length in range(2, 1000):  # never the same place in the work that is left
        power.left = length
        try:
            prepare([str(shows)], out, Settings(), SMALL)
            break
        except Cut:
            cuts += 1
            assert not (out / MANIFEST).exists()
            assert all(whole[path.name] == path.read_bytes() for path in out.glob("*.*s*"))
    assert cuts > 10
    assert content(out) == whole
    assert len(split) - len(set(split)) <= cuts  # none but those under way


KILLED = """
import sys
from data.corpus.build import Portions, Settings, prepare
prepare([sys.argv[1]], sys.argv[2], Settings(), Portions(2, 500, 1500))
"""


def test_killed_at_random_moments_it_goes_on(shows, tmp_path):
    out, source = tmp_path / "x", random.Random(1)
    prepare([str(shows)], out, Settings(), Portions())
    whole = content(out)
    shutil.rmtree(out)
    command = [sys.executable, "-c", KILLED, str(shows), str(out)]
    for _ in range(5):
        process = subprocess.Popen(command, cwd=ROOT)
        time.sleep(source.uniform(0.2, 1.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in out.glob("*"):
            assert path.name == WORK or path.read_bytes() == whole[path.name]
    assert subprocess.run(command, cwd=ROOT).returncode == 0
    assert content(out) == whole


def test_the_same_again_does_nothing_and_another_text_is_noticed(shows, tmp_path):
    out = tmp_path / "x"
    prepare([str(shows)], out, Settings(), SMALL)
    before = content(out), (out / "train.ids").stat().st_mtime_ns
    os.utime(shows / "0.txt")  # touched, not changed
    assert not prepare([str(shows)], out, Settings(), SMALL)
    assert (content(out), (out / "train.ids").stat().st_mtime_ns) == before
    Prepared.open(out)
    (shows / "0.txt").write_text(FILLER)
    with pytest.raises(UserError, match=r"0.txt has changed since .* \(python -m data prepare"):
        Prepared.open(out)
    assert prepare([str(shows)], out, Settings(), SMALL)
    assert Prepared.open(out).sample("train").startswith("Ann: (waving)")
    write_shows(shows, [FILLER] * 5)
    assert prepare([str(shows)], out, Settings(), SMALL)
    assert len(Prepared.open(out).manifest["shows"]) == 5
    assert prepare([str(shows)], out, Settings(min_count=9), SMALL)
    (out / "train.ids").write_bytes(b"cut short")
    with pytest.raises(UserError, match=r"train.ids is not as it was prepared"):
        Prepared.open(out)
    assert prepare([str(shows)], out, Settings(min_count=9), SMALL)
    assert Prepared.open(out).damaged() == ""


def test_a_text_that_changes_while_it_is_read(shows, tmp_path, monkeypatch):
    write = module.settle

    def meddle(*arguments):
        (shows / "2.txt").write_text(FILLER)
        write(*arguments)

    monkeypatch.setattr(module, "settle", meddle)
    with pytest.raises(UserError, match=r"2.txt was changed while it was read: start again"):
        prepare([str(shows)], tmp_path / "x", Settings(), SMALL)
    monkeypatch.setattr(module, "settle", write)
    assert prepare([str(shows)], tmp_path / "x", Settings(), SMALL)
    assert FILLER[:500] in Prepared.open(tmp_path / "x").sample("train")


def refused(shows: pathlib.Path, out: pathlib.Path, **options) -> str:
    with pytest.raises(UserError) as caught:
        prepare([str(shows)], out, Settings(**options), SMALL)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_prepared_gets_one_line(shows, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty holds no texts" in refused(tmp_path / "empty", tmp_path / "x")
    assert "there is no such file" in refused(tmp_path / "gone", tmp_path / "x")
    assert "--min-count must be at least 1" in refused(shows, tmp_path / "x", min_count=0)
    (tmp_path / "file").write_text("mine")
    assert "file is a file: give --out a folder" in refused(shows, tmp_path / "file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    assert "holds other files: give another --out" in refused(shows, tmp_path / "full")
    assert not (tmp_path / "x").exists()
    (shows / "3.txt").write_bytes(FILLER.encode() + b"caf\xe9\n" + FILLER.encode())
    assert "3.txt is not UTF-8 (line 81)" in refused(shows, tmp_path / "x")
    (shows / "3.txt").write_text("too short")
    assert "3.txt holds 2 words" in refused(shows, tmp_path / "x")
    valid = str(shows / "1.txt")
    assert "1.txt is among the texts to train on" in refused(shows, tmp_path / "x", valid=valid)
    with pytest.raises(UserError, match=r"0.txt is named twice"):
        prepare([str(shows), str(shows / "0.txt")], tmp_path / "x", Settings(), SMALL)


def test_a_line_too_long_to_hold(shows, tmp_path, monkeypatch):
    monkeypatch.setattr("data.corpus.scan.LONGEST_LINE", 1000)
    (shows / "3.txt").write_text("word " * 999)
    assert "3.txt has a line of more than" in refused(shows, tmp_path / "x")


def test_another_version_and_another_folder(shows, tmp_path):
    out = tmp_path / "x"
    prepare([str(shows)], out, Settings(), SMALL)
    manifest = json.loads((out / MANIFEST).read_text())
    (out / MANIFEST).write_text(json.dumps({**manifest, "version": 0}))
    with pytest.raises(UserError, match=r"another version \(0, this program reads 2\): remove"):
        Prepared.open(out)
    (out / MANIFEST).write_text(json.dumps({**manifest, "format": "else"}))
    with pytest.raises(UserError, match="is not that of a prepared corpus"):
        Prepared.open(out)
    assert "is not that of a prepared corpus" in refused(shows, out)
    with pytest.raises(UserError, match=r"shows is a folder: name one text file in it, or prepare"):
        prepared.is_prepared(shows)
    (tmp_path / "y" / WORK).mkdir(parents=True)
    with pytest.raises(UserError, match="is not prepared to its end"):
        prepared.is_prepared(tmp_path / "y")
    (out / MANIFEST).write_text(json.dumps(manifest))
    (out / "vocab.json").write_text((out / "vocab.json").read_text().replace("hello", "hallo"))
    with pytest.raises(UserError, match="is not the vocabulary of the ids beside it"):
        Prepared.open(out).vocabulary()


def command(shows, out, *more, **options):
    words = [sys.executable, "-m", "data", "prepare", str(shows), "--out", str(out), *more]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, **options)


def test_a_full_disk_is_one_line_and_nothing_is_half_written(shows, tmp_path):
    out = tmp_path / "x"
    done = command(
        shows, out, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
    )
    assert done.returncode == 4, done.stderr
    assert "could not be written (File too large)" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in out.iterdir()] == [WORK]
    done = command(shows, out)
    assert done.returncode == 0, done.stderr
    assert "4 shows" in done.stderr
    assert done.stdout == f"{out}\n"
    assert "nothing has changed" in command(shows, out).stderr
