"""A node's NVIDIA side lives through what docs/nvidia.md says, by labels and selectors alone."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from mig import labels
from mig.gpu import GPUS
from mig.layout import Geometry, mig_parted, node_layout
from mig.parted import standing_config
from mig.release import CURRENT, RELEASES
from rehearsal.api_server import Object
from rehearsal.clock import Clock
from rehearsal.faults import Enrolment
from rehearsal.node.instance import Instance
from rehearsal.node.node_objects import NodeObjects
from rehearsal.nvidia import charts
from rehearsal.nvidia.gpu_operator import operator_labels
from rehearsal.nvidia.host import Host
from rehearsal.nvidia.installed import Installed
from rehearsal.nvidia.nvidia_stack import NvidiaStack
from tests.rehearsal.nvidia.test_installed import standing

STANDING = standing_config()
"""What stands in our ConfigMap before a run adds to it."""

SCALE = 3000.0
"""Five minutes of a wait take a tenth of a second."""

OWN = node_layout(GPUS["A100-40GB"], [Geometry.of({"4g.20gb": 1, "1g.5gb": 3})] * 8)


def instance(enrolment: Enrolment) -> Instance:
    """A machine of a run."""
    return Instance(
        id="i-0123456789abcdef0",
        name="node-a",
        instance_type="p4d.24xlarge",
        zone="us-east-1a",
        market="spot",
        labels={},
        taints=(),
        run_id=enrolment.run_id,
        enrolment=enrolment,
    )


@dataclass
class FakeCluster(NodeObjects):
    """One node with the charts' DaemonSets, their controller and the operator, all of it at once and in memory."""

    seen: dict[str, str]
    stands: Installed
    config: object = None
    offered: dict[str, int] = field(default_factory=dict)
    """By a device plugin."""
    devices: tuple[Object, ...] | None = None
    states: list[str] = field(default_factory=list)
    """Each state of MIG Manager, in order."""
    slices: list[int | None] = field(default_factory=list)
    """How many devices the slice had, in order; None: there was no slice."""
    reboots: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    there: dict[str, Object] = field(default_factory=dict)

    def boot(self, enrolment: Enrolment) -> None:
        """The node appears."""
        self.host = Host(instance(enrolment), self.reboot, objects=self, clock=Clock(SCALE))
        self.stack = NvidiaStack(self.host)
        self.templates = {
            m["metadata"]["name"]: m["spec"]["template"]
            for m in charts.manifests(self.stands)
            if m["kind"] == "DaemonSet"
        }
        self.label({})

    def reboot(self) -> None:
        """Everything on the node ends, its slices are wiped by the kubelet, and all begins again."""
        with self.lock:
            self.reboots += 1
            for pod in self.there.values():
                self.stack.stop(pod)
            self.wipe()
            for pod in self.there.values():
                self.stack.start(pod)

    def restart(self, name: str) -> None:
        """Somebody deletes a DaemonSet's pod, and its controller makes the next one."""
        with self.lock:
            self.stack.stop(self.there.pop(name))
            self._reconcile()

    def halt(self) -> None:
        """The node is gone."""
        with self.lock:
            for pod in self.there.values():
                self.stack.stop(pod)

    def uid(self) -> str:
        """Of the Node."""
        return "uid-1"

    def labels(self) -> Mapping[str, str]:
        """Of the Node, now."""
        with self.lock:
            return dict(self.seen)

    def label(self, changes: Mapping[str, str | None]) -> None:
        """Labels change, and operator and controllers react at once."""
        with self.lock:
            self.seen = {k: v for k, v in {**self.seen, **changes}.items() if v is not None}
            if labels.MIG_CONFIG_STATE in changes:
                self.states.append(self.seen[labels.MIG_CONFIG_STATE])
            self.host.see(self.seen)
            self._reconcile()
            more = operator_labels(self.seen, self.stands.operator)
            if more:
                self.label(more)

    def offer(self, resources: Mapping[str, int]) -> None:
        """Kept."""
        self.offered |= resources

    def pods(self, namespace: str, app: str) -> int:
        """Pods go at once when they are deleted."""
        assert labels.OPERATOR_NAMESPACE == namespace
        with self.lock:
            return int(app in self.there)

    def client_pods(self) -> int:
        """Those of the plugin, where it selects by the client label."""
        with self.lock:
            selectors = (self.templates[name]["spec"].get("nodeSelector", {}) for name in self.there)
            return int(any(labels.DEPLOY_CLIENT in selector for selector in selectors))

    def delete_pods(self, namespace: str, app: str) -> None:
        """Their controller makes new ones."""
        assert labels.OPERATOR_NAMESPACE == namespace
        self.restart(app)

    def publish(self, manifest: Object) -> None:
        """One slice, or its newer content."""
        with self.lock:
            self.devices = tuple(manifest["spec"]["devices"])
            self.slices.append(len(self.devices))

    def wipe(self) -> None:
        """No slice any more."""
        with self.lock:
            self.devices = None
            self.slices.append(None)

    def config_file(self, namespace: str, name: str) -> object:
        """Our own ConfigMap."""
        assert (labels.OPERATOR_NAMESPACE, labels.MIG_PARTED_CONFIG) == (namespace, name)
        return self.config

    def _reconcile(self) -> None:
        for name, template in self.templates.items():
            wanted = _selects(template, self.seen)
            if wanted and name not in self.there:
                owner = {"kind": "DaemonSet", "name": name}
                uid = f"{name}-{time.monotonic()}"
                metadata = {"namespace": "gpu-operator", "uid": uid, "ownerReferences": [owner]}
                pod = {"metadata": metadata, "spec": template["spec"]}
                self.there[name] = pod
                self.stack.start(pod)
            elif not wanted and name in self.there:
                self.stack.stop(self.there.pop(name))


def _selects(template: Mapping[str, Any], seen: Mapping[str, str]) -> bool:
    spec = template["spec"]
    if not spec.get("nodeSelector", {}).items() <= seen.items():
        return False
    if "affinity" not in spec:
        return True
    terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return any(all(seen.get(e["key"]) in e["values"] for e in term["matchExpressions"]) for term in terms)


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for something that takes milliseconds; fail after seconds."""
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def booted(
    release: str, config: str, *faults: str, own: object = None, stands: Installed | None = None, **more: str
) -> FakeCluster:
    """A node that asks for this MIG config, from its boot on, in a cluster as the product raises it or another one."""
    node = FakeCluster({labels.MIG_CONFIG: config, **more}, stands or standing(RELEASES[release]), own or STANDING)
    node.boot(Enrolment(run_id="demo", seed=1, faults=tuple({"kind": kind} for kind in faults)))
    return node


def told(**changes: Any) -> Installed:
    """The current pair, its operator told something else than the product tells it."""
    stands = standing(CURRENT)
    assert stands.operator is not None
    return replace(stands, operator=replace(stands.operator, **changes))


def quiet(node: FakeCluster, state: str) -> None:
    """Wait until MIG Manager is there, GFD has spoken after it, and the plugin runs."""
    until(lambda: node.states[-1:] == [state], f"{state} after {node.states}")
    assert node.stands.driver is not None
    plugin = node.stands.driver.release.plugin_daemonset
    until(lambda: plugin in node.there and node.stack.ready(node.there[plugin]), "a plugin that is Ready")


def profiles(node: FakeCluster) -> Counter[str]:
    """What the slice offers."""
    return Counter(d["attributes"].get("profile", {"string": "whole"})["string"] for d in node.devices or ())


ALL_BALANCED = {"1g.5gb": 16, "2g.10gb": 8, "3g.20gb": 8}


def test_first_enabling_current() -> None:
    """Paused with the plugin's own label, the slice goes, comes back after the reboot, and is right by itself."""
    node = booted("current", "all-balanced", **{labels.GPU_PRESENT: "true"})
    quiet(node, "success")
    node.halt()

    assert node.states == ["pending", "rebooting", "pending", "success"]
    assert node.reboots == 1
    assert profiles(node) == ALL_BALANCED
    assert node.slices[0] == 8
    assert node.slices[-1] == 32
    assert set(node.slices[1:-1]) == {None}


def test_first_enabling_article() -> None:
    """Nobody bounces the plugin: after the reboot it announces nothing, until somebody restarts it."""
    node = booted("article", "all-balanced")
    quiet(node, "success")
    until(lambda: node.slices[-1] == 0, "a slice of GPUs that are not cut yet")
    node.restart("nvidia-dra-driver-gpu-kubelet-plugin")
    until(lambda: node.slices[-1] == 32, "a slice of what was cut")
    node.halt()

    assert node.states == ["pending", "rebooting", "pending", "success"]
    assert profiles(node) == ALL_BALANCED


@pytest.mark.parametrize("release", RELEASES)
def test_feature_discovery_follows(release: str) -> None:
    """GFD's labels count what was cut, with a timestamp newer than the one before, some time after `success`."""
    node = booted(release, "all-balanced")
    until(lambda: labels.GFD_TIMESTAMP in node.labels(), "GFD's first labels")
    first = int(node.labels()[labels.GFD_TIMESTAMP])
    until(lambda: node.labels().get(labels.profile_label("1g.5gb", "count")) == "16", "GFD's second labels")
    node.halt()

    assert node.labels()[labels.profile_label("3g.20gb", "count")] == "8"
    assert int(node.labels()[labels.GFD_TIMESTAMP]) > first


def test_nothing_stays_paused() -> None:
    """After `success` every label that was paused is on again."""
    node = booted("current", "all-balanced")
    quiet(node, "success")
    node.halt()

    assert labels.PAUSED not in node.labels().values()
    assert node.labels()[f"{labels.DEPLOY}nvsm"] == "true"


def test_short_path() -> None:
    """What nobody asks to change is a success at once, and nothing is bounced."""
    node = booted("current", "all-disabled")
    quiet(node, "success")
    node.halt()

    assert node.states == ["success"]
    assert node.slices == [8]


def test_default_config() -> None:
    """A node that asks for nothing is told to be disabled, and says `success` to that."""
    node = booted("article", "")
    quiet(node, "success")
    node.halt()

    assert node.labels()[labels.MIG_CONFIG] == "all-disabled"


def test_another_value() -> None:
    """A value that comes later is applied by the pod that is there; with MIG on already, without a reboot."""
    node = booted("current", "all-balanced")
    quiet(node, "success")
    node.label({labels.MIG_CONFIG: "all-1g.5gb"})
    until(lambda: node.slices[-1] == 56, "the other geometry")
    node.halt()

    assert node.states[4:] == ["pending", "success"]
    assert node.reboots == 1


def test_unknown_config() -> None:
    """A config that nobody has fails, and nothing was touched."""
    node = booted("current", "all-9g.99gb")
    quiet(node, "failed")
    node.halt()

    assert node.states == ["failed"]
    assert node.reboots == 0


def test_our_own_config() -> None:
    """A geometry of our own comes from our ConfigMap, and from there alone: what it does not have is not found."""
    node = booted("current", OWN.config_name, own=mig_parted([OWN]))
    quiet(node, "success")
    until(lambda: profiles(node) == {"4g.20gb": 8, "1g.5gb": 24}, "our own geometry")
    node.label({labels.MIG_CONFIG: "all-balanced"})
    until(lambda: node.states[-1] == "failed", "the end of what is not in our file")
    node.halt()


def test_the_file_that_mig_manager_has_itself() -> None:
    """Named none by the values, it knows what it ships, and nothing of ours."""
    node = booted("current", "all-balanced", own=mig_parted([OWN]), stands=told(config_map=""))
    quiet(node, "success")
    node.label({labels.MIG_CONFIG: OWN.config_name})
    until(lambda: node.states[-1] == "failed", "the end of what it does not ship")
    node.halt()


def test_without_leave_to_reboot() -> None:
    """On an A100 behind a hypervisor the mode does not change without, so the cut fails."""
    node = booted("current", "all-balanced", stands=told(reboots=False))
    quiet(node, "failed")
    node.halt()

    assert (["pending", "failed"], 0) == (node.states, node.reboots)


def test_strategy_single() -> None:
    """The chart's default: slices of several sizes make the product INVALID, and none is counted."""
    node = booted("current", "all-balanced", stands=told(strategy="single"))
    until(lambda: node.labels().get(labels.GPU_PRODUCT, "").endswith("-MIG-INVALID"), "an invalid product")
    node.halt()

    assert "single" == node.labels()[labels.MIG_STRATEGY]
    assert labels.profile_label("1g.5gb", "count") not in node.labels()


def test_a_device_plugin_beside_the_driver() -> None:
    """Left on, it offers the same slices as resources of the node; what it leaves behind is none of them."""
    node = booted("current", "all-balanced", stands=told(parts=frozenset({"gfd", "migManager", "devicePlugin"})))
    until(lambda: node.offered.get("nvidia.com/mig-1g.5gb") == 16, "slices as resources")
    quiet(node, "success")
    node.halt()

    assert profiles(node) == ALL_BALANCED
    assert 0 == node.offered[labels.GPU_RESOURCE]


def test_a_driver_root_that_is_wrong() -> None:
    """The plugin waits for a driver that is elsewhere, and announces nothing."""
    stands = standing(CURRENT)
    assert stands.driver is not None
    node = booted("current", "all-disabled", stands=replace(stands, driver=replace(stands.driver, root="/run/nvidia")))
    until(lambda: node.states == ["success"], "success")
    node.halt()

    assert (None, []) == (node.devices, node.slices)


@pytest.mark.parametrize(
    "stands",
    [
        pytest.param(told(parts=frozenset({"gfd"})), id="MIG Manager is off"),
        pytest.param(told(parts=frozenset({"migManager"})), id="GFD is off, so nobody says that MIG is possible"),
        pytest.param(told(discovery=False), id="NFD is off, so nobody says that there is a GPU"),
        pytest.param(told(policy=False, parts=frozenset()), id="there is no ClusterPolicy"),
        pytest.param(Installed(), id="nothing is installed"),
    ],
)
def test_mig_manager_never_acts(stands: Installed) -> None:
    """The label stays as it was set, and no state answers it."""
    node = booted("current", "all-balanced", stands=stands)
    node.host.clock.sleep(600)
    node.halt()

    assert ([], "all-balanced") == (node.states, node.labels()[labels.MIG_CONFIG])


@pytest.mark.parametrize("release", RELEASES)
def test_fault_failed(release: str) -> None:
    """MIG Manager ends `failed`, after the reboot; what it had paused comes back."""
    node = booted(release, "all-balanced", "mig_failed")
    quiet(node, "failed")
    node.halt()

    assert node.states == ["pending", "rebooting", "pending", "failed"]
    assert labels.PAUSED not in node.labels().values()
    assert profiles(node) == {}


@pytest.mark.parametrize("release", RELEASES)
def test_fault_stuck(release: str) -> None:
    """MIG Manager never leaves `pending`, even after all its waits, and its labels stay paused."""
    node = booted(release, "all-balanced", "mig_stuck")
    until(lambda: node.states == ["pending"], "pending")
    node.host.clock.sleep(RELEASES[release].client_waits * 300)
    node.halt()

    assert node.states == ["pending"]
    assert list(node.labels().values()).count(labels.PAUSED) == len(RELEASES[release].pause_labels)


def test_two_boots_are_alike() -> None:
    """The same seed and node give the same devices, down to their UUIDs."""
    seen = []
    for _ in range(2):
        node = booted("current", "all-balanced")
        until(lambda node=node: node.slices[-1:] == [32], "the slice")  # type: ignore[misc]
        node.halt()
        seen.append({d["attributes"]["uuid"]["string"] for d in node.devices or ()})

    assert seen[0] == seen[1]


def test_owns_nvidias_pods_only() -> None:
    """Those of its DaemonSets, in whatever namespace; every other pod is none of its business."""
    node = booted("current", "all-disabled")
    node.halt()

    def owned(kind: str, name: str) -> bool:
        return node.stack.owns({"metadata": {"namespace": "n", "ownerReferences": [{"kind": kind, "name": name}]}})

    assert owned("DaemonSet", "nvidia-mig-manager")
    assert not owned("DaemonSet", "somebody-elses")
    assert not owned("Job", "nvidia-mig-manager")
    assert not node.stack.owns({"metadata": {"namespace": "gpu-operator"}})
