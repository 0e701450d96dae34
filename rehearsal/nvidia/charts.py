"""
What the charts of GPU Operator and DRA driver put into a cluster, as far as somebody looks at it.

Namespaces, DaemonSets and DeviceClasses, under their real names and with their real selectors.

One World serves runs of either pair at once, which no cluster does: so each pair's plugin asks for one label more than
its chart does, and the operator's DaemonSets, alike in both pairs, are there once.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from mig import labels
from mig.release import CURRENT, RELEASES, Release
from rehearsal.api_server import ApiError, ApiServer

NFD = "gpu-operator-node-feature-discovery-worker"
GFD = "gpu-feature-discovery"
MIG_MANAGER = "nvidia-mig-manager"
DCGM_EXPORTER = "nvidia-dcgm-exporter"
VALIDATOR = "nvidia-operator-validator"
MIG_MANAGER_SWITCH = f"{labels.DEPLOY}mig-manager"
"""The operator sets it where GFD says that MIG is possible."""

RELEASE = "mig-pipeline/nvidia-release"
"""The stage's own label on a simulated node: which pair runs on it."""

Manifest = dict[str, Any]

_DEVICE_CLASSES = {
    "gpu.nvidia.com": "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'gpu'",
    "mig.nvidia.com": "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'mig'",
    "vfio.gpu.nvidia.com": "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'vfio'",
}
_COLLECTIONS = {
    "Namespace": "/api/v1/namespaces",
    "DaemonSet": "/apis/apps/v1/namespaces/{namespace}/daemonsets",
    "DeviceClass": "/apis/resource.k8s.io/v1/deviceclasses",
}


def install(api: ApiServer) -> None:
    """Put both pairs into a cluster; what is there already stays."""
    for manifest in manifests():
        collection = _COLLECTIONS[manifest["kind"]].format(**manifest["metadata"])
        try:
            api.create(collection, manifest)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise


def manifests() -> Iterator[Manifest]:
    """Everything that `install` makes, in an order that works."""
    yield from (_namespace(name) for name in (labels.OPERATOR_NAMESPACE, labels.DRA_NAMESPACE))
    yield from (_device_class(name) for name in sorted({n for r in RELEASES.values() for n in r.device_classes}))
    yield _nfd()
    yield _operand(GFD, f"{labels.DEPLOY}gpu-feature-discovery", image=f"k8s-device-plugin:{CURRENT.gfd}")
    yield _operand(DCGM_EXPORTER, f"{labels.DEPLOY}dcgm-exporter", image="k8s/dcgm-exporter:4.6.0-4.8.3")
    yield _operand(VALIDATOR, f"{labels.DEPLOY}operator-validator", image=f"gpu-operator:{CURRENT.operator}")
    yield _operand(MIG_MANAGER, MIG_MANAGER_SWITCH, image=f"cloud-native/k8s-mig-manager:{CURRENT.mig_manager}")
    yield from (_plugin(release) for release in RELEASES.values())


def _nfd() -> Manifest:
    """Node Feature Discovery's worker: on every node, for it is the one that finds the GPUs."""
    its = {"app.kubernetes.io/name": "node-feature-discovery", "role": "worker"}
    return _daemon_set(labels.OPERATOR_NAMESPACE, NFD, its, {"containers": [_container("worker", "nfd:v0.19.0")]})


def _operand(name: str, switch: str, *, image: str) -> Manifest:
    """One part of the operator's; its switch is a label that MIG Manager may pause."""
    pod = {"nodeSelector": {switch: "true"}, "containers": [_container(name, image)]}
    return _daemon_set(labels.OPERATOR_NAMESPACE, name, {"app": name}, pod)


def _plugin(release: Release) -> Manifest:
    """The DRA kubelet plugin: where there is a GPU, by the chart's own affinity, and where the release says beyond."""
    ours = {"key": RELEASE, "operator": "In", "values": [release.name]}
    terms = [
        {"matchExpressions": [{"key": key, "operator": "In", "values": ["true"]}, ours]}
        for key in (labels.PCI_PRESENT, labels.GPU_PRESENT)
    ]
    pod = {
        "nodeSelector": dict(release.plugin_node_selector),
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}},
        "containers": [_container("gpus", f"{release.dra_chart}:{release.dra_version}")],
    }
    its = {release.plugin_label: "kubelet-plugin"}
    return _daemon_set(labels.DRA_NAMESPACE, release.plugin_daemonset, its, pod)


def _daemon_set(namespace: str, name: str, its: Mapping[str, str], pod: Mapping[str, Any]) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(its)},
        "spec": {
            "selector": {"matchLabels": dict(its)},
            "template": {
                "metadata": {"labels": dict(its)},
                "spec": {
                    "priorityClassName": "system-node-critical",
                    "automountServiceAccountToken": False,
                    "tolerations": [{"key": labels.GPU_TAINT, "operator": "Exists", "effect": "NoSchedule"}],
                    **pod,
                },
            },
        },
    }


def _container(name: str, image: str) -> Manifest:
    return {"name": name, "image": f"nvcr.io/nvidia/{image}"}


def _namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _device_class(name: str) -> Manifest:
    spec: Manifest = {"selectors": [{"cel": {"expression": _DEVICE_CLASSES[name]}}]}
    if name == labels.DRIVER and CURRENT.extended_resource:
        spec["extendedResourceName"] = CURRENT.extended_resource
    return {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": name}, "spec": spec}
