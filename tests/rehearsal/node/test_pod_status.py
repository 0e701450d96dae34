"""A pod's status as Kubernetes would write it."""

import pytest

from rehearsal.node import pod_status
from rehearsal.node.container import Container, Waiting
from rehearsal.node.pod_status import Report

ADDRESS = "127.9.8.7"
WAITING = Container(name="main", image="image", state=Waiting(reason="ContainerCreating"))
RUNNING = WAITING.starting("uid").started(10)
PREPARING = Container(name="first", image="image", init=True, state=Waiting(reason="PodInitializing"))


def conditions(report: Report) -> dict[str, str]:
    """Each condition's status, by its type."""
    return {c["type"]: c["status"] for c in pod_status.status(report, {}, address=ADDRESS, now=20)["conditions"]}


@pytest.mark.parametrize(
    ("report", "true"),
    [
        pytest.param(
            Report(containers=(WAITING,), since=1, phase="Pending"),
            {"Initialized", "PodScheduled"},
            id="a pod that waits is scheduled",
        ),
        pytest.param(
            Report(containers=(PREPARING.starting("uid").started(5), WAITING), since=1, phase="Pending"),
            {"PodScheduled", "PodReadyToStartContainers"},
            id="one that is being prepared is not initialized",
        ),
        pytest.param(
            Report(containers=(RUNNING,), since=1, phase="Running"),
            {"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"},
            id="one that runs is ready",
        ),
        pytest.param(
            Report(containers=(RUNNING.seen_ready(ready=False),), since=1, phase="Running"),
            {"PodReadyToStartContainers", "Initialized", "PodScheduled"},
            id="unless it says that it is not",
        ),
        pytest.param(
            Report(containers=(RUNNING.ended(12, 0),), since=1, phase="Succeeded"),
            {"Initialized", "PodScheduled"},
            id="one that is over is not ready any more",
        ),
    ],
)
def test_conditions(report: Report, true: set[str]) -> None:
    """What is met follows from the containers."""
    assert true == {kind for kind, status in conditions(report).items() if status == "True"}


def test_a_condition_keeps_its_moment() -> None:
    """Only a condition that has changed gets a new moment."""
    before = pod_status.status(Report(containers=(WAITING,), since=1, phase="Pending"), {}, address=ADDRESS, now=10)
    known = {c["type"]: c for c in before["conditions"]}
    after = pod_status.status(Report(containers=(RUNNING,), since=1, phase="Running"), known, address=ADDRESS, now=99)
    moments = {c["type"]: c["lastTransitionTime"] for c in after["conditions"]}

    assert moments["Initialized"] == "1970-01-01T00:00:10Z"
    assert moments["Ready"] == "1970-01-01T00:01:39Z"


def test_a_reason_that_is_no_more_is_taken_back() -> None:
    """Conditions are merged by the API server: a Ready pod clears the reason for which it was not."""
    status = pod_status.status(Report(containers=(RUNNING,), since=1, phase="Running"), {}, address=ADDRESS, now=10)
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")

    assert (ready["reason"], ready["message"]) == (None, None)


def test_containers_are_told_apart() -> None:
    """Init containers have a list of their own."""
    status = pod_status.status(
        Report(containers=(PREPARING, WAITING), since=1, phase="Pending"), {}, address=ADDRESS, now=10
    )

    assert [c["name"] for c in status["initContainerStatuses"]] == ["first"]
    assert [c["name"] for c in status["containerStatuses"]] == ["main"]


def test_since() -> None:
    """A pod that a kubelet has seen before keeps its start."""
    assert pod_status.since({"status": {"startTime": "1970-01-01T00:01:00Z"}}, now=99) == 60
    assert pod_status.since({}, now=99) == 99


def test_a_pod_has_an_address_of_its_own() -> None:
    """Its node's is another."""
    status = pod_status.status(Report(containers=(RUNNING,), since=1, phase="Running"), {}, address=ADDRESS, now=10)

    assert (ADDRESS, [{"ip": ADDRESS}]) == (status["podIP"], status["podIPs"])
    assert "127.0.0.1" == status["hostIP"]
