"""Versions of an exported model: publishing, the pointer, rolling back, removing old ones."""

import errno
import json
import shutil
import sys
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import model_versions
from data.command_line import UserError
from export.__main__ import main
from export.bundle import export
from export.equality import equal_version
from export.files import INT8_FILES
from export.manifest import IF_PRESENT
from export.rollout import OPTIONAL, list_versions, locked, publish, rollback

NAMES = ("manifest.json", "model.onnx", "vocab.json", "README.md")


def publish_number(folder, number, keep=9, created=None, extra=()):
    """Publishes a small version whose files contain `number`; returns its name."""
    staged = folder / ".export-x" / "bundle"
    staged.mkdir(parents=True, exist_ok=True)
    for name in (*NAMES, *extra):
        (staged / name).write_text(f"{name} {number}")
    created = created or f"2026-01-01T00:{number:02}:00+00:00"
    manifest = {"created": created, "scores": {"valid_loss": number}, "number": number, "files": {}}
    (staged / "manifest.json").write_text(json.dumps(manifest))
    return publish(staged, folder, keep, equal_version(staged, folder))


def plain_number(folder):
    """The number in the files of the model's folder, which must be of one version."""
    numbers = {(folder / name).read_text().split()[-1] for name in NAMES[1:]}
    numbers.add(str(json.loads((folder / "manifest.json").read_text())["number"]))
    (number,) = numbers
    return int(number)


def names_of(folder):
    return {path.name for path in (folder / "versions").iterdir()}


def test_each_export_adds_a_version_and_makes_it_current(tmp_path):
    one, two = (publish_number(tmp_path, number) for number in (1, 2))
    assert names_of(tmp_path) == {one, two}
    assert model_versions.current_folder(tmp_path) == tmp_path / "versions" / two
    assert plain_number(tmp_path) == 2
    content = (tmp_path / "versions" / one / "manifest.json").read_bytes()
    assert model_versions.version_of(content) == one
    assert [version.name for version in list_versions(tmp_path)] == [two, one]
    assert [version.is_current for version in list_versions(tmp_path)] == [True, False]


def test_equal_export_is_the_same_version(tmp_path):
    one = publish_number(tmp_path, 1)
    publish_number(tmp_path, 2)
    assert publish_number(tmp_path, 1, created="2027-01-01T00:00:00+00:00") == one
    assert len(names_of(tmp_path)) == 2
    assert plain_number(tmp_path) == 1


def test_plain_paths_are_hard_links_of_the_current_version(tmp_path):
    version = publish_number(tmp_path, 1)
    for name in NAMES:
        assert (tmp_path / name).samefile(tmp_path / "versions" / version / name)
        assert not (tmp_path / name).is_symlink()


def test_plain_paths_are_copies_on_a_volume_without_links(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("export.rollout.os.link", no_links)
    for number in (1, 2):
        publish_number(tmp_path, number)
        assert plain_number(tmp_path) == number
    rollback(tmp_path)
    assert plain_number(tmp_path) == 1
    assert not list(tmp_path.glob(".*.*"))


def test_file_that_only_the_other_version_has_is_removed(tmp_path):
    publish_number(tmp_path, 1)
    publish_number(tmp_path, 2, extra=["speller.onnx"])
    assert (tmp_path / "speller.onnx").exists()
    rollback(tmp_path)
    assert not (tmp_path / "speller.onnx").exists()


def test_metrics_of_the_training_run_stay_the_runs_own(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("of the next run")
    one = publish_number(tmp_path, 1, extra=["metrics.jsonl"])
    publish_number(tmp_path, 2)
    rollback(tmp_path)
    assert (tmp_path / "metrics.jsonl").read_text() == "of the next run"
    assert (tmp_path / "versions" / one / "metrics.jsonl").read_text() == "metrics.jsonl 1"


def test_version_has_the_metrics_of_its_training_run(bundle):
    version = model_versions.current_folder(bundle)
    assert (version / "metrics.jsonl").read_text() == (bundle / "metrics.jsonl").read_text()


def test_optional_files_are_those_of_the_manifest():
    assert set(OPTIONAL) == {*INT8_FILES, *IF_PRESENT}


def test_rollback_goes_back_through_the_versions_that_were_current(tmp_path):
    one, two, three = (publish_number(tmp_path, number) for number in (1, 2, 3))
    assert rollback(tmp_path) == two
    four = publish_number(tmp_path, 4)
    assert rollback(tmp_path) == two  # 3 was rolled back from: it is not good
    assert rollback(tmp_path) == one
    with pytest.raises(UserError, match=f"no version before the current one.*{four}"):
        rollback(tmp_path)
    assert plain_number(tmp_path) == 1
    assert rollback(tmp_path, to=three) == three
    assert plain_number(tmp_path) == 3
    assert rollback(tmp_path) == one


@pytest.mark.parametrize("to", ["0" * 16, "x", "../../etc", "A" * 16])
def test_rollback_to_an_unknown_version_is_an_error(tmp_path, to):
    publish_number(tmp_path, 1)
    with pytest.raises(UserError, match="version"):
        rollback(tmp_path, to)
    assert plain_number(tmp_path) == 1


def test_rollback_of_a_model_without_versions_is_an_error(tmp_path):
    with pytest.raises(UserError, match="has no versions: make export writes the first"):
        rollback(tmp_path)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 4), st.lists(st.sampled_from(["export", "back"]), max_size=9))
def test_versions_are_kept_by_the_order_in_which_they_were_current(tmp_path_factory, keep, steps):
    folder = tmp_path_factory.mktemp("model")
    history = [publish_number(folder, 0, keep)]
    for number, step in enumerate(steps, 1):
        if step == "export":
            history.append(publish_number(folder, number, keep))
            history = history[-keep:]
        elif len(history) > 1:
            history.pop()
            assert rollback(folder) == history[-1]
        assert [n for n in model_versions.history(folder) if n in names_of(folder)] == history
        assert len(names_of(folder)) <= max(keep, len(history))
        assert json.loads((folder / "manifest.json").read_text()) == json.loads(
            (model_versions.current_folder(folder) / "manifest.json").read_text()
        )


def test_current_version_is_never_removed(tmp_path):
    one = publish_number(tmp_path, 1, keep=1)
    two = publish_number(tmp_path, 2, keep=2)
    rollback(tmp_path, to=one)
    assert publish_number(tmp_path, 2, keep=1) == two
    assert names_of(tmp_path) == {two}


@pytest.mark.parametrize("content", [b"", b"\n", b"zzz\n", b"\xff\xfe", b"../../etc/passwd\n"])
def test_damaged_pointer_is_an_error(tmp_path, content):
    publish_number(tmp_path, 1)
    (tmp_path / "current").write_bytes(content)
    with pytest.raises(UserError, match=r"current (is damaged|cannot be read).*export again"):
        model_versions.current_folder(tmp_path)


def test_unfinished_version_is_no_version(tmp_path):
    one = publish_number(tmp_path, 1)
    (tmp_path / "versions" / ("0" * 16)).mkdir()
    (tmp_path / "versions" / ("0" * 16) / "manifest.json").write_text("{}")
    assert [version.name for version in list_versions(tmp_path)] == [one]
    two = publish_number(tmp_path, 2)
    assert names_of(tmp_path) == {one, two}


def test_second_export_to_the_folder_waits_for_its_turn(bundle):
    with locked(bundle), pytest.raises(UserError, match="in use by process") as caught:
        export(bundle / "checkpoint.pt")
    assert caught.value.exit_code == 75


def test_export_with_another_archive_of_the_same_program_is_equal(bundle, tmp_path):
    """PyTorch never promises to write the same bytes again."""
    staged = shutil.copytree(model_versions.current_folder(bundle), tmp_path / "staged")
    (version,) = model_versions.history(bundle)
    assert equal_version(staged, bundle) == version
    path = staged / "model.torchscript.pt"
    before = path.read_bytes()
    with zipfile.ZipFile(bundle / path.name) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            record = source.read(name)
            target.writestr(name, record[::-1] if name.endswith("serialization_id") else record)
    assert path.read_bytes() != before
    assert equal_version(staged, bundle) == version


def test_export_with_other_scores_or_a_damaged_file_is_not_equal(bundle, tmp_path):
    staged = shutil.copytree(model_versions.current_folder(bundle), tmp_path / "staged")
    content = (staged / "model.torchscript.pt").read_bytes()
    (staged / "model.torchscript.pt").write_bytes(content[:-1])
    assert equal_version(staged, bundle) == ""
    (staged / "model.torchscript.pt").write_bytes(content)
    manifest = json.loads((staged / "manifest.json").read_text())
    manifest["scores"]["valid_loss"] += 1
    (staged / "manifest.json").write_text(json.dumps(manifest))
    assert equal_version(staged, bundle) == ""


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["export", *map(str, arguments)])
    main()


def test_versions_and_rollback_commands(tmp_path, monkeypatch, capsys):
    one, two = (publish_number(tmp_path / "cafe", number) for number in (1, 2))
    run(monkeypatch, "versions", tmp_path / "cafe")
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].startswith(f"* cafe@{two}  exported 2026-01-01T00:02:00+00:00  held-out loss")
    assert listed[1].startswith(f"  cafe@{one}")
    run(monkeypatch, "rollback", tmp_path / "cafe")
    assert capsys.readouterr().out == f"cafe@{one} is current\n"
    with pytest.raises(UserError, match="no version before the current one"):
        run(monkeypatch, "rollback", tmp_path / "cafe")
    run(monkeypatch, "rollback", tmp_path / "cafe", "--to", two)
    assert plain_number(tmp_path / "cafe") == 2
