"""
NVIDIA's side of a cluster follows the releases that Helm has recorded there: nothing wakes without them.

What they come to is `installed`'s judgement; the objects that follow from it are `charts`'. The operator among them
labels GPU nodes with what shall run there, by the labels that a node has (docs/nvidia.md, section 1), and the DaemonSet
controller does the rest. The API server is asked for nothing again and again: releases and nodes are two watches. What
then runs on a node is `nvidia_stack`'s business.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus

from mig import labels
from mig.gpu import INSTANCE_TYPES
from mig.release import Release
from rehearsal.api_server import ApiError, ApiServer, Object, Watch
from rehearsal.clock import Clock
from rehearsal.kubernetes import helm
from rehearsal.node.instance import InProcess, Instance
from rehearsal.node.node_objects import NodeObjects
from rehearsal.nvidia import charts
from rehearsal.nvidia.host import Host
from rehearsal.nvidia.installed import MIG_MANAGER, Installed, Operator, installed
from rehearsal.nvidia.nvidia_stack import NoGpus, NvidiaStack

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

_FOR_GOOD = {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}
"""Answers to what no further try will make: an object that cannot be, or whose namespace goes."""

_ONLY_DEFAULT = "all-disabled"
"""`migManager.config.default`: any other is ignored."""


class GpuOperator:
    """NVIDIA's side of one cluster: the charts' objects, the operator's loop, and a stack for each simulated node."""

    def __init__(self, api: ApiServer, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._hosts: dict[str, Host] = {}
        self._stands = Installed()
        self._records: dict[str, Object] = {}
        """Helm's, by UID."""
        self._releases = Watch(api, "/api/v1/secrets", labelSelector=helm.OWNED)
        self._nodes = Watch(api, "/api/v1/nodes")
        self._threads = (
            threading.Thread(target=self._releases.run, args=(self._recorded, self._recording), daemon=True),
            threading.Thread(target=self._nodes.run, args=(self._listed, self._changed), daemon=True),
        )

    def start(self) -> None:
        """Follow what Helm records, and label nodes, from now on."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Label nothing any more; what runs on nodes is ended by whoever runs the nodes."""
        for watch, thread in zip((self._releases, self._nodes), self._threads, strict=True):
            watch.stop()
            thread.join()

    def stack(self, instance: Instance, reboot: Callable[[], None]) -> InProcess:
        """What `rehearsal.node.fleet.fleet.Fleet` makes for each node that it boots."""
        if instance.instance_type not in INSTANCE_TYPES:
            return NoGpus()
        objects = NodeObjects(self._api, instance.name)
        host = Host(instance, reboot, objects=objects, clock=self._clock)
        self._hosts[instance.name] = host
        return NvidiaStack(host)

    def driver(self) -> Release | None:
        """The DRA driver that stands, in whose words a kubelet says what it could not prepare."""
        return self._stands.driver.release if self._stands.driver else None

    def _recorded(self, secrets: list[Object]) -> None:
        self._records = {secret["metadata"]["uid"]: secret for secret in secrets}
        self._bring()

    def _recording(self, kind: str, secret: Object) -> None:
        self._records.pop(secret["metadata"]["uid"], None)
        if kind != "DELETED":
            self._records[secret["metadata"]["uid"]] = secret
        self._bring()

    def _bring(self) -> None:
        """The cluster holds what stands now; nodes that are there already are looked at anew."""
        now = installed(map(helm.release_of, self._records.values()))
        if now == self._stands:
            return
        try:
            charts.bring(self._api, self._stands, now)
        except ApiError as error:
            if error.status not in _FOR_GOOD:  # else the watch comes by again
                raise
            _LOG.warning("what was installed cannot all be made: %s", error)
        self._stands = now
        for host in list(self._hosts.values()):
            with suppress(ApiError):  # it boots still
                self._label(host, host.objects.labels())

    def _listed(self, nodes: list[Object]) -> None:
        for node in nodes:
            self._changed("ADDED", node)

    def _changed(self, kind: str, node: Object) -> None:
        name, seen = node["metadata"]["name"], node["metadata"].get("labels", {})
        if kind == "DELETED":
            self._hosts.pop(name, None)
        elif name in self._hosts:
            self._hosts[name].see(seen)
            self._label(self._hosts[name], seen)

    def _label(self, host: Host, seen: Mapping[str, str]) -> None:
        changes = operator_labels(seen, self._stands.operator)
        if not changes:
            return
        try:
            host.objects.label(changes)
        except ApiError as error:  # the next event of this node, a heartbeat at the latest, is another chance
            _LOG.warning("gpu-operator: %s", error)


def operator_labels(seen: Mapping[str, str], operator: Operator | None) -> dict[str, str | None]:
    """What the operator changes on a node with these labels; None removes one. Nothing once all is as it wants."""
    if operator is None or not operator.policy:
        return {}
    wanted = _wanted(seen, operator) if labels.PCI_PRESENT in seen else _unwanted(seen)
    return {key: value for key, value in wanted.items() if seen.get(key) != value}


def _wanted(seen: Mapping[str, str], operator: Operator) -> dict[str, str | None]:
    """A GPU node. Labels that are there, paused ones above all, stay as they are."""
    wanted: dict[str, str | None] = {labels.GPU_PRESENT: "true"}
    parts = [f"{labels.DEPLOY}{part}" for part in PARTS]
    if operator.release.client_label:
        parts.append(labels.DEPLOY_CLIENT)
    if _mig_capable(seen):
        parts.append(charts.MIG_MANAGER_SWITCH)
        if MIG_MANAGER in operator.parts and operator.default_config == _ONLY_DEFAULT:
            wanted[labels.MIG_CONFIG] = seen.get(labels.MIG_CONFIG) or _ONLY_DEFAULT
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
