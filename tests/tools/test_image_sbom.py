"""tools/image_sbom.py and locks/licenses.json."""

import functools
import json
import sys

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.conftest import ROOT

SYSTEM = {"python": "3.11.9", "debian": [["libc6", "2.36-9+deb12u14", "amd64", ["LGPL-2.1+"]]]}
NAMES = ["serve-onnx", "serve-torchscript", "train", "train-cpu"]


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")


@functools.cache
def components(image):
    from image_sbom import make_sbom

    return {each["name"]: each for each in json.loads(make_sbom(image))["components"]}


@pytest.mark.parametrize("image", NAMES)
def test_sbom_is_valid_and_has_the_locked_packages_of_the_image(image):
    from image_sbom import make_sbom
    from locked_packages import IMAGE, IMAGES, locked_packages

    text = make_sbom(image, SYSTEM)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == make_sbom(image, SYSTEM)
    facts, found = IMAGES[image], components(image)
    wanted = locked_packages(facts.groups, IMAGE, facts.build)
    assert {name: each["version"] for name, each in found.items()} == wanted
    assert sorted(IMAGES) == NAMES


def test_root_component_is_the_image_and_depends_on_all_packages():
    from image_sbom import make_sbom

    document = json.loads(make_sbom("serve-onnx"))
    root = document["metadata"]["component"]
    assert (root["name"], root["type"]) == ("cold-open-serve-onnx", "container")
    depends = next(each for each in document["dependencies"] if each["ref"] == root["bom-ref"])
    assert len(depends["dependsOn"]) == len(document["components"])


@pytest.mark.parametrize("image", NAMES)
def test_packages_have_hashes_and_licences(image):
    for name, each in components(image).items():
        (files,) = each["externalReferences"]
        assert {hashed["alg"] for hashed in files["hashes"]} == {"SHA-256"}
        # The metadata of this package without files of its own names no licence.
        assert each.get("licenses") or name == "cuda-toolkit"


def test_gpu_image_contains_cuda_and_the_build_of_pytorch():
    assert components("train")["torch"]["purl"] == "pkg:pypi/torch@2.13.0"
    assert "nvidia-cudnn-cu13" in components("train")
    assert components("train-cpu")["torch"]["purl"] == "pkg:pypi/torch@2.13.0%2Bcpu"
    assert "nvidia-cudnn-cu13" not in components("train-cpu")


def test_python_and_debian_packages_are_read_from_the_image(tmp_path, capsys):
    from image_sbom import write_sbom

    engine = tmp_path / "engine"
    engine.write_text(f"#!{sys.executable}\nprint({json.dumps(SYSTEM)!r})\n")
    engine.chmod(0o755)
    write_sbom("serve-onnx", str(engine), tmp_path)
    document = json.loads((tmp_path / "serve-onnx.cdx.json").read_text())
    found = {each["name"]: each for each in document["components"]}
    assert found["python"]["version"] == "3.11.9"
    assert found["libc6"]["purl"].startswith("pkg:deb/debian/libc6@2.36-9%2Bdeb12u14")
    assert found["libc6"]["licenses"] == [{"license": {"name": "LGPL-2.1+"}}]
    assert "1 of Debian" in capsys.readouterr().out


def test_sbom_without_the_image_says_so(tmp_path, capsys):
    from image_sbom import write_sbom

    write_sbom("serve-onnx", "/bin/false", tmp_path)
    assert "none of Debian: the image is not built" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"license_expression": "MIT", "license": "other"}, "MIT"),
        ({"license": "BSD", "classifier": ["License :: OSI Approved :: BSD License"]}, "BSD"),
        (
            {"license": "The whole\ntext", "classifier": ["License :: X :: BSD License"]},
            "BSD License",
        ),
        ({"license": "", "classifier": ["Topic :: Software"]}, None),
    ],
)
def test_license_of_metadata(metadata, expected):
    from licenses import license_of

    assert license_of(metadata) == expected
