"""Kubernetes manifests, as the rest of the project builds them, and charts, declared to Pulumi."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mig import labels

if TYPE_CHECKING:
    import pulumi

HELM_SECONDS = 600
"""For everything of a chart to be ready: a node may have to pull its images first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A release of a chart."""

    name: str
    namespace: str
    chart: str
    version: str
    repository: str
    """Where Helm finds the chart: a repository, or an OCI prefix."""
    values: Mapping[str, Any]


def namespace(name: str) -> dict[str, Any]:
    """A namespace of the platform's."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels.OURS}}


def declare(manifest: Mapping[str, Any], opts: "pulumi.ResourceOptions") -> "pulumi.Resource":
    """An object, under its own name."""
    import pulumi_kubernetes as kubernetes

    kinds = {
        "ConfigMap": kubernetes.core.v1.ConfigMap,
        "DeviceClass": kubernetes.resource.v1.DeviceClass,
        "Namespace": kubernetes.core.v1.Namespace,
        "ResourceClaimTemplate": kubernetes.resource.v1.ResourceClaimTemplate,
        "ResourceQuota": kubernetes.core.v1.ResourceQuota,
        "Secret": kubernetes.core.v1.Secret,
        "ValidatingAdmissionPolicy": kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy,
        "ValidatingAdmissionPolicyBinding": kubernetes.admissionregistration.v1.ValidatingAdmissionPolicyBinding,
    }
    metadata = manifest["metadata"]
    content = {_ARGUMENTS[key]: value for key, value in manifest.items() if key in _ARGUMENTS}
    place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    made: pulumi.Resource = kinds[manifest["kind"]](f"{place}{metadata['name']}", opts=opts, **content)
    return made


def install(chart: Chart, opts: "pulumi.ResourceOptions") -> "pulumi.Resource":
    """A chart, installed as a release, and waited for until everything of it is ready."""
    import pulumi_kubernetes as kubernetes

    is_oci = chart.repository.startswith("oci://")
    made: pulumi.Resource = kubernetes.helm.v3.Release(
        chart.name,
        name=chart.name,
        namespace=chart.namespace,
        chart=f"{chart.repository}/{chart.chart}" if is_oci else chart.chart,
        repository_opts=None if is_oci else {"repo": chart.repository},
        version=chart.version,
        values=dict(chart.values),
        timeout=HELM_SECONDS,
        opts=opts,
    )
    return made


_ARGUMENTS = {"metadata": "metadata", "spec": "spec", "data": "data", "stringData": "string_data", "type": "type"}
"""How the SDK calls the parts of a manifest."""
