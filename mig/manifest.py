"""
Manifests: everything of one run that the API server is asked for, as dictionaries built from values.

All of it lies in the run's own namespace, except the DeviceClasses: every run needs the same, and none takes them away.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mig import labels
from mig.device_class import claim_spec, device_class
from mig.job import SERVICE_ACCOUNT, SOURCES, Supplies, claim_template_name, job, marked
from mig.plan import Plan
from mig.spec import RunSpec
from training.contract import HTTP_PORT

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """What was applied for one run."""

    namespace: str
    workloads: tuple[str, ...]
    """Each is also its Job's name."""


def namespace(run_id: str) -> str:
    """
    The namespace that a run has for itself: it has the run's name.

    Pod identity puts the namespace's name on a pod's AWS session, and the role of all pods opens the part of the bucket
    that has the same name: IAM can put a tag into a path, and cannot take a part of it.
    """
    return run_id


def build(spec: RunSpec, plan: Plan, *, bucket: str, data: str, sources: Mapping[str, str]) -> tuple[Manifest, ...]:
    """
    Everything that a run's workloads need, in the order to apply it.

    Args:
        spec: the request.
        plan: what was drawn from it.
        bucket: where pods leave what they make.
        data: `s3://bucket/prefix` of the data set.
        sources: the package `training`, text by path: `training/run.py`.
    """
    run_id = plan.run_id
    profiles = sorted({demand.profile for demand in plan.demands})
    supplies = Supplies(namespace=namespace(run_id), bucket=bucket, data=data, paths=tuple(sorted(sources)))
    return (
        _namespace(run_id),
        _service_account(run_id),
        _sources(run_id, sources),
        *(device_class(profile) for profile in profiles),
        *(_claim_template(run_id, profile) for profile in profiles),
        *(_service(run_id, workload.name) for workload in spec.workloads if workload.http),
        *(job(spec, plan, workload, supplies) for workload in spec.workloads),
    )


def node_config(config: Mapping[str, Any]) -> Manifest:
    """The ConfigMap in which MIG Manager finds our own geometries: a mig-parted file, JSON being YAML."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": labels.MIG_PARTED_CONFIG,
            "namespace": labels.OPERATOR_NAMESPACE,
            "labels": labels.OURS,
        },
        "data": {"config.yaml": json.dumps(config, indent=2)},
    }


def _namespace(run_id: str) -> Manifest:
    security = "pod-security.kubernetes.io"
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace(run_id),
            "labels": {
                **marked(run_id, component="run"),
                **{f"{security}/{mode}": "restricted" for mode in ("enforce", "audit", "warn")},
            },
        },
    }


def _service_account(run_id: str) -> Manifest:
    """What the pods are to AWS (pod identity); to Kubernetes they are nobody."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(run_id, SERVICE_ACCOUNT, component="identity"),
        "automountServiceAccountToken": False,
    }


def _sources(run_id: str, sources: Mapping[str, str]) -> Manifest:
    """The package `training`; a ConfigMap's keys have no slashes, so the pod's volume puts the paths back."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(run_id, SOURCES, component="sources"),
        "immutable": True,
        "data": {path.replace("/", "."): text for path, text in sorted(sources.items())},
    }


def _claim_template(run_id: str, profile: str) -> Manifest:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": _metadata(run_id, claim_template_name(profile), component="claim"),
        "spec": {
            "metadata": {"labels": marked(run_id, component="claim")},
            "spec": claim_spec(profile),
        },
    }


def _service(run_id: str, workload: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(run_id, workload, component="service"),
        "spec": {
            "type": "ClusterIP",
            "selector": {labels.RUN: run_id, labels.WORKLOAD: workload},
            "ports": [{"name": "http", "port": 80, "targetPort": HTTP_PORT, "protocol": "TCP"}],
        },
    }


def _metadata(run_id: str, name: str, *, component: str) -> Manifest:
    return {"name": name, "namespace": namespace(run_id), "labels": marked(run_id, component=component)}
