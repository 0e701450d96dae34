"""A pod's life with a fake runtime and a fake API server: what is started, when, and what is said of it."""

# ruff: noqa: ARG002 (fakes take what the real ones take)

import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mig.release import RELEASES
from rehearsal.api_server import ApiError, ApiServer
from rehearsal.clock import Clock
from rehearsal.node.claims import Device, Devices
from rehearsal.node.container_log import Logs
from rehearsal.node.pod_identity_agent import PodIdentityAgent
from rehearsal.node.pod_life import PodLife
from rehearsal.node.pod_setup import Site
from rehearsal.node.runtime import Ended, Process, Runtime, Started
from rehearsal.ports import LOOPBACK

SECONDS = 10.0
"""What nothing here takes, on any machine."""

DEVICE = Device(claim="gpu", request="r", driver="d", pool="p", name="gpu-0", uuid="MIG-1")


class FakeApi(ApiServer):
    """Remembers each status it is told, and knows a ConfigMap once it is there."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.removed = threading.Event()
        self.config_map: dict[str, Any] | None = None
        self.away = False
        self.hears: Callable[[dict[str, Any]], None] = self.told.append

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The ConfigMap."""
        if self.config_map is None:
            raise ApiError(404, path)
        return self.config_map

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A status."""
        if self.away:
            raise ApiError(0, path)
        self.hears(body["status"])
        return {}

    def delete(self, path: str, options: dict[str, Any] | None = None, **query: str) -> None:
        """The pod's end."""
        self.removed.set()


class FakeRuntime(Runtime):
    """Starts nothing: what happens to a container is up to the test."""

    def __init__(self) -> None:
        self.orders: list[Process] = []
        self.signals: list[int] = []
        self._tell: Callable[[Started | Ended], None] = lambda _: None

    def start(self, process: Process, tell: Callable[[Started | Ended], None]) -> None:
        """It runs at once."""
        self.orders.append(process)
        self._tell = tell
        tell(Started(container_id=process.container_id, at=1, pid=1))

    def signal(self, container_id: str, number: int) -> None:
        """Death is immediate, everything else is ignored."""
        self.signals.append(number)
        if number == signal.SIGKILL:
            self.end(137)

    def end(self, code: int) -> None:
        """The container that was started last ends."""
        self._tell(Ended(container_id=self.orders[-1].container_id, at=2, code=code, error=""))


class Stage:
    """One pod and what it stands on."""

    def __init__(self, folder: Path, agent: PodIdentityAgent) -> None:
        self.api, self.runtime, self.devices = FakeApi(), FakeRuntime(), Devices()
        self.site = Site(
            node="node-a",
            driver=lambda: RELEASES["current"],
            api=self.api,
            runtime=self.runtime,
            devices=self.devices,
            identity=agent,
            logs=Logs(folder / "logs", lambda _: False),
            clock=Clock(scale=1e6),
            folder=folder / "pods",
            environment={},
        )

    def pod(self, **spec: Any) -> dict[str, Any]:
        """A pod of one container."""
        container = {"name": "main", "image": "i", "command": ["x"], **spec.pop("container", {})}
        content = {"containers": [container], "restartPolicy": "Never", **spec}
        return {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": content}

    def live(self, **spec: Any) -> PodLife:
        """Its life, begun."""
        life = PodLife(self.pod(**spec), self.site)
        life.start()
        return life

    def has_run(self, times: int) -> bool:
        """Whether so many runs have been asked for."""
        return len(self.runtime.orders) == times

    def phase(self) -> str:
        """What was told last."""
        return str(self.api.told[-1]["phase"]) if self.api.told else ""

    def ready(self) -> bool:
        """Whether the container was said to be ready."""
        return bool(self.api.told and self.api.told[-1]["containerStatuses"][0]["ready"])

    def running(self) -> list[bool]:
        """Whether the container was said to be ready, each time it was said to run."""
        said = [each for told in list(self.api.told) for each in told["containerStatuses"]]
        return [each["ready"] for each in said if "running" in each["state"]]

    def waiting(self) -> str:
        """Why the container was said to wait."""
        state = self.api.told[-1]["containerStatuses"][0]["state"] if self.api.told else {}
        return str(state.get("waiting", {}).get("reason", ""))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage of fakes."""
    agent = PodIdentityAgent(lambda *_: None)
    yield Stage(tmp_path, agent)
    agent.close()


def until(happened: Callable[[], object]) -> None:
    """Wait for another thread."""
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


def deleted(pod: dict[str, Any], grace: float) -> dict[str, Any]:
    """The same pod, deleted."""
    metadata = pod["metadata"] | {"deletionTimestamp": "now", "deletionGracePeriodSeconds": grace}
    return pod | {"metadata": metadata}


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (42, "Failed")], ids=["done", "failed"])
def test_from_start_to_end(stage: Stage, code: int, phase: str) -> None:
    """A pod runs, and is what its process comes to."""
    stage.live()
    until(lambda: stage.phase() == "Running")
    stage.runtime.end(code)

    until(lambda: stage.phase() == phase)
    assert stage.api.told[-1]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == code


def test_restarts_with_backoff(stage: Stage) -> None:
    """A service that ends is started again: at once, then after a while in which it says so."""
    stage.live(restartPolicy="Always")
    for runs in (1, 2, 3):
        until(partial(stage.has_run, runs))
        stage.runtime.end(1)
    until(partial(stage.has_run, 4))

    reasons = [t["containerStatuses"][0]["state"].get("waiting", {}).get("reason", "") for t in stage.api.told]
    assert "CrashLoopBackOff" in reasons
    assert [order.log.name for order in stage.runtime.orders] == ["0.log", "1.log", "2.log", "3.log"]


def test_is_ready_when_it_says_so(stage: Stage, answering: Callable[..., Any]) -> None:
    """A container with a probe runs unready until it answers well; its next run begins anew."""
    server = answering(503, 200)
    probe = {"httpGet": {"port": server.port, "host": LOOPBACK}, "periodSeconds": 0.01}
    stage.live(container={"readinessProbe": probe}, restartPolicy="Always")
    until(stage.ready)
    stage.runtime.end(1)
    until(partial(stage.has_run, 2))
    until(lambda: len(stage.running()) == 4)  # ready alone may still be what was said of the first run

    assert [False, True] * 2 == stage.running()


def test_waits_for_what_it_needs(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod whose ConfigMap is not there says so, and starts when it is."""
    monkeypatch.setattr("rehearsal.node.pod_life._TRY_AGAIN_SECONDS", 0.01)
    stage.live(container={"envFrom": [{"configMapRef": {"name": "c"}}]})
    until(lambda: stage.waiting() == "CreateContainerConfigError")
    stage.api.config_map = {"data": {"KEY": "value"}}

    until(lambda: stage.phase() == "Running")
    assert stage.runtime.orders[0].environment["KEY"] == "value"


def test_says_again_what_was_not_heard(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the API server did not hear while it was away, it hears when it is back."""
    monkeypatch.setattr("rehearsal.node.pod_life._TRY_AGAIN_SECONDS", 0.01)
    stage.api.away = True
    stage.live()
    until(lambda: stage.runtime.orders)
    stage.runtime.end(0)
    stage.api.away = False

    until(lambda: stage.phase() == "Succeeded")


def test_devices_are_free_before_the_end_is_told(stage: Stage) -> None:
    """Whoever hears that a pod is over may give its devices to another."""
    free: list[str] = []

    def hear(status: dict[str, Any]) -> None:
        if status["phase"] == "Succeeded":
            stage.devices.take([DEVICE], "another")
            free.append("taken")

    stage.devices.take([DEVICE], "u")
    stage.api.hears = hear
    stage.live()
    until(lambda: stage.runtime.orders)
    stage.runtime.end(0)

    until(lambda: free)


def test_asked_then_killed(stage: Stage) -> None:
    """A deleted pod is asked to end, killed when its grace is over, and then removed."""
    life = stage.live()
    until(lambda: stage.phase() == "Running")
    life.see(deleted(stage.pod(), grace=0.05))

    assert stage.api.removed.wait(SECONDS)
    assert stage.runtime.signals == [signal.SIGTERM, signal.SIGKILL]
    assert stage.phase() == "Failed"


def test_a_pod_that_obeys_is_not_killed(stage: Stage) -> None:
    """One that ends when it is asked to has ended by itself."""
    life = stage.live()
    until(lambda: stage.phase() == "Running")
    life.see(deleted(stage.pod(), grace=60))
    until(lambda: stage.runtime.signals)
    stage.runtime.end(0)

    assert stage.api.removed.wait(SECONDS)
    assert stage.runtime.signals == [signal.SIGTERM]
    assert stage.phase() == "Succeeded"


@pytest.mark.parametrize(
    ("sleep", "grace", "expected"),
    [
        pytest.param(0.05, 60, [signal.SIGTERM], id="asked after its sleep"),
        pytest.param(60, 0.05, [signal.SIGKILL], id="killed in its sleep"),
    ],
)
def test_sleeps_before_it_is_asked(stage: Stage, sleep: float, grace: float, expected: list[int]) -> None:
    """A `preStop` sleep passes on the wall's clock, before SIGTERM and within the grace period."""
    life = stage.live(container={"lifecycle": {"preStop": {"sleep": {"seconds": sleep}}}})
    until(lambda: stage.phase() == "Running")
    began = time.monotonic()
    life.see(deleted(stage.pod(), grace=grace))
    until(lambda: stage.runtime.signals)

    assert 0.05 <= time.monotonic() - began
    assert expected == stage.runtime.signals
    life.halt()


def test_one_that_ends_in_its_sleep_is_not_asked(stage: Stage) -> None:
    """Its pod is over at once, and nobody waits for the rest of the sleep."""
    life = stage.live(container={"lifecycle": {"preStop": {"sleep": {"seconds": 60}}}})
    until(lambda: stage.phase() == "Running")
    life.see(deleted(stage.pod(), grace=60))
    stage.runtime.end(0)

    assert stage.api.removed.wait(SECONDS)
    assert [] == stage.runtime.signals


def test_finalizers_are_not_its_business(stage: Stage) -> None:
    """A pod that is over and was deleted without grace is left to whoever holds it."""
    life = stage.live()
    until(lambda: stage.phase() == "Running")
    stage.runtime.end(0)
    until(lambda: stage.phase() == "Succeeded")
    said = len(stage.api.told)
    life.see(deleted(stage.pod(), grace=0))
    life.halt()
    life.rest()

    assert not stage.api.removed.is_set()
    assert len(stage.api.told) == said


def test_deadline(stage: Stage) -> None:
    """A pod that is too old is ended, and says why."""
    stage.live(activeDeadlineSeconds=0.05, terminationGracePeriodSeconds=0)

    until(lambda: stage.phase() == "Failed")
    assert stage.api.told[-1]["reason"] == "DeadlineExceeded"


def test_its_machine_goes_down(stage: Stage) -> None:
    """A pod whose machine goes down is killed without a word; in its next life it is known to be lost."""
    life = stage.live()
    until(lambda: stage.phase() == "Running")
    said = len(stage.api.told)
    life.halt()
    lost = life.rest()
    silent = len(stage.api.told)
    PodLife(stage.pod(), stage.site, containers=lost).start()

    until(lambda: stage.phase() == "Failed")
    assert silent == said
    assert stage.api.told[-1]["containerStatuses"][0]["state"]["terminated"]["reason"] == "Unknown"


def test_vanishes(stage: Stage) -> None:
    """When its object is gone, so is all that it had."""
    stage.devices.take([DEVICE], "u")
    life = stage.live()
    until(lambda: stage.phase() == "Running")
    life.vanish()
    life.rest()

    assert stage.runtime.signals == [signal.SIGKILL]
    assert not list(stage.site.folder.iterdir())
    stage.devices.take([DEVICE], "another")
