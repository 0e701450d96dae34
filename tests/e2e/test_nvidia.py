"""Simulated GPU nodes on the real control plane: real DaemonSet pods, paused and brought back by real selectors."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mig import labels
from mig.release import RELEASES
from rehearsal import private
from rehearsal.api_server import ApiServer
from rehearsal.clock import Clock
from rehearsal.faults import Enrolment
from rehearsal.node.fleet import Fleet, Instance
from rehearsal.nvidia.gpu_operator import GpuOperator
from rehearsal.servers import binaries
from rehearsal.servers.control_plane import ControlPlane

pytestmark = pytest.mark.e2e

ALL_BALANCED = {"1g.5gb": 16, "2g.10gb": 8, "3g.20gb": 8}
SECONDS = 90.0
"""What a first enabling may take here: about twelve seconds of simulated time, and a busy machine."""


class Stage:
    """A control plane, NVIDIA's charts in it, and nodes."""

    def __init__(self, folder: Path, parts: ExitStack) -> None:
        plane = ControlPlane(folder, binaries.resolve(os.environ, print))
        parts.callback(plane.stop)
        plane.start()
        self.api = ApiServer(plane.kubeconfig, scratch=private.folder(folder / "keys"))
        parts.callback(self.api.close)
        clock = Clock(scale=60)
        operator = GpuOperator(self.api, clock)
        operator.start()
        parts.callback(operator.stop)
        serving = plane.kubelet_serving
        self.fleet = Fleet(
            kubeconfig=plane.kubeconfig,
            folder=folder / "fleet",
            clock=clock,
            serving=(serving.certificate, serving.key),
            client_ca=plane.kubelet_trust,
            environment={},
            grant=lambda *_: None,
            stack=operator.stack,
        )
        parts.callback(self.fleet.stop)

    def boot(self, name: str, *, release: str, config: str = "all-balanced", fault: str = "") -> None:
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
            enrolment=Enrolment(run_id=name, seed=1, faults=faults, release=release),
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

    def restart_plugin(self, name: str, release: str) -> None:
        """Delete the pod of a node's DRA plugin, as a readiness judge asks for."""
        self.api.delete(
            f"/api/v1/namespaces/{labels.DRA_NAMESPACE}/pods",
            None,
            labelSelector=f"{RELEASES[release].plugin_label}=kubelet-plugin",
            fieldSelector=f"spec.nodeName={name}",
        )

    def _items(self, path: str, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.get(path, **query)["items"]
        return found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One control plane for all tests here, and a node for each, booted at once: runs of both pairs share a World."""
    with ExitStack() as parts:
        stage = Stage(private.folder(tmp_path_factory.mktemp("stage") / "kubernetes"), parts)
        stage.boot("node-current", release="current")
        stage.boot("node-article", release="article")
        stage.boot("node-failed", release="current", fault="mig_failed")
        stage.boot("node-gone", release="current", config="all-disabled")
        yield stage


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for what takes seconds."""
    deadline = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def test_current_pair_is_right_by_itself(stage: Stage) -> None:
    """A node of the current pair ends with 32 devices: MIG Manager's pause has bounced the plugin."""
    until(lambda: stage.state("node-current") == "success", "success")
    until(lambda: stage.profiles("node-current") == ALL_BALANCED, "32 devices")
    until(lambda: stage.labels("node-current").get("nvidia.com/mig-1g.5gb.count") == "16", "GFD's labels")

    (only,) = stage.slices("node-current")
    assert only["metadata"]["name"].startswith("00-gpu.nvidia.com-node-current-")
    assert only["spec"]["pool"] == {"name": "node-current", "generation": 1, "resourceSliceCount": 1}
    assert labels.PAUSED not in stage.labels("node-current").values()


def test_article_pair_needs_its_plugin_restarted(stage: Stage) -> None:
    """A node of the article's pair stays empty after `success`, until its plugin's pod is deleted."""
    until(lambda: stage.state("node-article") == "success", "success")
    until(lambda: len(stage.slices("node-article")) == 1, "a slice")
    before = stage.profiles("node-article")
    stage.restart_plugin("node-article", "article")
    until(lambda: stage.profiles("node-article") == ALL_BALANCED, "32 devices")

    assert before == {}
    assert stage.slices("node-article")[0]["metadata"]["name"].startswith("node-article-gpu.nvidia.com-")


def test_fault_failed(stage: Stage) -> None:
    """A run that asks for it sees MIG Manager fail, beside others that do not."""
    until(lambda: stage.state("node-failed") == "failed", "failed")

    assert labels.PAUSED not in stage.labels("node-failed").values()


def test_terminated_node_leaves_nothing(stage: Stage) -> None:
    """With a machine go its Node, its slices and its pods."""
    until(lambda: stage.profiles("node-gone") == {"whole": 8}, "eight whole GPUs")
    stage.fleet.terminate("i-node-gone")

    assert stage.labels("node-gone") == {}
    assert stage.slices("node-gone") == []
    assert stage._items("/api/v1/pods", fieldSelector="spec.nodeName=node-gone") == []
