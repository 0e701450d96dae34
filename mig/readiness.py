"""Readiness: when a node really is cut as planned, judged from what is observed; no single label is trusted."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSeen:
    """One device of a ResourceSlice, as the DRA driver published it."""

    name: str
    type: str
    """`mig` or `gpu`."""
    uuid: str
    parent_uuid: str
    profile: str


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
    manager_crashing: bool
    """Whether MIG Manager's container on this node waits in CrashLoopBackOff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One MIG device that a pod can claim."""

    name: str
    node: str
    profile: str
    uuid: str
    parent_uuid: str


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
