"""Simulated GPU nodes on the real control plane: what Helm has recorded wakes real DaemonSet pods, and nothing else."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.objects import namespace
from mig import labels
from mig.manifest import node_config
from mig.parted import standing_config
from mig.release import ARTICLE, CURRENT, Release
from rehearsal import private
from rehearsal.api_server import ApiServer
from rehearsal.clock import Clock
from rehearsal.faults import Enrolment
from rehearsal.kubernetes.helm import OWNED, record
from rehearsal.node.fleet import Fleet, Instance
from rehearsal.nvidia.gpu_operator import GpuOperator
from rehearsal.servers import binaries
from rehearsal.servers.control_plane import ControlPlane
from tests.rehearsal.nvidia.test_installed import driver, operator

pytestmark = pytest.mark.e2e

ALL_BALANCED = {"1g.5gb": 16, "2g.10gb": 8, "3g.20gb": 8}
SECONDS = 90.0
"""What a first enabling may take here: about twelve seconds of simulated time, and a busy machine."""


WORKLOADS = "/apis/apps/v1/daemonsets"
SECRETS = "/api/v1/namespaces/{namespace}/secrets"


class Stage:
    """A control plane, what Helm records in it, and nodes."""

    def __init__(self, folder: Path, parts: ExitStack) -> None:
        plane = ControlPlane(folder, binaries.resolve(os.environ, print))
        parts.callback(plane.stop)
        plane.start()
        self.api = ApiServer(plane.kubeconfig, scratch=private.folder(folder / "keys"))
        parts.callback(self.api.close)
        clock = Clock(scale=60)
        nvidia = GpuOperator(self.api, clock)
        nvidia.start()
        parts.callback(nvidia.stop)
        serving = plane.kubelet_serving
        self.fleet = Fleet(
            kubeconfig=plane.kubeconfig,
            folder=folder / "fleet",
            clock=clock,
            serving=(serving.certificate, serving.key),
            client_ca=plane.kubelet_trust,
            environment={},
            grant=lambda *_: None,
            driver=nvidia.driver,
            stack=nvidia.stack,
        )
        parts.callback(self.fleet.stop)
        for space in (labels.OPERATOR_NAMESPACE, labels.DRA_NAMESPACE):
            self.api.create("/api/v1/namespaces", namespace(space))

    def install(self, release: Release, *, revision: int) -> None:
        """Record both charts, as the product installs them."""
        for chart in (operator(release), driver(release)):
            path = SECRETS.format(namespace=chart.namespace)
            self.api.create(path, record(replace(chart, revision=revision)))

    def boot(self, name: str, *, config: str = "all-balanced", fault: str = "") -> None:
        """Boot one p4d.24xlarge, labelled and tainted as the product's node groups are."""
        faults = ({"kind": fault},) if fault else ()
        instance = Instance(
            id=f"i-{name}",
            name=name,
            instance_type="p4d.24xlarge",
            zone="us-east-1a",
            market="on-demand",
            labels={labels.MIG_CONFIG: config},
            taints=({"key": labels.GPU_TAINT, "value": "true", "effect": "NoSchedule"},),
            run_id=name,
            enrolment=Enrolment(run_id=name, seed=1, faults=faults),
        )
        self.fleet.boot(instance)

    def labels(self, name: str) -> dict[str, str]:
        """Of a Node; none while there is no such Node."""
        found = self._items("/api/v1/nodes", fieldSelector=f"metadata.name={name}")
        return dict(found[0]["metadata"]["labels"]) if found else {}

    def state(self, name: str) -> str:
        """MIG Manager's."""
        return self.labels(name).get(labels.MIG_CONFIG_STATE, "")

    def slices(self, name: str) -> list[dict[str, Any]]:
        """Of a node."""
        return self._items("/apis/resource.k8s.io/v1/resourceslices", fieldSelector=f"spec.nodeName={name}")

    def profiles(self, name: str) -> Counter[str]:
        """What a node's slices offer; a GPU that is not cut counts as `whole`."""
        devices = [device for each in self.slices(name) for device in each["spec"].get("devices", ())]
        return Counter(d["attributes"].get("profile", {"string": "whole"})["string"] for d in devices)

    def manager(self, name: str) -> tuple[str, ...]:
        """Phase and state of MIG Manager's pod on a node; none while there is no such pod."""
        path = f"/api/v1/namespaces/{labels.OPERATOR_NAMESPACE}/pods"
        found = self._items(path, labelSelector=labels.MIG_MANAGER, fieldSelector=f"spec.nodeName={name}")
        seen = ((each["status"], each["status"].get("containerStatuses", ())) for each in found)
        return next(
            ((s["phase"], *(r["state"]["waiting"]["reason"] for r in c if "waiting" in r["state"])) for s, c in seen),
            (),
        )

    def workloads(self) -> set[str]:
        """Names of all DaemonSets."""
        return {each["metadata"]["name"] for each in self._items(WORKLOADS)}

    def restart_plugin(self, name: str, release: Release) -> None:
        """Delete the pod of a node's DRA plugin, as a readiness judge asks for."""
        self.api.delete(
            f"/api/v1/namespaces/{labels.DRA_NAMESPACE}/pods",
            None,
            labelSelector=f"{release.plugin_label}=kubelet-plugin",
            fieldSelector=f"spec.nodeName={name}",
        )

    def _items(self, path: str, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.get(path, **query)["items"]
        return found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One control plane for all tests here, and nodes, booted at once before anything of NVIDIA's is installed."""
    with ExitStack() as parts:
        stage = Stage(private.folder(tmp_path_factory.mktemp("stage") / "kubernetes"), parts)
        stage.boot("node-current")
        stage.boot("node-failed", fault="mig_failed")
        stage.boot("node-gone", config="all-disabled")
        yield stage


@pytest.fixture(scope="module")
def asleep(stage: Stage) -> tuple[dict[str, str], set[str]]:
    """A node's labels and the cluster's DaemonSets, some simulated minutes after the node is up."""
    until(lambda: bool(stage.labels("node-current")), "a node")
    time.sleep(2)
    return stage.labels("node-current"), stage.workloads()


@pytest.fixture(scope="module")
def held(stage: Stage, asleep: object) -> tuple[str, ...]:
    """How MIG Manager's pod is where its ConfigMap is not there yet; then it is."""
    assert asleep
    stage.install(CURRENT, revision=1)
    until(lambda: stage.manager("node-current") == ("Pending", "ContainerCreating"), "a MIG Manager that waits")
    before = stage.manager("node-current")
    path = f"/api/v1/namespaces/{labels.OPERATOR_NAMESPACE}/configmaps"
    stage.api.create(path, node_config(standing_config()))
    return before


def test_nothing_wakes_without_releases(asleep: tuple[dict[str, str], set[str]]) -> None:
    """A GPU node of a cluster in which Helm has recorded nothing has the labels that it came with, and no DaemonSet."""
    seen, workloads = asleep

    assert set() == workloads
    assert {labels.MIG_CONFIG} == {key for key in seen if "nvidia" in key or "feature.node" in key}


def test_mig_manager_waits_for_its_file(held: tuple[str, ...]) -> None:
    """A ConfigMap that is not there keeps its pod from starting, as a kubelet does it."""
    assert ("Pending", "ContainerCreating") == held


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for what takes seconds."""
    deadline = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


@pytest.mark.usefixtures("held")
def test_current_pair_is_right_by_itself(stage: Stage) -> None:
    """A node of the current pair ends with 32 devices: MIG Manager's pause has bounced the plugin."""
    until(lambda: stage.state("node-current") == "success", "success")
    until(lambda: stage.profiles("node-current") == ALL_BALANCED, "32 devices")
    until(lambda: stage.labels("node-current").get("nvidia.com/mig-1g.5gb.count") == "16", "GFD's labels")

    (only,) = stage.slices("node-current")
    assert only["metadata"]["name"].startswith("00-gpu.nvidia.com-node-current-")
    assert only["spec"]["pool"] == {"name": "node-current", "generation": 1, "resourceSliceCount": 1}
    assert labels.PAUSED not in stage.labels("node-current").values()


@pytest.mark.usefixtures("held")
def test_fault_failed(stage: Stage) -> None:
    """A run that asks for it sees MIG Manager fail, beside others that do not."""
    until(lambda: stage.state("node-failed") == "failed", "failed")

    assert labels.PAUSED not in stage.labels("node-failed").values()


@pytest.mark.usefixtures("held")
def test_terminated_node_leaves_nothing(stage: Stage) -> None:
    """With a machine go its Node, its slices and its pods."""
    until(lambda: stage.profiles("node-gone") == {"whole": 8}, "eight whole GPUs")
    stage.fleet.terminate("i-node-gone")

    assert stage.labels("node-gone") == {}
    assert stage.slices("node-gone") == []
    assert stage._items("/api/v1/pods", fieldSelector="spec.nodeName=node-gone") == []


@pytest.fixture(scope="module")
def article(stage: Stage) -> None:
    """The older pair in the newer one's place, and a node that boots then."""
    for name in ("node-current", "node-failed"):
        stage.fleet.terminate(f"i-{name}")
    stage.install(ARTICLE, revision=2)
    stage.boot("node-article")


@pytest.mark.usefixtures("held", "article")
def test_article_pair_needs_its_plugin_restarted(stage: Stage) -> None:
    """A node of the article's pair stays empty after `success`, until its plugin's pod is deleted."""
    until(lambda: stage.state("node-article") == "success", "success")
    until(lambda: len(stage.slices("node-article")) == 1, "a slice")
    before = stage.profiles("node-article")
    stage.restart_plugin("node-article", ARTICLE)
    until(lambda: stage.profiles("node-article") == ALL_BALANCED, "32 devices")

    assert before == {}
    assert stage.slices("node-article")[0]["metadata"]["name"].startswith("node-article-gpu.nvidia.com-")


@pytest.mark.usefixtures("held", "article")
def test_uninstalled(stage: Stage) -> None:
    """When Helm's records go, so does everything that followed from them."""
    until(lambda: len(stage.workloads()) == 6, "the DaemonSets")
    for space in (labels.OPERATOR_NAMESPACE, labels.DRA_NAMESPACE):
        stage.api.delete(SECRETS.format(namespace=space), None, labelSelector=OWNED)

    until(lambda: stage.workloads() == set(), "the end of the DaemonSets")
    until(lambda: stage.manager("node-article") == (), "the end of their pods")
