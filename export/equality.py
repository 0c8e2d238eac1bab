"""Whether two exports are equal: the same weights, settings, scores and program."""

import contextlib
import pathlib
from typing import Any

from data import model_versions, strict_json
from data.model_versions import MANIFEST
from export import rollout
from export.torchscript.archive import content_of, difference

TORCHSCRIPT = ".torchscript.pt"


def equal_version(staged: pathlib.Path, folder: pathlib.Path) -> str:
    """The version that the staged files equal, but for the time of the export; "" for none."""
    manifest = strict_json.loads((staged / MANIFEST).read_bytes())
    for name, other in rollout.manifests(folder).items():
        if _comparable(manifest) == _comparable(other):
            earlier = model_versions.version_folder(folder, name)
            names = [file for file in manifest["files"] if file.endswith(TORCHSCRIPT)]
            with contextlib.suppress(OSError, RuntimeError, ValueError):  # a damaged file
                if not any(_differs(staged / file, earlier / file) for file in names):
                    return name
    return ""


def _comparable(manifest: dict[str, Any]) -> dict[str, Any]:
    """What equal exports have in common: not the checksums of TorchScript files (`_differs`)."""
    files = {
        name: {} if name.endswith(TORCHSCRIPT) else file for name, file in manifest["files"].items()
    }
    return {**manifest, "created": None, "files": files}


def _differs(one: pathlib.Path, other: pathlib.Path) -> bool:
    """Whether two TorchScript files differ in more than the names that PyTorch gives to classes."""
    return bool(difference(content_of(str(one)), content_of(str(other))))
