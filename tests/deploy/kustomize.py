"""The part of kustomize that deploy/kubernetes uses: resources, images, and JSON patches."""

import pathlib

import yaml


def documents(path: pathlib.Path) -> list[dict]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def build(folder: pathlib.Path) -> list[dict]:
    """The documents that `kubectl kustomize FOLDER` prints."""
    (kustomization,) = documents(folder / "kustomization.yaml")
    known = {"apiVersion", "kind", "resources", "images", "patches"}
    assert set(kustomization) <= known
    found: list[dict] = []
    for name in kustomization["resources"]:
        path = folder / name
        found += build(path) if path.is_dir() else documents(path)
    for patch in kustomization.get("patches", []):
        targets = [each for each in found if selects(patch["target"], each)]
        assert targets, f"{folder}: no document for {patch['target']}"
        for each in targets:
            for operation in yaml.safe_load(patch["patch"]):
                apply(operation, each)
    for image in kustomization.get("images", []):
        for each in found:
            template = each.get("spec", {}).get("template", {}).get("spec", {})
            for container in template.get("containers", []):
                if container["image"].partition(":")[0] == image["name"]:
                    container["image"] = f"{image['name']}:{image['newTag']}"
    return found


def selects(target: dict, document: dict) -> bool:
    name = target.get("name", document["metadata"]["name"])
    return (document["kind"], document["metadata"]["name"]) == (target["kind"], name)


def apply(operation: dict, document: dict) -> None:
    """Applies one operation of a JSON patch (RFC 6902): add or replace a key of an object."""
    *parents, key = operation["path"].strip("/").split("/")
    value = document
    for parent in parents:
        value = value[int(parent)] if isinstance(value, list) else value[parent]
    assert operation["op"] in ("add", "replace")
    assert (key in value) == (operation["op"] == "replace"), operation
    value[key] = operation["value"]
