"""The kustomizations as they are applied: schemas of all supported versions, jobs, one node."""

import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

from job.options import parse
from tests.conftest import ROOT
from tests.deploy.dockerfiles import stages
from tests.deploy.kustomize import build

KUBERNETES = ROOT / "deploy" / "kubernetes"
FOLDERS = sorted(path.parent for path in KUBERNETES.rglob("kustomization.yaml"))
ONE_NODE = sorted(path for path in FOLDERS if path.parent.name == "one-node")
OLDEST = 31  # Kubernetes 1.31, see deploy/README.md
NEWEST = int(kubernetes_validate.latest_version().split(".")[1])
# Those in between are slow: `make nightly`.
VERSIONS = [
    pytest.param(f"1.{minor}", marks=[] if minor in (OLDEST, NEWEST) else pytest.mark.slow)
    for minor in range(OLDEST, NEWEST + 1)
]
folders = pytest.mark.parametrize(
    "folder", FOLDERS, ids=lambda path: str(path.relative_to(KUBERNETES))
)


def jobs():
    for folder in FOLDERS:
        for each in build(folder):
            if each["kind"] == "Job":
                yield pytest.param(each, id=str(folder.relative_to(KUBERNETES)))


def find(folder, kind):
    return next(each for each in build(KUBERNETES / folder) if each["kind"] == kind)


def test_readme_names_the_oldest_kubernetes_version():
    text = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    assert f"Kubernetes** (1.{OLDEST} or later" in text
    assert NEWEST >= OLDEST + 4


@pytest.mark.parametrize("version", VERSIONS)
def test_documents_match_the_schema_of_each_version(version):
    found: list[dict] = []
    for folder in FOLDERS:
        found += [each for each in build(folder) if each not in found]
    for each in found:
        kubernetes_validate.validate(each, version, strict=True)


def test_schema_requires_the_status_of_a_pod_condition():
    job = find("train", "Job")
    del job["spec"]["podFailurePolicy"]["rules"][1]["onPodConditions"][0]["status"]
    with pytest.raises(kubernetes_validate.ValidationError, match="status"):
        kubernetes_validate.validate(job, "1.31", strict=True)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
@folders
def test_kubectl_renders_the_same_documents(folder):
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rendered = list(yaml.safe_load_all(done.stdout))

    def key(document):
        return document["kind"], document["metadata"]["name"]

    assert sorted(rendered, key=key) == sorted(build(folder), key=key)


@pytest.mark.parametrize("job", list(jobs()))
def test_jobs_end_and_are_removed(job):
    spec = job["spec"]
    grace = spec["template"]["spec"].get("terminationGracePeriodSeconds", 30)
    assert grace < spec["activeDeadlineSeconds"]
    assert spec["ttlSecondsAfterFinished"] >= 86400  # a day to read the logs
    assert spec["backoffLimit"] <= 2


@pytest.mark.parametrize("folder", ["train", "export", "one-node/train", "one-node/export"])
def test_a_bug_is_not_retried(folder):
    rules = find(folder, "Job")["spec"]["podFailurePolicy"]["rules"]
    codes = [rule["onExitCodes"]["values"] for rule in rules if rule["action"] == "FailJob"]
    assert all(1 in each for each in codes)


@pytest.mark.parametrize("folder", ["fetch", "train", "train-nodes", "export", "serve"])
def test_every_workload_has_a_network_policy(folder):
    policy = find(folder, "NetworkPolicy")["spec"]
    kind = "Deployment" if folder == "serve" else "Job"
    labels = find(folder, kind)["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"] == labels
    assert policy["policyTypes"] == ["Ingress", "Egress"]


@pytest.mark.parametrize("folder", ["train", "export"])
def test_training_and_export_have_no_network(folder):
    policy = find(folder, "NetworkPolicy")["spec"]
    assert policy["ingress"] == policy["egress"] == []
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert compose["services"][folder]["network_mode"] == "none"


@pytest.mark.parametrize("folder", ONE_NODE, ids=lambda path: path.name)
def test_one_node_needs_no_gpu_shared_storage_or_registry(folder):
    for each in build(folder):
        if each["kind"] == "PersistentVolumeClaim":
            assert each["spec"]["accessModes"] == ["ReadWriteOnce"]
        template = each.get("spec", {}).get("template")
        for container in template["spec"]["containers"] if template else []:
            assert "nvidia.com/gpu" not in str(container["resources"])
            assert container["imagePullPolicy"] == "Never"
            assert float(container["resources"]["requests"]["cpu"].rstrip("m")) in (1, 250, 500)


def test_one_node_trains_the_small_preset_on_the_embedded_show(monkeypatch):
    (container,) = find("one-node/train", "Job")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "cold-open-train:cpu"
    for variable in container["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    config, options = parse(container["args"][1:])
    assert (options.preset, config.show_name) == ("laptop", "Low Tide")
    assert "data/shows/low_tide.txt" in stages("Dockerfile.train")[-1].copied()


def test_base_images_are_pinned_by_digest():
    files = [ROOT / "Dockerfile.train", ROOT / "Dockerfile.serve"]
    own = {"base", "packages", "model", "scratch"}
    images = {stage.base for file in files for stage in stages(file.name)} - own
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    images |= {each["image"] for each in compose["services"].values()}
    for folder in FOLDERS:
        for each in build(folder):
            spec = each.get("spec", {}).get("template", {}).get("spec", {})
            images |= {container["image"] for container in spec.get("containers", [])}
    for image in images:
        if not image.startswith("cold-open-"):
            name, _, checksum = image.partition("@sha256:")
            assert ":" in name
            assert len(checksum) == 64
