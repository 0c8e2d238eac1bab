"""The TorchScript file in libtorch (C++); needs a compiler and PyTorch's headers."""

import pathlib
import shutil
import subprocess

import pytest
import torch

pytestmark = pytest.mark.slow  # compiles
HERE = pathlib.Path(__file__).parent
TORCH = pathlib.Path(torch.__file__).parent


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    compiler = shutil.which("g++")
    if compiler is None or not (TORCH / "include/torch/script.h").is_file():
        pytest.skip("needs g++ and PyTorch's headers")
    built = tmp_path_factory.mktemp("cpp") / "writer"
    command = [
        *(compiler, "-std=c++20", "-O0", "-o", str(built), str(HERE / "writer.cpp")),
        *(f"-I{TORCH}/include", f"-I{TORCH}/include/torch/csrc/api/include"),
        *(f"-L{TORCH}/lib", f"-Wl,-rpath,{TORCH}/lib", "-ltorch", "-ltorch_cpu", "-lc10"),
        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch._C._GLIBCXX_USE_CXX11_ABI)}",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return built


@pytest.mark.parametrize("name", ["model.torchscript.pt", "model.int8.torchscript.pt"])
def test_libtorch_generates_the_same_text(program, bundle, name):
    writer = torch.jit.load(str(bundle / name))
    prompt = "Ann: où est Zorblax?\n\n"
    command = [str(program), str(bundle / name), prompt, "7", "0.9"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == writer.generate(prompt, 40, temperature=0.9, seed=7, invent_words=True)


def test_libtorch_error_names_the_option_out_of_range(program, bundle):
    command = [str(program), str(bundle / "model.torchscript.pt"), "", "7", "-1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "temperature must be from 0 to 100, not -1" in done.stderr
