"""The pods of a node's stack, with a fake stack and a fake API server."""

# ruff: noqa: ARG002 (fakes take what the real ones take)

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.api_server import ApiError, ApiServer
from rehearsal.node.stack_pods import StackPods

SECONDS = 10.0
"""What nothing here takes, on any machine."""

POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "n", "uid": "u"},
    "spec": {"initContainers": [{"name": "wait"}], "containers": [{"name": "main"}]},
}
DELETED = POD | {"metadata": POD["metadata"] | {"deletionTimestamp": "now"}}


class FakeStack:
    """Is ready when the test says so."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.is_ready = False

    def owns(self, pod: dict[str, Any]) -> bool:
        """Everything."""
        return bool(pod)

    def start(self, pod: dict[str, Any]) -> None:
        """Remember."""
        self.told.append(f"start {pod['metadata']['uid']}")

    def ready(self, pod: dict[str, Any]) -> bool:
        """As the test says."""
        return self.is_ready and bool(pod)

    def stop(self, pod: dict[str, Any]) -> None:
        """Remember."""
        self.told.append(f"stop {pod['metadata']['uid']}")


class FakeApi(ApiServer):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.statuses: list[dict[str, Any]] = []
        self.removed: list[str] = []
        self.warned: list[str] = []
        self.maps: set[str] = set()

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """A ConfigMap, once it is there."""
        if path.rpartition("/")[2] not in self.maps:
            raise ApiError(404, "not found")
        return {"data": {"config.yaml": ""}}

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """An event."""
        self.warned.append(body["message"])
        return body

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A status."""
        self.statuses.append(body["status"])
        return {}

    def delete(self, path: str, options: dict[str, Any] | None = None, **query: str) -> None:
        """A removal."""
        self.removed.append(path)


class Stage:
    """The pods, and the fakes beneath them."""

    def __init__(self) -> None:
        self.stack, self.api = FakeStack(), FakeApi()
        self.pods = StackPods(self.stack, self.api)

    def ready(self) -> list[str]:
        """Each Ready condition that was told."""
        return [c["status"] for s in self.api.statuses for c in s["conditions"] if c["type"] == "Ready"]


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A stage that ends with its test."""
    made = Stage()
    yield made
    made.pods.close()


def until(happened: Callable[[], object]) -> None:
    """Wait for another thread."""
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


def test_runs_at_once_and_is_ready_later(stage: Stage) -> None:
    """A pod runs as soon as it is seen, prepared, and is Ready when its program says so."""
    stage.pods.see(POD)
    until(lambda: stage.ready() == ["False"])
    stage.stack.is_ready = True

    until(lambda: stage.ready() == ["False", "True"])
    assert stage.api.statuses[-1]["phase"] == "Running"
    assert "terminated" in stage.api.statuses[-1]["initContainerStatuses"][0]["state"]


def test_a_volume_that_is_not_there(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod whose ConfigMap is missing waits, and an event says so, once; it starts when the ConfigMap comes."""
    monkeypatch.setattr("rehearsal.node.stack_pods._TRY_AGAIN_SECONDS", 0.01)
    spec = {**POD["spec"], "volumes": [{"name": "config", "configMap": {"name": "geometries"}}]}
    stage.pods.see(POD | {"spec": spec})
    until(lambda: stage.ready() == ["False"])
    waits = stage.api.statuses[-1]
    stage.api.maps.add("geometries")

    until(lambda: stage.stack.told == ["start u"])
    assert ("Pending", "PodInitializing") == (
        waits["phase"],
        waits["containerStatuses"][0]["state"]["waiting"]["reason"],
    )
    assert ['MountVolume.SetUp failed for volume "config" : configmap "geometries" not found'] == stage.api.warned


def test_started_once(stage: Stage) -> None:
    """A pod that has changed is not started again."""
    stage.pods.see(POD)
    stage.pods.see(POD)
    until(lambda: stage.api.statuses)

    assert stage.stack.told == ["start u"]


def test_deletion(stage: Stage) -> None:
    """A deleted pod's program is stopped, and then the object is removed, once."""
    stage.pods.see(POD)
    stage.pods.see(DELETED)
    until(lambda: stage.api.removed)
    stage.pods.vanish("u")
    stage.pods.close()

    assert stage.stack.told == ["start u", "stop u"]
    assert stage.api.removed == ["/api/v1/namespaces/n/pods/p"]


def test_a_pod_that_was_deleted_before_it_was_seen(stage: Stage) -> None:
    """Nothing is started for it; it goes."""
    stage.pods.see(DELETED)
    until(lambda: stage.api.removed)

    assert stage.stack.told == []


def test_a_reboot_restarts(stage: Stage) -> None:
    """A program is stopped when its node goes down, and started when it is back, which counts as a restart."""
    stage.pods.see(POD)
    until(lambda: stage.api.statuses)
    stage.pods.halt()
    stage.pods.resume()

    until(lambda: stage.api.statuses[-1]["containerStatuses"][0]["restartCount"] == 1)
    assert stage.stack.told == ["start u", "stop u", "start u"]


def test_close(stage: Stage) -> None:
    """When the node is no more, nothing of the stack runs."""
    stage.pods.see(POD)
    until(lambda: stage.stack.told)
    stage.pods.close()

    assert stage.stack.told == ["start u", "stop u"]
