"""
Pairs of GPU Operator and DRA driver, and where they differ: one judge and one simulator serve every pair by this data.

Each fact has its source in docs/nvidia.md. What both pairs share is no field here. What a pair does
on real hardware beyond these facts is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mig import labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One supported pair of GPU Operator and DRA driver."""

    name: str
    """As the request names it: `current`, `article`."""
    operator: str
    """Version of chart gpu-operator."""
    operator_values: Mapping[str, Any] = field(default_factory=dict)
    """Values of that chart which only this one has."""
    mig_manager: str
    gfd: str
    """Versions that the operator's chart bundles."""
    dra_chart: str
    dra_version: str
    dra_repository: str
    """Where Helm finds the chart: a repository, or an OCI prefix."""
    device_classes: tuple[str, ...]
    """The DeviceClasses that the driver's chart makes."""
    extended_resource: str
    """`extendedResourceName` of class `gpu.nvidia.com`; empty: it has none."""

    plugin_daemonset: str
    """The DRA kubelet plugin's DaemonSet, in `labels.DRA_NAMESPACE`."""
    plugin_label: str
    """Key of its pods' label; the value is `kubelet-plugin`."""
    plugin_node_selector: Mapping[str, str] = field(default_factory=dict)
    """What MIG Manager's pause takes from a node, so that the plugin leaves and comes back with it."""
    plugin_tolerations: tuple[Mapping[str, str], ...] = ()
    """What its chart must be told to tolerate; none where that is the chart's own default."""
    plugin_patience_seconds: float
    """After `success` and fresh labels: how long stale slices may stay before a restart of the plugin is the cure."""

    client_label: bool
    """Whether the operator sets `gpu.deploy.client`, and MIG Manager pauses it."""
    pause_labels: tuple[str, ...]
    """What MIG Manager sets to `paused-for-mig-change` while it works."""
    client_waits: int
    """For how many kinds of paused pods it waits, five minutes each, one after the other."""
    wedge_minutes: float
    """`pending` for longer than all its waits together: it will never leave."""
    config_map: str
    """Where its geometries are by default; `{node}` is the node's name. One for each node is generated from NVML."""
    unmatched_succeeds: bool
    """Whether a shipped entry whose device filter matches no GPU ends in `success` without devices."""
    nvml_at_start: bool
    """Whether MIG Manager asks NVML when it starts, and crashes, writing no state, when that fails."""

    gfd_lag_seconds: float
    """From `success` to GFD's fresh labels, at most."""
    gfd_drops_labels: bool
    """Whether GFD's labels may vanish while it is paused; if not, the old ones stay, stale."""

    slice_pattern: str
    device_pattern: str
    stale_pattern: str
    pci_attribute: str
    """Qualified where its domain is not the driver's."""
    extra_attributes: Mapping[str, str] = field(default_factory=dict)
    """Further string attributes of every device."""
    prepares_after_reboot: bool
    """Whether claims are prepared again when the node comes back from a reboot."""

    driver_version: str = "580.126.09"
    """NVIDIA's driver on the AL2023 AMI, as NVML says it; the DRA attribute drops leading zeros."""
    cuda_version: str = "13.0"

    def slice_prefix(self, node: str) -> str:
        """The `generateName` of a node's ResourceSlice."""
        return self.slice_pattern.format(node=node)

    def device_name(self, minor: int, profile: str, *, gi_id: int, start: int, size: int) -> str:
        """What the plugin calls a MIG device: `gpu-0-mig-1g5gb-19-2`, or `gpu-0-mig-19-2-1` in the article's pair."""
        written = profile.replace(".", "").replace("+", "-")
        return self.device_pattern.format(minor=minor, profile=written, gi_id=gi_id, start=start, size=size)

    def stale_error(self, device: str) -> str:
        """What a pod is told when its claim was given a device that the plugin does not know."""
        return self.stale_pattern.format(device=device)


_PAUSED = tuple(
    f"{labels.DEPLOY}{part}" for part in ("device-plugin", "gpu-feature-discovery", "dcgm-exporter", "dcgm", "nvsm")
)

CURRENT = Release(
    name="current",
    operator="v26.7.0",
    operator_values={"clusterPolicy": {"deployCR": True}, "gpuCluster": {"deployCR": False}},
    mig_manager="v0.15.0",
    gfd="v0.20.0",
    dra_chart="dra-driver-nvidia-gpu",
    dra_version="0.4.1",
    dra_repository="oci://registry.k8s.io/dra-driver-nvidia/charts",
    device_classes=("gpu.nvidia.com", "mig.nvidia.com", "vfio.gpu.nvidia.com"),
    extended_resource="nvidia.com/gpu",
    plugin_daemonset="dra-driver-nvidia-gpu-kubelet-plugin",
    plugin_label="dra-driver-nvidia-gpu-component",
    plugin_node_selector={labels.DEPLOY_CLIENT: "true"},
    plugin_patience_seconds=180,
    client_label=True,
    pause_labels=(*_PAUSED, labels.DEPLOY_CLIENT),
    client_waits=5,
    wedge_minutes=26,
    config_map="{node}-mig-config",
    unmatched_succeeds=False,
    nvml_at_start=True,
    gfd_lag_seconds=5,
    gfd_drops_labels=False,
    slice_pattern="00-gpu.nvidia.com-{node}-",
    device_pattern="gpu-{minor}-mig-{profile}-{gi_id}-{start}",
    stale_pattern='allocatable not found for device "{device}"',
    pci_attribute="resource.kubernetes.io/pciBusID",
    extra_attributes={"addressingMode": "HMM"},
    prepares_after_reboot=True,
)

ARTICLE = Release(
    name="article",
    operator="v25.10.1",
    mig_manager="v0.13.1",
    gfd="v0.18.1",
    dra_chart="nvidia-dra-driver-gpu",
    dra_version="25.8.1",
    dra_repository="https://helm.ngc.nvidia.com/nvidia",
    device_classes=("gpu.nvidia.com", "mig.nvidia.com"),
    extended_resource="",
    plugin_daemonset="nvidia-dra-driver-gpu-kubelet-plugin",
    plugin_label="nvidia-dra-driver-gpu-component",
    plugin_tolerations=({"key": labels.GPU_TAINT, "operator": "Exists", "effect": "NoSchedule"},),
    plugin_patience_seconds=15,
    client_label=False,
    pause_labels=_PAUSED,
    client_waits=4,
    wedge_minutes=21,
    config_map="default-mig-parted-config",
    unmatched_succeeds=True,
    nvml_at_start=False,
    gfd_lag_seconds=120,
    gfd_drops_labels=True,
    slice_pattern="{node}-gpu.nvidia.com-",
    device_pattern="gpu-{minor}-mig-{gi_id}-{start}-{size}",
    stale_pattern="requested device is not allocatable: {device}",
    pci_attribute="pcieBusID",
    prepares_after_reboot=False,
)

RELEASES: Mapping[str, Release] = {release.name: release for release in (CURRENT, ARTICLE)}
