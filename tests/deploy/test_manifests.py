"""compose.yaml and the Kubernetes manifests: valid by schema, and true to images and commands."""

import json
import os
import pathlib
import re
import subprocess
import sys

import kubernetes_validate
import pytest
import yaml
from torch.distributed.run import parse_args

from data.command_line import UserError
from job.checkpoint import DiskFull
from job.config import parse
from job.train import Diverged
from tests.conftest import ROOT
from tests.deploy.dockerfiles import stages

KUBERNETES = ROOT / "deploy" / "kubernetes"
FILES = sorted(path for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml")
USER = {
    image: int(stages(f"Dockerfile.{image.rpartition('-')[2]}")[-1].values("USER")[0])
    for image in ("cold-open-train", "cold-open-serve")
}
MOUNTS = {
    "cold-open-train": {"/data", "/artifacts", "/tmp", "/dev/shm"},
    "cold-open-serve": {"/artifacts", "/tmp"},
}
GO_ON = {75, 130, 143}  # README.md's table of exit codes


def documents(path):
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def pods():
    """(name, specification of the whole, specification of its pod) of all that starts pods."""
    for path in FILES:
        for each in documents(path):
            if each["kind"] in ("Job", "Deployment"):
                yield each["metadata"]["name"], each["spec"], each["spec"]["template"]["spec"]


def job(name):
    return next((spec, pod) for found, spec, pod in pods() if found == name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_kubernetes_knows_every_field(path):
    version = kubernetes_validate.latest_version()
    for each in documents(path):
        kubernetes_validate.validate(each, version, strict=True)


def test_the_schema_refuses_a_field_that_does_not_exist():
    wrong = documents(KUBERNETES / "train" / "job.yaml")[0]
    wrong["spec"]["backofLimit"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="backofLimit"):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=lambda it: it.name)
def test_kustomize_finds_all_that_is_there(folder):
    (told,) = documents(folder / "kustomization.yaml")
    there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(told["resources"]) == there
    assert {image["name"] for image in told.get("images", [])} <= set(USER)


@pytest.mark.parametrize(("name", "pod"), [(name, pod) for name, _, pod in pods()])
def test_a_pod_may_do_nothing_that_it_need_not(name, pod):
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False  # else COLD_OPEN_SERVE_PORT and the like are set
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in pod.get("initContainers", []) + pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
        assert context["runAsUser"] == USER[container["image"]]
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert "/tmp" in mounts <= MOUNTS[container["image"]]
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


@pytest.mark.parametrize("name", ["cold-open-train", "cold-open-train-nodes"])
def test_training_goes_on_or_fails_by_its_exit_code(name):
    spec, pod = job(name)
    codes = {"Ignore": set(), "FailJob": set()}
    for rule in spec["podFailurePolicy"]["rules"]:
        if "onExitCodes" in rule:
            assert rule["onExitCodes"]["containerName"] == pod["containers"][0]["name"]
            codes[rule["action"]] |= set(rule["onExitCodes"]["values"])
    hopeless = {error.exit_code for error in (UserError, Diverged, DiskFull)}
    assert codes == {"Ignore": GO_ON, "FailJob": hopeless}
    assert pod["restartPolicy"] == "Never"  # without it no such policy is allowed


def test_the_exit_codes_are_those_of_the_readme():
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| exit code |")[2]
    goes_on = [line.split("|")[1] for line in table.splitlines() if "the same command goes" in line]
    assert {int(code) for cell in goes_on for code in re.findall(r"\d+", cell)} == GO_ON


@pytest.mark.parametrize("name", ["cold-open-train", "cold-open-train-nodes"])
def test_training_reads_its_settings(name, monkeypatch):
    _, pod = job(name)
    (container,) = pod["containers"]
    for variable in container["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    verb, *flags = container["args"]
    assert verb == "job" or verb.split()[-2:] == ["-m", "job"]
    config, options = parse(flags if verb == "job" else [])
    assert (options.preset, config.show_name) == ("seinfeld", "Seinfeld")


def test_the_nodes_meet():
    spec, pod = job("cold-open-train-nodes")
    (container,) = pod["containers"]
    (line,) = container["args"]
    hosts = []
    for index in "01":
        said = subprocess.run(
            ["sh", "-c", line.replace("exec python -m job.engine.launch", "echo")],
            env={"JOB_COMPLETION_INDEX": index, "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
        )
        told = parse_args(said.stdout.split())
        hosts.append(told.rdzv_conf)
    assert hosts == ["is_host=1", "is_host=0"]
    assert int(told.nnodes) == spec["completions"] == spec["parallelism"]
    assert int(told.nproc_per_node) == container["resources"]["limits"]["nvidia.com/gpu"]
    assert told.rdzv_backend == "c10d"
    host, _, port = told.rdzv_endpoint.partition(":")
    service = documents(KUBERNETES / "train-nodes" / "network.yaml")[0]
    assert host == f"cold-open-train-nodes-0.{pod['subdomain']}"
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["ports"][0]["port"] == int(port)


def test_serving_has_time_to_end():
    _, pod = job("cold-open-serve")
    (container,) = pod["containers"]
    before = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    grace = next(
        int(each["value"]) for each in container["env"] if each["name"].endswith("GRACE_SECONDS")
    )
    assert before + grace < pod["terminationGracePeriodSeconds"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_what_serves_is_found_by_its_labels():
    (deployment,) = documents(KUBERNETES / "serve" / "deployment.yaml")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    service, policy = documents(KUBERNETES / "serve" / "network.yaml")
    scaler, budget = documents(KUBERNETES / "serve" / "scaling.yaml")
    assert service["spec"]["selector"] == labels
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    assert budget["spec"]["selector"]["matchLabels"] == labels
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]


class Compose(yaml.SafeLoader):
    """Reads compose's own tag too: !reset takes a setting away."""


Compose.add_constructor("!reset", lambda _loader, _node: None)


def compose(name):
    return yaml.load((ROOT / name).read_text(encoding="utf-8"), Compose)


@pytest.mark.parametrize("name", ["compose.yaml", "deploy/compose.cpu.yaml"])
def test_compose_knows_every_field(name, tmp_path):
    (tmp_path / "compose.json").write_text(json.dumps(compose(name)))
    program = pathlib.Path(sys.executable).with_name("check-jsonschema")
    schema = ("--builtin-schema", "vendor.compose-spec")
    done = subprocess.run([program, *schema, tmp_path / "compose.json"], capture_output=True)
    assert done.returncode == 0, done.stdout


def test_compose_is_true_to_the_images(monkeypatch):
    services = compose("compose.yaml")["services"]
    assert set(compose("deploy/compose.cpu.yaml")["services"]) <= set(services)
    for name in ("fetch", "train", "export", "serve"):
        service = services[name]
        assert service["image"] in USER
        assert service["build"]["dockerfile"] == "Dockerfile." + service["image"].split("-")[-1]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        targets = {volume.split(":")[1] for volume in service["volumes"]}
        assert targets <= MOUNTS[service["image"]]
    assert [services[name]["command"][0] for name in ("fetch", "train", "export")] == [
        *("data", "job", "export")
    ]
    for preset in ("seinfeld", compose("deploy/compose.cpu.yaml")["services"]["train"]):
        value = preset if isinstance(preset, str) else preset["environment"]["COLD_OPEN_PRESET"]
        monkeypatch.setenv("COLD_OPEN_PRESET", value)
        assert parse([])[1].preset == value


def test_prometheus_asks_the_page():
    told = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text(encoding="utf-8"))
    ((target,),) = [each["targets"] for each in told["scrape_configs"][0]["static_configs"]]
    host, _, port = target.partition(":")
    service = compose("compose.yaml")["services"][host]
    assert service["ports"][0].endswith(":" + port)
