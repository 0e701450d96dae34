"""
The GPU Operator: it labels GPU nodes with what shall run there, and the DaemonSet controller does the rest.

What it writes is a function of the labels that a node has (docs/nvidia.md, section 1); the
class follows the real Node objects and writes it. What then runs on a node is `nvidia_stack`'s business.
"""

import logging
import threading
from collections.abc import Callable, Mapping

from mig import labels
from mig.gpu import INSTANCE_TYPES
from mig.release import Release
from rehearsal.api_server import ApiError, ApiServer, Object, Watch
from rehearsal.clock import Clock
from rehearsal.node.instance import InProcess, Instance, NoPrograms
from rehearsal.node.node_objects import NodeObjects
from rehearsal.nvidia import charts
from rehearsal.nvidia.host import Host
from rehearsal.nvidia.nvidia_stack import NvidiaStack

_LOG = logging.getLogger(__name__)

PARTS = (
    "driver",
    "gpu-feature-discovery",
    "container-toolkit",
    "device-plugin",
    "dcgm",
    "dcgm-exporter",
    "node-status-exporter",
    "operator-validator",
)
"""What gets its label whether or not it is enabled."""

DEFAULT_CONFIG = "all-disabled"
"""`migManager.config.default`: what a node that asks for nothing is labelled with."""


class GpuOperator:
    """NVIDIA's side of one cluster: the charts' objects, the operator's loop, and a stack for each simulated node."""

    def __init__(self, api: ApiServer, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._hosts: dict[str, Host] = {}
        self._watch = Watch(api, "/api/v1/nodes")
        self._thread = threading.Thread(
            target=self._watch.run, args=(self._listed, self._changed), name="gpu-operator", daemon=True
        )

    def start(self) -> None:
        """Install the charts, and label nodes from now on."""
        charts.install(self._api)
        self._thread.start()

    def stop(self) -> None:
        """Label nothing any more; what runs on nodes is ended by whoever runs the nodes."""
        self._watch.stop()
        self._thread.join()

    def stack(self, instance: Instance, reboot: Callable[[], None]) -> InProcess:
        """What `rehearsal.node.fleet.fleet.Fleet` makes for each node that it boots."""
        if instance.instance_type not in INSTANCE_TYPES:
            return NoPrograms()
        objects = NodeObjects(self._api, instance.name)
        host = Host(instance, reboot, objects=objects, clock=self._clock)
        self._hosts[instance.name] = host
        return NvidiaStack(host)

    def _listed(self, nodes: list[Object]) -> None:
        for node in nodes:
            self._changed("ADDED", node)

    def _changed(self, kind: str, node: Object) -> None:
        name, seen = node["metadata"]["name"], node["metadata"].get("labels", {})
        if kind == "DELETED":
            self._hosts.pop(name, None)
        elif name in self._hosts:
            self._label(self._hosts[name], seen)

    def _label(self, host: Host, seen: Mapping[str, str]) -> None:
        host.see(seen)
        changes = operator_labels(seen, host.release)
        if charts.RELEASE not in seen:
            changes[charts.RELEASE] = host.release.name
        if not changes:
            return
        try:
            host.objects.label(changes)
        except ApiError as error:  # the next event of this node, a heartbeat at the latest, is another chance
            _LOG.warning("gpu-operator: %s", error)


def operator_labels(seen: Mapping[str, str], release: Release) -> dict[str, str | None]:
    """What the operator changes on a node with these labels; None removes one. Nothing once all is as it wants."""
    wanted = _wanted(seen, release) if labels.PCI_PRESENT in seen else _unwanted(seen)
    return {key: value for key, value in wanted.items() if seen.get(key) != value}


def _wanted(seen: Mapping[str, str], release: Release) -> dict[str, str | None]:
    """A GPU node. Labels that are there, paused ones above all, stay as they are."""
    wanted: dict[str, str | None] = {labels.GPU_PRESENT: "true"}
    parts = [f"{labels.DEPLOY}{part}" for part in PARTS]
    if release.client_label:
        parts.append(labels.DEPLOY_CLIENT)
    if _mig_capable(seen):
        parts.append(charts.MIG_MANAGER_SWITCH)
        wanted[labels.MIG_CONFIG] = seen.get(labels.MIG_CONFIG) or DEFAULT_CONFIG
    return wanted | {part: seen.get(part) or "true" for part in parts}


def _unwanted(seen: Mapping[str, str]) -> dict[str, str | None]:
    """No NFD label says that this is a GPU node: what somebody else has claimed before is taken back."""
    if seen.get(labels.GPU_PRESENT) != "true":
        return {}
    return {labels.GPU_PRESENT: "false"} | {key: None for key in seen if key.startswith(labels.DEPLOY)}


def _mig_capable(seen: Mapping[str, str]) -> bool:
    """GFD's word; before it has spoken, a product's name that says it."""
    if labels.MIG_CAPABLE in seen:
        return seen[labels.MIG_CAPABLE] == "true"
    return any(name in seen.get(labels.GPU_PRODUCT, "").lower() for name in ("h100", "a100", "a30"))
