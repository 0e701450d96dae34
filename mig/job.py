"""
Jobs: one workload as one Indexed Job, whose pods each claim one slice.

Paths inside a pod are relative to its working directory, so that the same manifest runs as a container on EKS and as a
process in a rehearsal. What the pod does with its orders is `training`'s business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mig import labels
from mig.gpu import InstanceType
from mig.plan import Plan
from mig.spec import RunSpec, Workload
from training.contract import DATA_FOLDER, HEALTH, HTTP_PORT, PACKAGES_FOLDER, POD_IP, REQUEST_IS_WRONG, Orders

Manifest = dict[str, Any]

IMAGE = "nvcr.io/nvidia/pytorch:26.09-py3@sha256:6e8ccc607fc2a51e3741667b86316a0889418ba8b78ed0ba96e8d282b648a7a6"
"""What pods run in unless their workload names an image: NVIDIA's, with torch 2.14, by the index of its platforms."""

SERVICE_ACCOUNT = "workload"
SOURCES = "training"
"""The ConfigMap of the package `training`."""

PREPARING, MAIN = ("packages", "data"), "run"
"""A pod's containers, in the order in which they run; each runs the module of `training` that it is named after."""

WORK = "/work"
GRACE_SECONDS = 60
"""From SIGTERM to SIGKILL: time for a last checkpoint, well within spot's two minutes."""

PROBE_SECONDS = 2
"""Between two questions whether a service is ready: clients wait no longer than that for one that is."""

FORGET_SECONDS = 2
"""From a service's deletion to its SIGTERM, at which it closes its door: until kube-proxy has heard of the deletion,
nodes still send it clients, and kube-proxy gathers such news for a second (its `minSyncPeriod`)."""

RETRIES = 2
"""Failed pods that are replaced, disruptions not counted; a third failure is a pattern."""

USER = 65532
"""Nobody in particular, but not root."""

_OWN_ADDRESS: Manifest = {"name": POD_IP, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}

FOR_PODS = 0.9
"""What is left of a node's processors and memory beside its daemons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplies:
    """What all pods of a run share."""

    namespace: str
    bucket: str
    """Where they leave what they make."""
    data: str
    """`s3://bucket/prefix` of the data set."""
    paths: tuple[str, ...]
    """The files of the package `training`: `training/run.py`."""


def job(spec: RunSpec, plan: Plan, workload: Workload, supplies: Supplies) -> Manifest:
    """The Job of one workload; its pods find their index in `JOB_COMPLETION_INDEX`."""
    told = orders(spec, workload, run_id=plan.run_id, bucket=supplies.bucket, data=supplies.data)
    profile = next(demand.profile for demand in plan.demands if demand.workload == workload.name)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": workload.name,
            "namespace": supplies.namespace,
            "labels": _marked_workload(plan.run_id, workload),
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": workload.count,
            "parallelism": workload.count,
            "backoffLimit": RETRIES,
            "activeDeadlineSeconds": _deadline(spec, workload),
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": {
                "metadata": {"labels": _marked_workload(plan.run_id, workload)},
                "spec": _pod(plan, workload, told, profile=profile) | {"volumes": _volumes(supplies.paths)},
            },
        },
    }


def orders(spec: RunSpec, workload: Workload, *, run_id: str, bucket: str, data: str) -> Orders:
    """What a workload's pods are told."""
    root = f"s3://{bucket}/runs/{run_id}/workloads"
    source = workload.model_from
    model = workload.model or next(each.model for each in spec.workloads if each.name == source)
    assert model  # noqa: S101 (mig.spec.check refuses a service whose model nobody names)
    return Orders(
        run_id=run_id,
        workload=workload.name,
        kind=workload.kind,
        model=model,
        data=data,
        output=f"{root}/{workload.name}",
        model_from=source if source.startswith("s3://") or not source else f"{root}/{source}",
        batch=workload.batch,
        image_size=workload.image_size,
        epochs=workload.epochs,
        train_images=workload.train_images,
        learning_rate=workload.learning_rate,
        precision=workload.precision,
        compile=workload.compile,
        augment=workload.augment,
        label_smoothing=workload.label_smoothing,
        gradient_clip=workload.gradient_clip,
        seed=workload.seed,
        checkpoint_minutes=workload.checkpoint_minutes,
        seconds=workload.seconds,
        requests=workload.requests,
        micro_batch=workload.micro_batch,
        http=workload.http,
    )


def claim_template_name(profile: str) -> str:
    """`mig-1g.5gb`: the template from which every pod on that profile gets its claim."""
    return f"mig-{profile.replace('+', '.')}"


def marked(run_id: str, *, component: str) -> dict[str, str]:
    """The labels of everything that belongs to a run."""
    return {
        "app.kubernetes.io/name": "mig-pipeline",
        "app.kubernetes.io/instance": run_id,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "mig-pipeline",
        "app.kubernetes.io/managed-by": "mig-pipeline",
        labels.RUN: run_id,
    }


def _marked_workload(run_id: str, workload: Workload) -> dict[str, str]:
    return {**marked(run_id, component=workload.kind), labels.WORKLOAD: workload.name}


def _deadline(spec: RunSpec, workload: Workload) -> int:
    minutes = workload.timeout_minutes or spec.max_hours * 60
    return max(1, round(minutes * 60))


def _failure_rules() -> list[Manifest]:
    """A disruption is nobody's failure and is not counted; a request that is wrong stays wrong."""
    return [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [REQUEST_IS_WRONG]}},
    ]


def _pod(plan: Plan, workload: Workload, told: Orders, *, profile: str) -> Manifest:
    share = _share(plan.instance_type, profile)
    # The claim hands out the slice; processors and memory are for all containers alike, so that the pod is Guaranteed.
    resources: Manifest = {"requests": share, "limits": share}
    return {
        "restartPolicy": "Never",
        "serviceAccountName": SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "nodeSelector": {labels.RUN: plan.run_id},
        "tolerations": [{"key": labels.GPU_TAINT, "operator": "Exists", "effect": "NoSchedule"}],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resourceClaims": [{"name": "slice", "resourceClaimTemplateName": claim_template_name(profile)}],
        "initContainers": [_container(module, workload, told) | {"resources": resources} for module in PREPARING],
        "containers": [
            _container(MAIN, workload, told)
            | {"resources": {**resources, "claims": [{"name": "slice"}]}}
            | (_listening() if workload.http else {})
        ],
    }


def _listening() -> Manifest:
    """
    What a container adds that clients call.

    It is ready, and gets their calls, once it has a model to answer by; it is told to end once they have been told.
    """
    return {
        "ports": [{"name": "http", "containerPort": HTTP_PORT}],
        "readinessProbe": {
            "httpGet": {"path": HEALTH, "port": "http"},
            "periodSeconds": PROBE_SECONDS,
            "timeoutSeconds": PROBE_SECONDS,
        },
        # The kubelet's own sleep, which no image has to bring: stable since Kubernetes 1.34 (KEP-3960).
        "lifecycle": {"preStop": {"sleep": {"seconds": FORGET_SECONDS}}},
    }


def _volumes(paths: Sequence[str]) -> list[Manifest]:
    """The sources, at the paths that a ConfigMap's keys cannot spell, and three empty folders."""
    items = [{"key": path.replace("/", "."), "path": path} for path in paths]
    return [
        {"name": "code", "configMap": {"name": SOURCES, "items": items}},
        {"name": "packages", "emptyDir": {}},
        {"name": "data", "emptyDir": {}},
        {"name": "scratch", "emptyDir": {}},
    ]


def _container(module: str, workload: Workload, told: Orders) -> Manifest:
    """A container that runs `training.MODULE`; it is named after it."""
    return {
        "name": module,
        "image": workload.image or IMAGE,
        "command": ["python", "-m", f"training.{module}"],
        "workingDir": WORK,
        "env": [
            *({"name": name, "value": value} for name, value in {**told.to_env(), **_surroundings()}.items()),
            *([_OWN_ADDRESS] if workload.http else []),
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "code", "mountPath": f"{WORK}/code", "readOnly": True},
            {"name": "packages", "mountPath": f"{WORK}/{PACKAGES_FOLDER}", "readOnly": module != "packages"},
            {"name": "data", "mountPath": f"{WORK}/{DATA_FOLDER}"},
            {"name": "scratch", "mountPath": f"{WORK}/scratch"},
        ],
    }


def _surroundings() -> Mapping[str, str]:
    return {
        "PYTHONPATH": f"code:{PACKAGES_FOLDER}",
        "PYTHONDONTWRITEBYTECODE": "1",  # the code is read-only
        "PYTHONUNBUFFERED": "1",  # a line is an answer, and is waited for
        "TMPDIR": "scratch",
        "HOME": "scratch",
        "USER": "workload",  # no image knows this user, and torch asks for its name
    }


def _share(instance: InstanceType, profile: str) -> Mapping[str, str]:
    """A slice's part of its node: as much of the processors and the memory as it has of the GPUs' memory."""
    size = next(each.memory_slices for each in instance.gpu.profiles if each.name == profile)
    part = FOR_PODS * size / (instance.gpu.memory_slices * instance.gpus)
    return {"cpu": f"{int(instance.vcpus * part * 1000)}m", "memory": f"{int(instance.memory_gib * part * 1024)}Mi"}
