"""The folder of a run: refused before anything is read, locked, earlier runs set aside."""

import contextlib
import errno
import os
import pathlib
import sys
import tempfile

import pytest

from data.command_line import DiskFull, UserError
from data.lock import Locked
from job import run_folder
from job.__main__ import main
from job.checkpoint import newest_checkpoint
from job.config import Config, folder_name
from job.options import parse
from job.run_folder import LOCK, open_run_folder, set_aside
from job.train import Run
from tests.conftest import TINY


@pytest.fixture
def other_user():
    """Lets a test act as a user without the rights of root."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        yield


@pytest.fixture
def read_only():
    """A folder that only its owner could write to, and not even that."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o555)
        yield pathlib.Path(name)
        os.chmod(name, 0o755)


def refused(folder):
    with pytest.raises(UserError) as caught, open_run_folder(Config(out=str(folder))):
        pass
    assert caught.value.exit_code == 2
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_unusable_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for folder in (
        tmp_path / "file",
        tmp_path / "file" / "run",
        "/proc/run",
        tmp_path / ("a" * 300),
    ):
        assert "give --out a folder that this user can write to" in refused(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_read_only_folder_is_refused(read_only, other_user):
    assert "Permission denied" in refused(read_only)
    assert "Permission denied" in refused(read_only / "run")


def test_unusable_folder_is_refused_before_the_script_is_read(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    flags = ["--data", "no_such.txt", "--out", str(tmp_path / "file")]
    monkeypatch.setattr(sys, "argv", ["job", *TINY, *flags])
    with pytest.raises(UserError, match=r"file cannot be used .* \(File exists\)"):
        main()


def test_folder_of_the_base_is_refused(tmp_path, monkeypatch):
    assert "holds the base network" in refused("artifacts/base")
    base = tmp_path / "checkpoint.pt"
    base.touch()
    for name in (base, tmp_path):
        config = Config(out=str(tmp_path), base=str(name))
        with pytest.raises(UserError, match="holds the base network"), open_run_folder(config):
            pass


def test_refused_run_leaves_no_folder(show, tmp_path, monkeypatch):
    out = tmp_path / "a" / "b"
    flags = ["--data", str(show), "--out", str(out), "--objective", "window"]
    monkeypatch.setattr(sys, "argv", ["job", *TINY, *flags, "--sequence-length", "100000"])
    with pytest.raises(UserError, match=r"too few for sequences of 100000: .* --sequence-length"):
        main()
    assert not list(tmp_path.iterdir())


def test_second_run_in_a_folder_is_refused_and_the_first_is_named(show, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["job", *TINY, "--data", str(show), "--out", str(tmp_path)])
    with open_run_folder(Config(out=str(tmp_path))):
        with pytest.raises(Locked, match=f"in use by process {os.getpid()} on host .* --out"):
            main()
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]


@pytest.mark.parametrize(
    ("number", "says"), [(errno.ENOSPC, "free some disk space"), (errno.EDQUOT, "free some disk")]
)
def test_full_disk_at_the_start_has_the_exit_code_of_a_full_disk(
    tmp_path, monkeypatch, number, says
):
    def fail(_path, _wait):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(run_folder, "exclusive_lock", fail)
    with pytest.raises(DiskFull, match=says), open_run_folder(Config(out=str(tmp_path / "run"))):
        pass
    assert not list(tmp_path.iterdir())


def test_file_system_without_locks_is_told_and_used(tmp_path, monkeypatch, capsys):
    @contextlib.contextmanager
    def fail(_path, _wait):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        yield

    monkeypatch.setattr(run_folder, "exclusive_lock", fail)
    with open_run_folder(Config(out=str(tmp_path / "run"))) as folder:
        (folder / "file").touch()
    assert "no locks" in capsys.readouterr().err
    assert (tmp_path / "run" / "file").exists()


def test_each_fresh_run_sets_aside_all_files_of_the_one_before(tmp_path):
    assert set_aside(tmp_path) is None
    for content in ("one", "two", "three"):
        for name in run_folder.RUN_FILES:
            (tmp_path / name).write_text(content)
        (tmp_path / "model.onnx").write_text(content)
        set_aside(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("previous-1", "previous-2", "previous-3", "model.onnx")
    }
    for number, content in enumerate(("one", "two", "three"), 1):
        earlier = {
            path.name: path.read_text() for path in (tmp_path / f"previous-{number}").iterdir()
        }
        assert earlier == dict.fromkeys(run_folder.RUN_FILES, content)


def test_number_of_a_removed_earlier_run_is_not_used_again(tmp_path):
    (tmp_path / "previous-7").mkdir()
    (tmp_path / "previous-x").mkdir()
    (tmp_path / "checkpoint.pt").touch()
    assert set_aside(tmp_path) == tmp_path / "previous-8"


def test_fresh_run_tells_where_the_files_of_the_earlier_one_are(show, tmp_path, capsys):
    config, _ = parse(["--data", str(show), "--out", str(tmp_path), *TINY])
    for number in (1, 2):
        (tmp_path / "checkpoint.pt").write_text(f"{number}")
        Run(config, fresh=True)
        earlier = tmp_path / f"previous-{number}"
        assert f"the files of the earlier run are in {earlier}" in capsys.readouterr().err
        assert (earlier / "checkpoint.pt").read_text() == f"{number}"


@pytest.mark.parametrize(
    ("show", "name"),
    [
        ("Low Tide", "low-tide"),
        ("Face/Off", "face-off"),
        ("../../etc", "etc"),
        ("Grey's Anatomy", "greys-anatomy"),
        ("M*A*S*H", "m-a-s-h"),
        ("Dr. Who", "dr.-who"),
        ("Les Misérables", "les-misérables"),
        ("...", "show"),
        ("x" * 300, "x" * 60),
    ],
)
def test_folder_name_of_a_show_is_one_safe_name(show, name):
    assert folder_name(show) == name


def test_export_finds_a_show_with_a_slash_in_its_name(tmp_path):
    path = tmp_path / Config(show="Face/Off").folder / "checkpoint.pt"
    path.parent.mkdir(parents=True)
    path.touch()
    assert newest_checkpoint(tmp_path / "artifacts") == path
