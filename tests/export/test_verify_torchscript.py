"""python -m export verify runs no TorchScript file that it does not know, unless asked to."""

import re
import zipfile

import pytest
import torch
from torch import Tensor

from data.command_line import UserError
from export.__main__ import main, verify_command
from export.torchscript.archive import content_of, difference
from export.verify_bundle import verify
from serve.models.backends import load_writer
from serve.models.bundles import open_bundle
from tests.commands import call
from tests.export.altered import update_checksum

NAME = "model.torchscript.pt"


class Overwriting(torch.nn.Module):
    """Overwrites a file when it is loaded."""

    def __init__(self, path: str):
        super().__init__()
        self.path: str = path
        self.written = torch.zeros(4)  # kept, so that the compiler does not drop the write

    def forward(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:
        return self.path, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.path = state[0]
        self.training = state[1]
        self.written = torch.from_file(self.path, True, 4, dtype=torch.uint8).fill_(120)


@pytest.fixture
def victim(copy, tmp_path_factory):
    """A file that the bundle's TorchScript file overwrites with "xxxx" when it is loaded."""
    path = tmp_path_factory.mktemp("victim") / "diary.txt"
    path.write_text("kept")
    vocabulary = (copy / "vocab.json").read_text(encoding="utf-8")
    module = torch.jit.script(Overwriting(str(path)))
    torch.jit.save(module, str(copy / NAME), _extra_files={"vocab.json": vocabulary})
    path.write_text("kept")
    update_checksum(copy, NAME)
    return path


def edited(path, change):
    """Rewrites an archive with other content of its files: `change` maps (name, bytes) to bytes."""
    with zipfile.ZipFile(path) as archive:
        files = [(item, archive.read(item)) for item in archive.namelist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            archive.writestr(name, change(name, content))
    update_checksum(path.parent, path.name)


def test_foreign_code_is_not_run(copy, victim):
    with pytest.raises(UserError, match="has other code than this version exports") as error:
        list(verify(copy))
    assert "--run-torchscript" in str(error.value)
    assert victim.read_text() == "kept"


def test_foreign_code_is_run_on_request_after_a_warning(copy, victim, capsys):
    done = call(main, "verify", copy)
    assert (done.returncode, victim.read_text()) == (2, "kept")
    assert len(done.stderr.splitlines()) == 1
    with pytest.raises(UserError, match="is no exported model: it has no method generate"):
        verify_command([str(copy), "--run-torchscript"])
    warning = "warning: --run-torchscript runs the program in each"
    assert capsys.readouterr().err.startswith(warning)
    assert victim.read_text() == "xxxx"


def test_onnx_runtime_of_the_server_runs_no_foreign_code(copy, victim):
    assert load_writer(open_bundle(copy, "onnx", "fp32")).top_next("Ann: ", 3)
    assert victim.read_text() == "kept"


def test_a_changed_line_of_code_is_found(copy):
    def change(name, content):
        return content.replace(b"torch.tanh", b"torch.sinh") if name.endswith(".py") else content

    edited(copy / NAME, change)
    with pytest.raises(UserError, match=r"other code .*layers\.(LSTM|GRU)Layer"):
        list(verify(copy))


def test_unused_code_is_found(copy):
    extra = b"\nclass Extra(Module):\n  def __setstate__(self) -> NoneType:\n    return None\n"

    def change(name, content):
        return content + extra if name.endswith("layers.py") else content

    edited(copy / NAME, change)
    with pytest.raises(UserError, match=r"other code .*unused code of .*layers\.Extra"):
        list(verify(copy))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("data.pkl", b"ScriptSpeller\n", b"ScriptWriter\n"),
        ("data.pkl", b"torch\nFloatStorage\n", b"torch\nLongStorage\n"),
        ("data.pkl", b"_rebuild_tensor_v2", b"_rebuild_parameter"),
        ("data/3", b"", b"x"),
        ("extra/vocab.json", b"The Cafe", b"The Cafo"),
    ],
)
def test_a_changed_value_is_found(copy, name, old, new):
    def change(place, content):
        if not place.endswith(name):
            return content
        return content.replace(old, new) if old else new + content[1:]

    edited(copy / NAME, change)
    with pytest.raises(UserError, match=re.escape(NAME)) as error:
        list(verify(copy))
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(copy):
    with zipfile.ZipFile(copy / NAME, "a") as archive:
        name = next(one for one in archive.namelist() if one.endswith("data.pkl"))
        archive.writestr(name.replace("data.pkl", "DATA.pkl"), b"")
    update_checksum(copy, NAME)
    with pytest.raises(UserError, match="is damaged or not a TorchScript file") as error:
        list(verify(copy))
    assert "\n" not in str(error.value)


def pair(number: int) -> torch.nn.Module:
    """A module of two new types; PyTorch mangles their names from the second call on."""

    class Inner(torch.nn.Module):
        def forward(self, x: int) -> int:
            return x + 1

    class Pair(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.number = Inner(), Inner(), number

        def forward(self, x: int) -> int:
            return self.first(x) * self.second(x) * self.number

    return Pair()


def saved(module, path):
    torch.jit.save(torch.jit.script(module), str(path))
    with zipfile.ZipFile(path) as archive:
        mangled = any("___torch_mangle_" in name for name in archive.namelist())
    return content_of(str(path)), mangled


def test_names_that_depend_on_what_was_compiled_before_make_no_difference(tmp_path):
    first, first_is_mangled = saved(pair(7), tmp_path / "first.pt")
    second, second_is_mangled = saved(pair(7), tmp_path / "second.pt")
    assert (first_is_mangled, second_is_mangled) == (False, True)
    assert difference(first, second) == ""
    other, _ = saved(pair(8), tmp_path / "other.pt")
    assert difference(first, other) == "data.pkl"
