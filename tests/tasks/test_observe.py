"""Promises of looking: what the API server says of nodes, Jobs, pods and claims, turned into values."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from types import SimpleNamespace
from typing import Any

import pytest

from mig import labels
from mig.readiness import DeviceSeen
from mig.release import ARTICLE, CURRENT
from tasks import observe
from tasks.connect import Site

NODES = "/api/v1/nodes"
PLUGINS = f"/api/v1/namespaces/{labels.DRA_NAMESPACE}/pods"
MANAGERS = f"/api/v1/namespaces/{labels.OPERATOR_NAMESPACE}/pods"
JOBS = "/apis/batch/v1/namespaces/mig-r1/jobs"
PODS = "/api/v1/namespaces/mig-r1/pods"
CLAIMS = "/apis/resource.k8s.io/v1/namespaces/mig-r1/resourceclaims"
READY: dict[str, Any] = {"conditions": [{"type": "Ready", "status": "True"}]}

Object = dict[str, Any]


class Cluster:
    """An API server that holds lists, selects among them by label and driver, and remembers what it was asked."""

    def __init__(self, **texts: str) -> None:
        self.lists: dict[str, list[Object]] = {}
        self.asked: list[str] = []
        self.containers: list[str] = []
        """Whose logs were asked for."""
        self._texts = texts

    def param_serialize(self, method: str, path: str, **details: Any) -> tuple[str, str, dict[str, str]]:
        """As the official client does: what `call_api` will be given."""
        return method, path, dict(details["query_params"])

    def call_api(self, _: str, path: str, query: Mapping[str, str], **__: Any) -> SimpleNamespace:
        """The list, or a pod's log."""
        self.asked.append(path)
        if path.endswith("/log"):
            self.containers.append(query["container"])
            text = self._texts.get(path.split("/")[-2])
            return answer(404, '{"message": "not found"}') if text is None else answer(200, text)
        found = [each for each in self.lists.get(path, ()) if selected(each, query)]
        return answer(200, json.dumps({"items": found}))


def answer(status: int, text: str) -> SimpleNamespace:
    """One HTTP answer."""
    return SimpleNamespace(status=status, read=text.encode)


def selected(thing: Object, query: Mapping[str, str]) -> bool:
    """Whether a selector, if there is one, takes it."""
    key, _, value = query.get("labelSelector", "").partition("=")
    driver = query.get("fieldSelector", "").removeprefix("spec.driver=")
    return (not key or thing["metadata"].get("labels", {}).get(key) == value) and (
        not driver or thing["spec"]["driver"] == driver
    )


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """What is looked at, while time stands still."""
    made = Cluster(talking="one\ntwo\n")
    monkeypatch.setattr(observe, "kubernetes", lambda _: made)
    monkeypatch.setattr(observe, "time", SimpleNamespace(monotonic=lambda: 7.0))
    return made


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A place of each test's own: one look at it is kept for a moment."""
    return Site(
        target="rehearsal",
        address=str(tmp_path / "world.json"),
        region="us-east-1",
        bucket="b",
        cluster="mig",
        time_scale=60,
        simulated=(),
    )


def node(name: str = "n1", run: str = "r1", **status: Any) -> Object:
    """A node of a run."""
    return {"metadata": {"name": name, "labels": {labels.RUN: run}}, "status": status}


def published(pool: str, *devices: Object, driver: str = labels.DRIVER, uid: str = "u1") -> Object:
    """A ResourceSlice."""
    return {
        "metadata": {"name": f"{pool}-{uid}", "uid": uid},
        "spec": {"driver": driver, "pool": {"name": pool}, "devices": list(devices)},
    }


def mig_device(name: str) -> Object:
    """A device, as the DRA driver publishes it."""
    return {
        "name": name,
        "attributes": {
            "type": {"string": "mig"},
            "uuid": {"string": "MIG-1"},
            "parentUUID": {"string": "GPU-1"},
            "profile": {"string": "2g.10gb"},
            "driverVersion": {"version": "580.126.9"},
            "parentIndex": {"int": 0},
        },
        "capacity": {"memory": {"value": "9856Mi"}, "memorySlice3": {"value": "1"}, "memorySlice2": {"value": "1"}},
    }


def system_pod(name: str, labelled: Mapping[str, str], **status: Any) -> Object:
    """A pod of NVIDIA's side on node n1."""
    return {"metadata": {"name": name, "labels": dict(labelled)}, "spec": {"nodeName": "n1"}, "status": status}


def plugin(name: str, **status: Any) -> Object:
    """A DRA kubelet plugin of the current release."""
    return system_pod(name, {CURRENT.plugin_label: "kubelet-plugin"}, **status)


def job(name: str = "large", completions: int = 1, **status: Any) -> Object:
    """A Job of the run."""
    return {"metadata": {"name": name}, "spec": {"completions": completions}, "status": status}


def pod(name: str = "large-0", workload: str = "large", index: int = 0, **status: Any) -> Object:
    """A pod of the run."""
    return {
        "metadata": {
            "name": name,
            "labels": {labels.WORKLOAD: workload},
            "annotations": {"batch.kubernetes.io/job-completion-index": str(index)},
        },
        "spec": {"nodeName": "n1"},
        "status": status,
    }


def held(name: str, **state: Any) -> Object:
    """The status of a container."""
    return {"name": name, "state": state}


def claim(name: str, *devices: str) -> Object:
    """A claim with what it was given."""
    allocation = {"devices": {"results": [{"device": device} for device in devices]}}
    return {"metadata": {"name": name}, "status": {"allocation": allocation} if devices else {}}


def test_only_the_runs_own_nodes_are_seen(cluster: Cluster, site: Site) -> None:
    """Nodes of another run are not looked at; one's own come in the order of their names."""
    cluster.lists[NODES] = [node("n2"), node("n9", run="r2"), node("n1")]

    assert ["n1", "n2"] == [seen.name for seen in observe.nodes(site, "r1", CURRENT)]


def test_a_node_is_what_its_status_says(cluster: Cluster, site: Site) -> None:
    """Readiness and the boot's id come from the status, a node that has said nothing is not ready."""
    cluster.lists[NODES] = [node("n1", **READY, nodeInfo={"bootID": "b1"}), node("n2")]

    assert [(True, "b1"), (False, "")] == [(n.ready, n.boot_id) for n in observe.nodes(site, "r1", CURRENT)]


def test_a_device_is_told_by_its_attributes(cluster: Cluster, site: Site) -> None:
    """Attributes are read whatever their type, and memory slices from the capacities that name them, in order."""
    cluster.lists[NODES] = [node()]
    cluster.lists[observe.SLICES] = [published("n1", mig_device("gpu-0-mig-2g10gb-14-2"))]

    (seen,) = observe.nodes(site, "r1", CURRENT)

    expected = DeviceSeen(
        name="gpu-0-mig-2g10gb-14-2",
        type="mig",
        uuid="MIG-1",
        parent_uuid="GPU-1",
        profile="2g.10gb",
        memory_slices=(2, 3),
    )
    assert (expected,) == seen.devices


def test_a_device_without_attributes_is_seen_all_the_same(cluster: Cluster, site: Site) -> None:
    """A driver that says nothing of a device leaves its fields empty."""
    cluster.lists[NODES] = [node()]
    cluster.lists[observe.SLICES] = [published("n1", {"name": "gpu-0"})]

    (seen,) = observe.nodes(site, "r1", CURRENT)

    assert (DeviceSeen(name="gpu-0", type="", uuid="", parent_uuid="", profile=""),) == seen.devices


def test_slices_are_those_of_the_node_and_the_driver(cluster: Cluster, site: Site) -> None:
    """All slices of the node's pool count together; other nodes' and other drivers' do not."""
    cluster.lists[NODES] = [node()]
    cluster.lists[observe.SLICES] = [
        published("n1", {"name": "a"}, uid="u1"),
        published("n1", {"name": "b"}, uid="u2"),
        published("n2", {"name": "c"}, uid="u3"),
        published("n1", {"name": "d"}, uid="u4", driver="other.example.com"),
    ]

    (seen,) = observe.nodes(site, "r1", CURRENT)

    assert (("u1", "u2"), ["a", "b"]) == (seen.slice_uids, [device.name for device in seen.devices])


LEAVING = {"metadata": {"name": "old", "labels": {CURRENT.plugin_label: "kubelet-plugin"}, "deletionTimestamp": "now"}}


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([], ("", False), id="there is none"),
        pytest.param([plugin("p", **READY)], ("p", True), id="it is ready"),
        pytest.param([plugin("p")], ("p", False), id="it has just been made"),
        pytest.param([{**plugin("old", **READY), **LEAVING}], ("", False), id="one that is leaving is none"),
        pytest.param([{**plugin("old", **READY), **LEAVING}, plugin("new")], ("new", False), id="its successor counts"),
        pytest.param([system_pod("c", {CURRENT.plugin_label: "controller"}, **READY)], ("", False), id="not a plugin"),
    ],
)
def test_the_plugins_pod(cluster: Cluster, site: Site, pods: list[Object], expected: tuple[str, bool]) -> None:
    """The DRA plugin of a node is its living pod, by name, and whether it is ready."""
    cluster.lists |= {NODES: [node()], PLUGINS: pods}

    (seen,) = observe.nodes(site, "r1", CURRENT)

    assert expected == (seen.plugin_pod, seen.plugin_ready)


def test_the_plugin_is_found_by_its_releases_label(cluster: Cluster, site: Site) -> None:
    """Each release labels its plugin in its own way."""
    cluster.lists |= {NODES: [node()], PLUGINS: [system_pod("p", {ARTICLE.plugin_label: "kubelet-plugin"}, **READY)]}

    (current,), (article,) = observe.nodes(site, "r1", CURRENT), observe.nodes(site, "r1", ARTICLE)

    assert ("", "p") == (current.plugin_pod, article.plugin_pod)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param({"running": {}}, False, id="it runs"),
        pytest.param({"waiting": {"reason": "ContainerCreating"}}, False, id="it is being made"),
        pytest.param({"waiting": {"reason": "CrashLoopBackOff"}}, True, id="it crashes again and again"),
    ],
)
def test_a_crashing_mig_manager(cluster: Cluster, site: Site, state: Object, expected: bool) -> None:  # noqa: FBT001
    """MIG Manager crashes when its container waits for its next start, and only then."""
    key, _, value = labels.MIG_MANAGER.partition("=")
    cluster.lists |= {
        NODES: [node()],
        MANAGERS: [system_pod("m", {key: value}, containerStatuses=[held("mig-manager", **state)])],
    }

    (seen,) = observe.nodes(site, "r1", CURRENT)

    assert expected == seen.manager_crashing


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([], "", id="there is none"),
        pytest.param([{}], "Pending", id="it has just been made"),
        pytest.param([{"phase": "Running"}], "Running", id="it runs"),
    ],
)
def test_mig_managers_pod(cluster: Cluster, site: Site, pods: list[Object], expected: str) -> None:
    """How far MIG Manager's pod on a node is."""
    key, _, value = labels.MIG_MANAGER.partition("=")
    cluster.lists |= {NODES: [node()], MANAGERS: [system_pod("m", {key: value}, **status) for status in pods]}

    (seen,) = observe.nodes(site, "r1", CURRENT)

    assert expected == seen.manager_phase


def test_what_a_device_plugin_offers(cluster: Cluster, site: Site) -> None:
    """NVIDIA's resources that a node has some of; neither others nor those of a plugin that is gone."""
    allocatable = {"cpu": "96", "nvidia.com/mig-1g.5gb": "16", "nvidia.com/gpu": "0", "nvidia.com/mig-3g.20gb": "8"}
    cluster.lists |= {NODES: [node(allocatable=allocatable)]}

    (seen,) = observe.nodes(site, "r1", CURRENT)

    assert ("nvidia.com/mig-1g.5gb", "nvidia.com/mig-3g.20gb") == seen.offered


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({}, (0, False, ""), id="it has just been made"),
        pytest.param({"succeeded": 1}, (1, False, ""), id="one pod is done"),
        pytest.param(
            {"succeeded": 2, "conditions": [{"type": "Complete", "status": "True"}]}, (2, True, ""), id="it is complete"
        ),
        pytest.param(
            {"conditions": [{"type": "Failed", "status": "True", "reason": "PodFailurePolicy", "message": "code 42"}]},
            (0, False, "PodFailurePolicy: code 42"),
            id="it has failed",
        ),
        pytest.param(
            {"conditions": [{"type": "Failed", "status": "False", "reason": "x"}]}, (0, False, ""), id="it has not"
        ),
    ],
)
def test_a_job(cluster: Cluster, site: Site, status: Object, expected: tuple[int, bool, str]) -> None:
    """A Job is complete or failed by its conditions, and says why in its own words."""
    cluster.lists[JOBS] = [job("large", completions=2, **status), job("other", succeeded=9)]

    seen = observe.job(site, "mig-r1", "large")

    assert expected == (seen.succeeded, seen.complete, seen.failed)


def test_pods_are_the_workloads_own_in_order(cluster: Cluster, site: Site) -> None:
    """Pods come by completion index; a replacement that has not started comes after the pod it replaces."""
    ended = held("train", terminated={"exitCode": 1, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "later"})
    cluster.lists |= {
        JOBS: [job()],
        PODS: [pod("b", index=1), pod("new"), pod("old", containerStatuses=[ended]), pod("x", workload="other")],
    }

    assert ["old", "new", "b"] == [seen.name for seen in observe.job(site, "mig-r1", "large").pods]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param({"waiting": {"reason": "ContainerCreating"}}, ("", "", None), id="not yet"),
        pytest.param({"running": {"startedAt": "s"}}, ("s", "", None), id="it runs"),
        pytest.param(
            {"terminated": {"startedAt": "s", "finishedAt": "f", "exitCode": 0, "reason": "Completed"}},
            ("s", "f", 0),
            id="it is done",
        ),
    ],
)
def test_the_times_of_a_pod(cluster: Cluster, site: Site, state: Object, expected: tuple[str, str, int | None]) -> None:
    """Start, end and exit code are the container's; what has not happened is not said."""
    cluster.lists |= {JOBS: [job()], PODS: [pod(containerStatuses=[held("train", **state)])]}

    (seen,) = observe.job(site, "mig-r1", "large").pods

    assert expected == (seen.started, seen.finished, seen.exit_code)


UNSCHEDULED = {"type": "PodScheduled", "status": "False"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({}, "", id="a pod that has just been made is not stuck"),
        pytest.param(
            {"conditions": [{**UNSCHEDULED, "message": "0/1 nodes are available"}]},
            "0/1 nodes are available",
            id="the scheduler says why in a sentence",
        ),
        pytest.param(
            {"conditions": [{**UNSCHEDULED, "reason": "SchedulingGated"}]},
            "SchedulingGated",
            id="the scheduler says why in a word",
        ),
        pytest.param(
            {"conditions": [{"type": "PodScheduled", "status": "True"}]}, "", id="a pod with a node is not stuck"
        ),
        pytest.param(
            {"containerStatuses": [held("train", waiting={"reason": "ContainerCreating"})]},
            "",
            id="being made is usual",
        ),
        pytest.param(
            {"containerStatuses": [held("train", waiting={"reason": "ErrImagePull", "message": "no such image"})]},
            "train: ErrImagePull no such image",
            id="a container waits for what it will not get",
        ),
        pytest.param(
            {
                "initContainerStatuses": [held("data", terminated={"reason": "Error", "exitCode": 42})],
                "containerStatuses": [held("train", waiting={"reason": "PodInitializing"})],
            },
            "data: Error",
            id="an init container failed",
        ),
        pytest.param(
            {
                "initContainerStatuses": [held("data", terminated={"reason": "Completed"})],
                "containerStatuses": [held("train", running={})],
            },
            "",
            id="an init container is done, as it should be",
        ),
    ],
)
def test_why_a_pod_is_stuck(cluster: Cluster, site: Site, status: Object, expected: str) -> None:
    """A pod that does not get on says so in the words of whoever holds it up; one that does says nothing."""
    cluster.lists |= {JOBS: [job()], PODS: [pod(**status)]}

    (seen,) = observe.job(site, "mig-r1", "large").pods

    assert expected == seen.why


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param([claim("mine", "gpu-0-mig-1g5gb-19-0")], "gpu-0-mig-1g5gb-19-0", id="its claim was given one"),
        pytest.param([claim("mine")], "", id="its claim waits"),
        pytest.param([], "", id="its claim is gone"),
        pytest.param([claim("theirs", "gpu-1"), claim("mine", "gpu-2")], "gpu-2", id="others have claims too"),
    ],
)
def test_the_device_of_a_pod(cluster: Cluster, site: Site, claims: list[Object], expected: str) -> None:
    """A pod's device is what its own claim was given."""
    of_pod: Object = {"resourceClaimStatuses": [{"name": "slice", "resourceClaimName": "mine"}]}
    cluster.lists |= {JOBS: [job()], PODS: [pod(**of_pod)], CLAIMS: claims}

    (seen,) = observe.job(site, "mig-r1", "large").pods

    assert expected == seen.device


def test_a_pod_without_a_claim_has_no_device(cluster: Cluster, site: Site) -> None:
    """Other pods' devices are not taken for its own."""
    cluster.lists |= {JOBS: [job()], PODS: [pod()], CLAIMS: [claim("theirs", "gpu-1")]}

    (seen,) = observe.job(site, "mig-r1", "large").pods

    assert "" == seen.device


def test_one_look_serves_everybody(cluster: Cluster, site: Site) -> None:
    """Many workloads that are followed at the same moment cost three lists, not three each."""
    cluster.lists[JOBS] = [job("large"), job("small")]

    observe.job(site, "mig-r1", "large")
    observe.job(site, "mig-r1", "small")

    assert [JOBS, PODS, CLAIMS] == cluster.asked


def test_who_asks_while_somebody_looks_waits_for_what_is_seen(
    cluster: Cluster, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that takes its time is no reason for a second one."""
    cluster.lists[JOBS] = [job("large"), job("small")]
    answer_at_once, both = cluster.call_api, Barrier(2)

    def answer_late(*asked: Any, **more: Any) -> SimpleNamespace:
        with suppress(BrokenBarrierError):
            both.wait(0.05)  # for a second one that looks beside the first
        return answer_at_once(*asked, **more)

    monkeypatch.setattr(cluster, "call_api", answer_late)
    with ThreadPoolExecutor() as followers:
        seen = list(followers.map(lambda name: observe.job(site, "mig-r1", name), ("large", "small")))

    assert ["large", "small"] == [each.workload for each in seen]
    assert [JOBS, PODS, CLAIMS] == cluster.asked


def test_a_log_is_its_lines(cluster: Cluster, site: Site) -> None:
    """A container's log is read line by line, as far as it goes."""
    assert ("one", "two") == observe.log(site, "mig-r1", "talking")
    assert [f"{PODS}/talking/log"] == cluster.asked


def test_a_whole_log_begins_with_what_prepared_the_pod(cluster: Cluster, site: Site) -> None:
    """A container that failed before the workload began has its say."""
    assert ("one", "two") * 3 == observe.whole_log(site, "mig-r1", "talking")
    assert ["packages", "data", "run"] == cluster.containers


@pytest.mark.usefixtures("cluster")
def test_a_pod_that_is_gone_has_no_log(site: Site) -> None:
    """A log that is not there is empty: its pod has not started, or is gone."""
    assert () == observe.log(site, "mig-r1", "silent")
