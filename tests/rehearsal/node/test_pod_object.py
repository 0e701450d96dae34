"""A pod's object, written through a fake API server."""

# ruff: noqa: ARG002 (fakes take what the real ones take)

from typing import Any

import pytest

from rehearsal.api_server import ApiError, ApiServer
from rehearsal.node.container import Container, Waiting
from rehearsal.node.pod_object import PodObject
from rehearsal.node.pod_status import Report

POD: dict[str, Any] = {"metadata": {"name": "p", "namespace": "n", "uid": "u-1"}, "status": {"phase": "Running"}}
REPORT = Report(
    containers=(Container(name="main", image="i", state=Waiting(reason="ContainerCreating")),), since=0, phase="Pending"
)


class FakeApi(ApiServer):
    """Remembers what it is told, or fails with a status."""

    def __init__(self, *, fails: int | None = None) -> None:
        self.fails = fails
        self.told: list[tuple[str, dict[str, Any]]] = []

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A change."""
        return self._hear(path, body)

    def delete(self, path: str, options: dict[str, Any] | None = None, **query: str) -> None:
        """A deletion."""
        self._hear(path, options or {})

    def _hear(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.told.append((path, body))
        if self.fails is not None:
            raise ApiError(self.fails, "no")
        return {}


def test_tells_changes_only() -> None:
    """The same report is not sent twice."""
    api = FakeApi()
    pod = PodObject(POD, api)

    assert pod.tell(REPORT)
    assert pod.tell(REPORT)
    assert [path for path, _ in api.told] == ["/api/v1/namespaces/n/pods/p/status"]


def test_names_the_very_pod() -> None:
    """Every write names the UID: a later pod of the same name is never meant."""
    api = FakeApi()
    pod = PodObject(POD, api)
    pod.tell(REPORT)
    pod.remove()

    assert api.told[0][1]["metadata"] == {"uid": "u-1"}
    assert api.told[1][1] == {"gracePeriodSeconds": 0, "preconditions": {"uid": "u-1"}}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(0, False, id="no answer has to be tried again"),
        pytest.param(503, False, id="so has an API server that cannot"),
        pytest.param(404, True, id="a pod that is gone needs to hear nothing"),
        pytest.param(409, True, id="nor does another one of its name"),
    ],
)
def test_trouble(status: int, *, expected: bool) -> None:
    """What was not heard is said again, unless there is nobody to hear it."""
    pod = PodObject(POD, FakeApi(fails=status))

    assert expected == pod.tell(REPORT)
    assert expected == pod.remove()


def test_removed_once() -> None:
    """A pod is removed once; while that fails, it is tried again."""
    api = FakeApi(fails=503)
    pod = PodObject(POD, api)
    pod.remove()
    api.fails = None
    pod.remove()
    pod.remove()

    assert len(api.told) == 2


@pytest.mark.parametrize(
    ("phase", "disrupted"),
    [
        pytest.param("Running", True, id="one that ran was disrupted"),
        pytest.param("Succeeded", False, id="one that was over was not"),
    ],
)
def test_collect(phase: str, *, disrupted: bool) -> None:
    """A pod whose node is no more goes, and a Job is told that it was not the pod's fault."""
    api = FakeApi()
    PodObject(POD | {"status": {"phase": phase}}, api).collect()
    statuses = [body["status"] for _, body in api.told if "status" in body]

    assert disrupted == bool(statuses)
    assert all(s["conditions"][0]["type"] == "DisruptionTarget" and s["phase"] == "Failed" for s in statuses)
    assert api.told[-1][1]["gracePeriodSeconds"] == 0
