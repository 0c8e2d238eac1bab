"""compose.yaml and the Kubernetes manifests: valid schemas, and consistent with the images."""

import dataclasses
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

from data.command_line import DiskFull, UserError
from job.engine.divergence import Diverged
from job.options import parse
from serve.config import ServerConfig
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
RESUMABLE = {75, 130, 143}  # exit codes, see README.md


def documents(path):
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def pods():
    """(name, spec of the workload, spec of its pod) of all Jobs and Deployments."""
    for path in FILES:
        for each in documents(path):
            if each["kind"] in ("Job", "Deployment"):
                yield each["metadata"]["name"], each["spec"], each["spec"]["template"]["spec"]


def job(name):
    return next((spec, pod) for found, spec, pod in pods() if found == name)


def test_kubernetes_schema_rejects_unknown_fields():
    wrong = documents(KUBERNETES / "train" / "job.yaml")[0]
    wrong["spec"]["backofLimit"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="backofLimit"):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=lambda it: it.name)
def test_kustomization_lists_all_manifests(folder):
    (kustomization,) = documents(folder / "kustomization.yaml")
    manifests = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == manifests
    assert {image["name"] for image in kustomization.get("images", [])} <= set(USER)


@pytest.mark.parametrize(("name", "pod"), [(name, pod) for name, _, pod in pods()])
def test_pod_security_context_is_restricted(name, pod):
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False  # it would set variables such as COLD_OPEN_SERVE_PORT
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
def test_pod_failure_policy_matches_the_exit_codes(name):
    spec, pod = job(name)
    codes = {"Ignore": set(), "FailJob": set()}
    for rule in spec["podFailurePolicy"]["rules"]:
        if "onExitCodes" in rule:
            assert rule["onExitCodes"]["containerName"] == pod["containers"][0]["name"]
            codes[rule["action"]] |= set(rule["onExitCodes"]["values"])
    permanent = {error.exit_code for error in (UserError, Diverged, DiskFull)}
    if name == "cold-open-train":
        permanent.add(1)  # on several nodes, 1 is also the exit code of a pod that lost its peer
    assert codes == {"Ignore": RESUMABLE, "FailJob": permanent}
    assert pod["restartPolicy"] == "Never"  # a pod failure policy requires it


def test_readme_lists_the_resumable_exit_codes():
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| exit code |")[2]
    rows = [line.split("|")[1] for line in table.splitlines() if "same command resumes" in line]
    assert {int(code) for cell in rows for code in re.findall(r"\d+", cell)} == RESUMABLE


@pytest.mark.parametrize("name", ["cold-open-train", "cold-open-train-nodes"])
def test_training_job_arguments_are_valid(name, monkeypatch):
    _, pod = job(name)
    (container,) = pod["containers"]
    for variable in container["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    command, *flags = container["args"]
    assert command == "job" or command.split()[-2:] == ["-m", "job"]
    config, options = parse(flags if command == "job" else [])
    assert (options.preset, config.show_name) == ("seinfeld", "Seinfeld")


def test_distributed_training_rendezvous():
    spec, pod = job("cold-open-train-nodes")
    (container,) = pod["containers"]
    (line,) = container["args"]
    hosts = []
    for index in "01":
        done = subprocess.run(
            ["sh", "-c", line.replace("exec python -m job.engine.launch", "echo")],
            env={"JOB_COMPLETION_INDEX": index, "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
        )
        options = parse_args(done.stdout.split())
        hosts.append(options.rdzv_conf)
    assert hosts == ["is_host=1", "is_host=0"]
    assert int(options.nnodes) == spec["completions"] == spec["parallelism"]
    assert int(options.nproc_per_node) == container["resources"]["limits"]["nvidia.com/gpu"]
    assert options.rdzv_backend == "c10d"
    host, _, port = options.rdzv_endpoint.partition(":")
    service = documents(KUBERNETES / "train-nodes" / "network.yaml")[0]
    assert host == f"cold-open-train-nodes-0.{pod['subdomain']}"
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["ports"][0]["port"] == int(port)


def test_graceful_shutdown_fits_into_the_termination_grace_period():
    _, pod = job("cold-open-serve")
    (container,) = pod["containers"]
    pre_stop = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    grace = next(
        int(each["value"]) for each in container["env"] if each["name"].endswith("SHUTDOWN_TIMEOUT")
    )
    assert pre_stop + grace < pod["terminationGracePeriodSeconds"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_serve_environment_variables_are_flags():
    _, pod = job("cold-open-serve")
    names = {each["name"] for each in pod["containers"][0]["env"]}
    names |= set(compose("compose.yaml")["services"]["serve"]["environment"])
    flags = {"COLD_OPEN_" + field.name.upper() for field in dataclasses.fields(ServerConfig)}
    assert names <= flags


def test_service_policies_and_autoscaler_select_the_serve_pods():
    (deployment,) = documents(KUBERNETES / "serve" / "deployment.yaml")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    service, policy = documents(KUBERNETES / "serve" / "network.yaml")
    scaler, budget = documents(KUBERNETES / "serve" / "scaling.yaml")
    assert service["spec"]["selector"] == labels
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    assert budget["spec"]["selector"]["matchLabels"] == labels
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]


class ComposeLoader(yaml.SafeLoader):
    """A loader for compose files: the tag !reset removes a setting."""


ComposeLoader.add_constructor("!reset", lambda _loader, _node: None)


def compose(name):
    return yaml.load((ROOT / name).read_text(encoding="utf-8"), ComposeLoader)


@pytest.mark.parametrize("name", ["compose.yaml", "deploy/compose.cpu.yaml"])
def test_compose_file_matches_the_schema(name, tmp_path):
    (tmp_path / "compose.json").write_text(json.dumps(compose(name)))
    program = pathlib.Path(sys.executable).with_name("check-jsonschema")
    schema = ("--builtin-schema", "vendor.compose-spec")
    done = subprocess.run([program, *schema, tmp_path / "compose.json"], capture_output=True)
    assert done.returncode == 0, done.stdout


def test_compose_services_match_the_images(monkeypatch):
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


def test_compose_services_rotate_logs_and_limit_processes():
    for service in compose("compose.yaml")["services"].values():
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}
        assert 0 < service["pids_limit"] <= 4096
