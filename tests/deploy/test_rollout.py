"""Pinned versions in the manifests, the commands of the README, and metrics beside a password."""

import re
import shutil
import subprocess

import pytest
import yaml

from data.command_line import UserError
from data.model_versions import VERSION
from serve.models.bundles import locate
from tests.conftest import ROOT
from tests.deploy.kustomize import build

KUBERNETES = ROOT / "deploy" / "kubernetes"
README = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
METRICS = "COLD_OPEN_METRICS_PORT"
folders = pytest.mark.parametrize(
    ("folder", "name"), [("serve", "seinfeld"), ("one-node/serve", "low-tide")]
)


def find(folder, kind):
    return next(each for each in build(folder) if each["kind"] == kind)


def container(folder):
    (found,) = find(folder, "Deployment")["spec"]["template"]["spec"]["containers"]
    return found


def environment(folder):
    return {each["name"]: each.get("value") for each in container(folder)["env"]}


@folders
def test_deployment_starts_only_with_a_version(folder, name, tmp_path):
    model = environment(KUBERNETES / folder)["COLD_OPEN_MODEL"]
    assert model.startswith(name + "@")
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match="a version is 16 hexadecimal digits"):
        locate(model, tmp_path)


@folders
def test_commands_of_the_readme_pin_the_exported_version(folder, name, tmp_path):
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    logs = f"artifacts/{name}/manifest.json\\nversion {name}@0123456789abcdef\\n"
    commands = [
        line
        for line in README.splitlines()
        if line.startswith(("version=", "sed")) and name in line
    ]
    pin = "\n".join(dict.fromkeys(commands))
    script = f"kubectl() {{ printf '{logs}'; }}\n{pin}"
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True)
    pinned = environment(tmp_path / "deploy" / "kubernetes" / folder)["COLD_OPEN_MODEL"]
    assert pinned == f"{name}@0123456789abcdef"
    assert VERSION.fullmatch(pinned.partition("@")[2])
    script = script.replace("0123456789abcdef", "fedcba9876543210")  # and again
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True)
    pinned = environment(tmp_path / "deploy" / "kubernetes" / folder)["COLD_OPEN_MODEL"]
    assert pinned == f"{name}@fedcba9876543210"


def test_readme_tells_how_to_roll_out_and_back():
    steps = ("k deploy/kubernetes/train", "k deploy/kubernetes/export", "set env", "rollout undo")
    (block,) = [
        text for text in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if steps[3] in text
    ]
    assert [block.index(step) for step in steps] == sorted(block.index(step) for step in steps)


def test_annotations_name_the_metrics_port():
    folder = KUBERNETES / "serve"
    port = environment(folder)[METRICS]
    template = find(folder, "Deployment")["spec"]["template"]
    assert template["metadata"]["annotations"]["prometheus.io/port"] == port
    ports = {each["name"]: each["containerPort"] for each in container(folder)["ports"]}
    assert ports == {"http": 7860, "metrics": int(port)}
    allowed = find(folder, "NetworkPolicy")["spec"]["ingress"][0]["ports"]
    assert allowed == [{"port": "http"}, {"port": "metrics"}]
    services = find(folder, "Service")["spec"]["ports"]
    assert [each["targetPort"] for each in services] == ["http"]


def test_prometheus_of_compose_scrapes_the_metrics_port():
    config = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text(encoding="utf-8"))
    ((target,),) = [each["targets"] for each in config["scrape_configs"][0]["static_configs"]]
    host, _, port = target.partition(":")
    service = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"][host]
    assert str(service["environment"][METRICS]) == port
    assert all(not each.endswith(":" + port) for each in service["ports"])
    image = (ROOT / "Dockerfile.serve").read_text(encoding="utf-8")
    assert f"{METRICS}={port}" in image
    assert f"EXPOSE 7860 {port}" in image
