"""Preparing a corpus again: resumes after interruptions, notices changes, handles a full disk."""

import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from data.__main__ import main
from data.command_line import UserError
from data.corpus import build
from data.corpus.build import prepare
from data.corpus.prepared import MANIFEST, WORK, Prepared
from data.corpus.settings import Resources, Settings
from tests.commands import call
from tests.conftest import ROOT
from tests.data.corpora import FILLER, SMALL, content, write_shows


class PowerFailure(BaseException):
    """Interrupts the program at once."""


class FaultInjector:
    """Raises `PowerFailure` at the call number `left` of os.replace, unlink or fsync."""

    def __init__(self, monkeypatch):
        self.left = 0
        for place, name in ((os, "replace"), (pathlib.Path, "unlink"), (os, "fsync")):
            monkeypatch.setattr(place, name, self.counted(getattr(place, name)))

    def counted(self, function):
        def call(*arguments, **options):
            self.left -= 1
            if self.left == 0:
                raise PowerFailure
            return function(*arguments, **options)

        return call


def test_prepare_resumes_after_an_interruption_at_any_file_operation(shows, tmp_path, monkeypatch):
    out = tmp_path / "x"
    prepare([str(shows)], out, Settings(), SMALL)
    whole = content(out)
    shutil.rmtree(out)
    faults, tokenized = FaultInjector(monkeypatch), []
    tokenize_shard = build.tokenize_shard

    def count(shard, block_bytes):
        tokenized.append(shard.path)
        tokenize_shard(shard, block_bytes)

    monkeypatch.setattr(build, "tokenize_shard", count)
    interruptions = 0
    for length in range(2, 1000):  # a growing number, so that each call gets further
        faults.left = length
        try:
            prepare([str(shows)], out, Settings(), SMALL)
            break
        except PowerFailure:
            interruptions += 1
            assert not (out / MANIFEST).exists()
            assert all(whole[path.name] == path.read_bytes() for path in out.glob("*.*s*"))
    assert interruptions > 10
    assert content(out) == whole
    assert len(tokenized) - len(set(tokenized)) <= interruptions  # at most the shard in progress


PREPARE = """
import sys
from data.corpus.build import prepare
from data.corpus.settings import Resources, Settings
prepare([sys.argv[1]], sys.argv[2], Settings(), Resources(2, 500, 1500))
"""


@pytest.mark.slow
def test_prepare_resumes_after_sigkill(shows, tmp_path):
    out, source = tmp_path / "x", random.Random(1)
    prepare([str(shows)], out, Settings(), Resources())
    whole = content(out)
    shutil.rmtree(out)
    command = [sys.executable, "-c", PREPARE, str(shows), str(out)]
    for _ in range(5):
        process = subprocess.Popen(command, cwd=ROOT)
        time.sleep(source.uniform(0.2, 1.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in out.glob("*"):
            assert path.name == WORK or path.read_bytes() == whole[path.name]
    assert subprocess.run(command, cwd=ROOT).returncode == 0
    assert content(out) == whole


def test_prepare_does_nothing_if_nothing_has_changed(shows, tmp_path):
    out = tmp_path / "x"
    prepare([str(shows)], out, Settings(), SMALL)
    before = content(out), (out / "train.ids").stat().st_mtime_ns
    os.utime(shows / "0.txt")  # another modification time, the same content
    assert not prepare([str(shows)], out, Settings(), SMALL)
    assert (content(out), (out / "train.ids").stat().st_mtime_ns) == before
    Prepared.open(out)


def test_prepare_again_after_a_file_or_a_setting_has_changed(shows, tmp_path):
    out = tmp_path / "x"
    prepare([str(shows)], out, Settings(), SMALL)
    (shows / "0.txt").write_text(FILLER)
    with pytest.raises(UserError, match=r"0.txt has changed since .* \(python -m data prepare"):
        Prepared.open(out)
    assert prepare([str(shows)], out, Settings(), SMALL)
    assert Prepared.open(out).excerpt("train").startswith("Ann: (waving)")
    write_shows(shows, [FILLER] * 5)
    assert prepare([str(shows)], out, Settings(), SMALL)
    assert len(Prepared.open(out).manifest["shows"]) == 5
    assert prepare([str(shows)], out, Settings(min_count=9), SMALL)
    assert Prepared.open(out).manifest["settings"]["min_count"] == 9


def test_prepare_again_after_a_file_of_the_corpus_is_damaged(shows, tmp_path):
    out = tmp_path / "x"
    prepare([str(shows)], out, Settings(), SMALL)
    (out / "train.ids").write_bytes(b"cut short")
    with pytest.raises(UserError, match=r"train.ids is missing or damaged"):
        Prepared.open(out)
    assert prepare([str(shows)], out, Settings(), SMALL)
    assert Prepared.open(out).damaged_file() == ""


@pytest.mark.slow
def test_prepare_on_sigterm_ends_its_workers_and_resumes(shows, tmp_path):
    out = tmp_path / "x"
    for path in shows.iterdir():
        path.write_text(path.read_text() * 200)
    words = [sys.executable, "-m", "data", "prepare", str(shows), "--out", str(out)]
    process = psutil.Popen([*words, "--processes", "2"], cwd=ROOT, stderr=subprocess.DEVNULL)
    workers = []
    while process.poll() is None and len(workers) < 2:
        workers = process.children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    assert not (out / MANIFEST).exists()
    assert prepare([str(shows)], out, Settings(), Resources())


def test_prepare_refuses_a_file_that_changes_while_it_is_read(shows, tmp_path, monkeypatch):
    build_vocabulary = build.build_vocabulary

    def change_file(*arguments):
        (shows / "2.txt").write_text(FILLER)
        build_vocabulary(*arguments)

    monkeypatch.setattr(build, "build_vocabulary", change_file)
    with pytest.raises(
        UserError, match=r"2.txt was changed while it was read: run the same command again"
    ):
        prepare([str(shows)], tmp_path / "x", Settings(), SMALL)
    monkeypatch.setattr(build, "build_vocabulary", build_vocabulary)
    assert prepare([str(shows)], tmp_path / "x", Settings(), SMALL)
    assert FILLER[:500] in Prepared.open(tmp_path / "x").excerpt("train")


def test_prepare_on_a_full_disk_prints_one_line_and_resumes(shows, tmp_path):
    out = tmp_path / "x"
    arguments = ["prepare", str(shows), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "data", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)),
    )
    assert done.returncode == 4, done.stderr
    assert "could not be written (File too large)" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in out.iterdir()] == [WORK]
    done = call(main, *arguments)
    assert done.returncode == 0, done.stderr
    assert "4 shows" in done.stderr
    assert done.stdout == f"{out}\n"
    assert "nothing has changed" in call(main, *arguments).stderr
