"""A simulated node's objects as its kubelet registers them: the Node, its status, its Lease. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from mig import labels
from mig.gpu import INSTANCE_TYPES
from rehearsal.api_server import Object, micro_timestamp, timestamp
from rehearsal.node.instance import Instance
from rehearsal.ports import LOOPBACK

KUBERNETES = "v1.35.4"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"

_MOST_PODS = 110
"""The kubelet's own default; AWS's limit by network interfaces is higher on these machines."""

_WITHOUT_GPUS: Mapping[str, tuple[int, int]] = {"m6i.large": (2, 8)}
"""Processors and GiB of the types that system nodes are of."""

_LEASE_SECONDS = 40
_EVICTION_MIB = 100
_PRESSURES = {
    "MemoryPressure": ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """One boot of a machine: what changes from one to the next."""

    id: str
    at: float
    """When its kubelet came up, in Unix seconds."""
    kubelet_port: int


def boot(at: float, kubelet_port: int) -> Boot:
    """A boot with an identity of its own."""
    return Boot(id=str(uuid.uuid4()), at=at, kubelet_port=kubelet_port)


def node(instance: Instance, latest: Boot) -> Object:
    """The Node that a kubelet registers."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": instance.name, "labels": _labels(instance)},
        "spec": {"providerID": f"aws:///{instance.zone}/{instance.id}", "taints": list(instance.taints)},
        "status": up(instance, latest, latest.at),
    }


def up(instance: Instance, latest: Boot, now: float) -> Object:
    """The status of a node whose kubelet is well."""
    capacity = _capacity(instance.instance_type)
    pressures = [
        _condition(kind, "False", reason=reason, message=message, since=latest.at, now=now)
        for kind, (reason, message) in _PRESSURES.items()
    ]
    message = "kubelet is posting ready status"
    ready = _condition("Ready", "True", reason="KubeletReady", message=message, since=latest.at, now=now)
    return {
        "capacity": capacity,
        "allocatable": _allocatable(instance.instance_type),
        "conditions": [*pressures, ready],
        "addresses": [{"type": "InternalIP", "address": LOOPBACK}, {"type": "Hostname", "address": instance.name}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": latest.kubelet_port}},
        "nodeInfo": {
            "machineID": uuid.uuid5(uuid.NAMESPACE_DNS, instance.id).hex,
            "systemUUID": str(uuid.uuid5(uuid.NAMESPACE_DNS, instance.id)),
            "bootID": latest.id,
            "kernelVersion": "6.12 (simulated)",
            "osImage": "Amazon Linux 2023 (simulated)",
            "containerRuntimeVersion": "process://1.0 (simulated)",
            "kubeletVersion": KUBERNETES,
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": "amd64",
        },
    }


def silent(now: float) -> Object:
    """The status of a node of whose kubelet nothing is heard, as the node controller writes it."""
    message = "Kubelet stopped posting node status."
    kinds = [*_PRESSURES, "Ready"]
    return {
        "conditions": [
            _condition(kind, "Unknown", reason="NodeStatusUnknown", message=message, since=now, now=now)
            for kind in kinds
        ]
    }


def lease(registered: Object, now: float) -> Object:
    """What a kubelet renews to say that it lives; it goes with its Node."""
    metadata = registered["metadata"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": metadata["name"], "namespace": "kube-node-lease", "ownerReferences": [owner]},
        "spec": {
            "holderIdentity": metadata["name"],
            "leaseDurationSeconds": _LEASE_SECONDS,
            "renewTime": micro_timestamp(now),
        },
    }


def renewed(now: float) -> Object:
    """What changes in a Lease with each sign of life."""
    return {"spec": {"renewTime": micro_timestamp(now)}}


def _labels(instance: Instance) -> Mapping[str, str]:
    return {
        labels.HOSTNAME: instance.name,
        labels.INSTANCE_TYPE: instance.instance_type,
        labels.ZONE: instance.zone,
        "topology.kubernetes.io/region": instance.zone.rstrip("abcdefghijklmnopqrstuvwxyz"),
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        **instance.labels,
    }


def _size(instance_type: str) -> tuple[int, int]:
    """Processors and GiB."""
    machine = INSTANCE_TYPES.get(instance_type)
    return (machine.vcpus, machine.memory_gib) if machine else _WITHOUT_GPUS[instance_type]


def _capacity(instance_type: str) -> Mapping[str, str]:
    vcpus, gib = _size(instance_type)
    return {
        "cpu": str(vcpus),
        "memory": f"{gib}Gi",
        "pods": str(_MOST_PODS),
        "ephemeral-storage": "100Gi",
    }


def _allocatable(instance_type: str) -> Mapping[str, str]:
    """What is left for pods after what EKS's AMI reserves for the kubelet, by its formula."""
    vcpus, gib = _size(instance_type)
    first, second, next_two = 60, 10, 5 * max(0, min(vcpus, 4) - 2)
    reserved = first + second + next_two + max(0, vcpus - 4) * 5 // 2
    memory = gib * 1024 - (11 * _MOST_PODS + 255) - _EVICTION_MIB
    return {
        **_capacity(instance_type),
        "cpu": f"{vcpus * 1000 - reserved}m",
        "memory": f"{memory}Mi",
    }


def _condition(kind: str, status: str, *, reason: str, message: str, since: float, now: float) -> Object:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": timestamp(since),
        "lastHeartbeatTime": timestamp(now),
    }
