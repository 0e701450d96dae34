"""What the API server is asked for, by its shape."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from mig import labels
from mig.job import IMAGE
from mig.manifest import build, namespace, node_config
from mig.plan import draw
from mig.spec import RunSpec
from training.contract import HTTP_PORT

SPEC = RunSpec.model_validate(
    {
        "name": "shapes",
        "instance_types": ["p4d.24xlarge"],
        "max_hours": 2,
        "workloads": [
            {"name": "large", "kind": "train", "model": "resnet18", "slice": "3g.20gb", "count": 2},
            {"name": "medium", "kind": "train", "model": "cnn", "slice": "medium", "timeout_minutes": 30},
            {"name": "serve", "kind": "infer", "model_from": "medium", "slice": "small", "http": True},
        ],
    }
)
SOURCES = {"training/__init__.py": "", "training/run.py": "print()"}
Manifest = Mapping[str, Any]


def built(spec: RunSpec = SPEC) -> tuple[Manifest, ...]:
    """The manifests of one run, r1."""
    data = "s3://bucket/datasets/fashion-mnist/abc"
    return build(spec, draw(spec, "r1"), bucket="bucket", data=data, sources=SOURCES)


def one(kind: str, name: str) -> Any:
    """The manifest of that kind and name."""
    return next(m for m in built() if m["kind"] == kind and m["metadata"]["name"] == name)


def pod(workload: str) -> Any:
    """The pod of a workload's Job."""
    return one("Job", workload)["spec"]["template"]["spec"]


def containers(workload: str) -> dict[str, Any]:
    """All containers of a workload's pod, in the order in which they run."""
    spec = pod(workload)
    return {each["name"]: each for each in [*spec["initContainers"], *spec["containers"]]}


def environment(workload: str) -> dict[str, str]:
    """What the container of a workload is told by its manifest."""
    return {each["name"]: each["value"] for each in pod(workload)["containers"][0]["env"] if "value" in each}


def test_order() -> None:
    """Everything comes after what it needs."""
    assert [(m["kind"], m["metadata"]["name"]) for m in built()] == [
        ("Namespace", "r1"),
        ("ServiceAccount", "workload"),
        ("ConfigMap", "training"),
        ("DeviceClass", "mig-1g.5gb.nvidia.com"),
        ("DeviceClass", "mig-2g.10gb.nvidia.com"),
        ("DeviceClass", "mig-3g.20gb.nvidia.com"),
        ("ResourceClaimTemplate", "mig-1g.5gb"),
        ("ResourceClaimTemplate", "mig-2g.10gb"),
        ("ResourceClaimTemplate", "mig-3g.20gb"),
        ("Service", "serve"),
        ("Job", "large"),
        ("Job", "medium"),
        ("Job", "serve"),
    ]


def test_everything_is_the_run_s_own() -> None:
    """All but the DeviceClasses carries the run's label and, but for the namespace itself, lies in its namespace."""
    for manifest in built():
        if manifest["kind"] != "DeviceClass":
            assert manifest["metadata"]["labels"][labels.RUN] == "r1"
        if manifest["kind"] not in {"DeviceClass", "Namespace"}:
            assert manifest["metadata"]["namespace"] == namespace("r1")


def test_values_are_json() -> None:
    """Nothing but what JSON can say."""
    assert list(built()) == json.loads(json.dumps(built()))


def test_namespace_is_restricted() -> None:
    """The API server itself refuses a pod that asks for more than a workload needs."""
    assert one("Namespace", "r1")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_claim_template() -> None:
    """A claim asks for exactly one device of its profile's class."""
    request = one("ResourceClaimTemplate", "mig-3g.20gb")["spec"]["spec"]["devices"]["requests"][0]

    assert request["exactly"] == {
        "deviceClassName": "mig-3g.20gb.nvidia.com",
        "allocationMode": "ExactCount",
        "count": 1,
    }


def test_job_counts() -> None:
    """A count is as many pods at once, each with an index."""
    spec = one("Job", "large")["spec"]

    assert (spec["completions"], spec["parallelism"], spec["completionMode"]) == (2, 2, "Indexed")


def test_job_failures() -> None:
    """A disruption is not counted, and a wrong request is not tried again."""
    disrupted, wrong = one("Job", "large")["spec"]["podFailurePolicy"]["rules"]

    assert (disrupted["action"], disrupted["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert (wrong["action"], wrong["onExitCodes"]["values"]) == ("FailJob", [42])
    assert pod("large")["restartPolicy"] == "Never"


@pytest.mark.parametrize(
    ("workload", "seconds"),
    [
        pytest.param("large", 2 * 3600, id="the run's hours, where the workload says nothing"),
        pytest.param("medium", 30 * 60, id="the workload's own minutes"),
    ],
)
def test_job_deadline(workload: str, seconds: int) -> None:
    """No Job runs for longer than it was given."""
    assert seconds == one("Job", workload)["spec"]["activeDeadlineSeconds"]


@pytest.mark.parametrize("container", ["packages", "data", "run"])
def test_pod_is_harmless(container: str) -> None:
    """A pod is nobody: no root, no token, no capabilities, nothing to write but its folders."""
    spec = pod("large")
    security = containers("large")[container]["securityContext"]

    assert (spec["automountServiceAccountToken"], spec["securityContext"]["runAsNonRoot"]) == (False, True)
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_pod_runs_on_the_run_s_nodes_only() -> None:
    """Two runs never share a node."""
    assert pod("large")["nodeSelector"] == {labels.RUN: "r1"}
    assert pod("large")["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_pod_claims_its_slice() -> None:
    """The working container uses the claim; those that prepare the pod do not."""
    spec = pod("medium")

    assert spec["resourceClaims"] == [{"name": "slice", "resourceClaimTemplateName": "mig-2g.10gb"}]
    assert spec["containers"][0]["resources"]["claims"] == [{"name": "slice"}]
    assert all("claims" not in each["resources"] for each in spec["initContainers"])


def test_pod_is_guaranteed() -> None:
    """No container of a pod is the first to go when a node is short of memory."""
    share = [each["resources"] for each in containers("medium").values()]

    assert all(each["requests"] == each["limits"] == share[0]["limits"] for each in share)


def test_pods_fill_their_node() -> None:
    """As many pods as a node has slices find room in its processors and memory, and a bigger slice has more of both."""
    share = {name: pod(name)["containers"][0]["resources"]["requests"] for name in ("large", "medium", "serve")}
    cpus = {name: int(each["cpu"].removesuffix("m")) for name, each in share.items()}

    assert 8 * cpus["large"] + 8 * cpus["medium"] + 16 * cpus["serve"] < 96_000
    assert cpus["large"] > cpus["medium"] > cpus["serve"] > 1000


def test_pod_paths() -> None:
    """Whatever is mounted lies beneath the working directory, and what a pod is told of paths is relative to it."""
    container = pod("large")["containers"][0]

    assert container["workingDir"] == "/work"
    assert all(mount["mountPath"].startswith("/work/") for mount in container["volumeMounts"])
    assert (environment("large")["PYTHONPATH"], environment("large")["TMPDIR"]) == ("code:packages", "scratch")


def test_packages_are_written_once() -> None:
    """What the image lacked is one container's to bring, and read by the others."""
    mounts = {
        name: next(mount for mount in each["volumeMounts"] if mount["name"] == "packages")
        for name, each in containers("large").items()
    }

    assert {"packages": False, "data": True, "run": True} == {name: m["readOnly"] for name, m in mounts.items()}
    assert {"/work/packages"} == {mount["mountPath"] for mount in mounts.values()}
    assert {"name": "packages", "emptyDir": {}} in pod("large")["volumes"]


def test_sources_keep_their_paths() -> None:
    """A ConfigMap's keys have no slashes; the pod's volume puts the paths back."""
    keys = one("ConfigMap", "training")["data"]
    items = next(v for v in pod("large")["volumes"] if v["name"] == "code")["configMap"]["items"]

    assert {item["path"]: keys[item["key"]] for item in items} == SOURCES


def test_commands() -> None:
    """What the image lacks comes first, as the data is fetched with it; then the data, then the work."""
    commands = [" ".join(each["command"]) for each in containers("large").values()]

    assert ["python -m training.packages", "python -m training.data", "python -m training.run"] == commands


def test_images() -> None:
    """All containers of a pod run in the image that its workload names; else in one that is pinned by its digest."""
    named = SPEC.model_copy(update={"workloads": [SPEC.workloads[0].model_copy(update={"image": "ours@sha256:0"})]})
    job = next(m for m in built(named) if m["kind"] == "Job")["spec"]["template"]["spec"]

    assert {"ours@sha256:0"} == {each["image"] for each in [*job["initContainers"], *job["containers"]]}
    assert {IMAGE} == {each["image"] for each in containers("large").values()}
    assert re.fullmatch(r"nvcr\.io/nvidia/pytorch:[\d.]+-py3@sha256:[0-9a-f]{64}", IMAGE)


def test_orders_of_a_service() -> None:
    """A service is told where the workload it serves publishes its models, and which model that is."""
    told = environment("serve")

    assert told["MIG_MODEL_FROM"] == "s3://bucket/runs/r1/workloads/medium"
    assert told["MIG_OUTPUT"] == "s3://bucket/runs/r1/workloads/serve"
    assert told["MIG_MODEL"] == "cnn"


def test_service_finds_its_pods() -> None:
    """The Service of an HTTP workload selects that workload's pods of this run."""
    selector = one("Service", "serve")["spec"]["selector"]

    assert selector.items() <= one("Job", "serve")["spec"]["template"]["metadata"]["labels"].items()


def test_service_leads_to_where_its_pods_listen() -> None:
    """On the port that both ends of the wire know."""
    (port,) = one("Service", "serve")["spec"]["ports"]

    assert (port["targetPort"], pod("serve")["containers"][0]["ports"]) == (
        HTTP_PORT,
        [{"name": "http", "containerPort": HTTP_PORT}],
    )


def test_pods_get_calls_once_they_can_answer() -> None:
    """The kubelet asks a pod that clients call whether it is ready; one that nobody calls is not asked."""
    probe = pod("serve")["containers"][0]["readinessProbe"]["httpGet"]

    assert probe == {"path": "/healthz", "port": "http"}
    assert {"readinessProbe", "ports"}.isdisjoint(pod("medium")["containers"][0])


def test_a_service_is_told_to_end_after_its_clients() -> None:
    """It answers on while nodes forget its address, and has time for its end left; nobody else waits."""
    spec = pod("serve")
    pause = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert 1 < pause < spec["terminationGracePeriodSeconds"] / 2
    assert "lifecycle" not in pod("medium")["containers"][0]


@pytest.mark.parametrize(("workload", "told"), [("serve", True), ("medium", False)])
def test_pods_that_are_called_know_where_they_are(workload: str, *, told: bool) -> None:
    """Their node tells them the address on which they listen."""
    own = {"name": "MIG_POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    spec = pod(workload)

    for container in (*spec["initContainers"], *spec["containers"]):
        assert told == (own in container["env"])


def test_node_config() -> None:
    """Our geometries lie where MIG Manager reads them, in a form that is YAML and JSON at once."""
    made = node_config({"version": "v1", "mig-configs": {}})

    assert (made["metadata"]["namespace"], made["metadata"]["name"]) == ("gpu-operator", labels.MIG_PARTED_CONFIG)
    assert json.loads(made["data"]["config.yaml"]) == {"version": "v1", "mig-configs": {}}
