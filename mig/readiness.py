"""Readiness: what is observed of GPU nodes, what they shall become, and what they offer once cut as planned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mig import labels
from mig.layout import NodeLayout


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSeen:
    """One device of a ResourceSlice, as the DRA driver published it."""

    name: str
    type: str
    """`mig` or `gpu`."""
    uuid: str
    parent_uuid: str
    profile: str
    memory_slices: tuple[int, ...] = ()
    """Which memory slices of its GPU it covers, by its capacities `memorySlice<i>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSeen:
    """One GPU node as the API server knows it at one moment."""

    name: str
    ready: bool
    boot_id: str
    labels: Mapping[str, str]
    devices: tuple[DeviceSeen, ...]
    """Of all ResourceSlices of driver `gpu.nvidia.com` whose pool is this node."""
    slice_uids: tuple[str, ...]
    plugin_ready: bool
    """Whether the DRA kubelet plugin's pod on this node is Ready."""
    plugin_pod: str
    """Its name; empty: there is none."""
    manager_phase: str
    """Of MIG Manager's pod on this node: `Running`, `Pending`, ...; empty: there is none."""
    manager_crashing: bool
    """Whether MIG Manager's container on this node waits in CrashLoopBackOff."""
    offered: tuple[str, ...]
    """The resources that a device plugin offers on this node, beside what the DRA driver announces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One MIG device that a pod can claim."""

    name: str
    node: str
    profile: str
    uuid: str
    parent_uuid: str
    memory_slices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyNode:
    """One node that is cut as planned."""

    name: str
    instance_type: str
    capacity: str
    """The market it came from: `spot`, `on-demand`, `reservation`."""
    zone: str
    config_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadySlices:
    """All nodes of a run, cut as planned, with every device they offer."""

    nodes: tuple[ReadyNode, ...]
    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one node shall become."""

    node: str
    layout: NodeLayout


def assign(nodes: Iterable[NodeSeen], layouts: Iterable[NodeLayout]) -> tuple[Wanted, ...]:
    """Which node becomes what: a node that already carries a planned label keeps it, the others follow by name."""
    free, left, wanted = sorted(nodes, key=lambda node: node.name), list(layouts), []
    for node in tuple(free):
        kept = next((a for a in left if a.config_name == node.labels.get(labels.MIG_CONFIG)), None)
        if kept:
            left.remove(kept)
            free.remove(node)
            wanted.append(Wanted(node=node.name, layout=kept))
    wanted += [Wanted(node=node.name, layout=layout) for node, layout in zip(free, left, strict=True)]
    return tuple(wanted)
