"""One machine's life, with a fake API server and a fake stack."""

# ruff: noqa: ARG002 (fakes take what the real ones take)

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mig.release import RELEASES
from rehearsal.api_server import ApiError, ApiServer
from rehearsal.clock import Clock
from rehearsal.faults import Enrolment
from rehearsal.node.claims import Devices
from rehearsal.node.container_log import Logs
from rehearsal.node.instance import Instance
from rehearsal.node.machine import Machine
from rehearsal.node.pod_identity_agent import PodIdentityAgent
from rehearsal.node.pod_setup import Site
from rehearsal.node.runtime import Runtime

SECONDS = 10.0
"""What nothing here takes, on any machine."""

FAST, STILL = Clock(scale=1e6), Clock(scale=1e-6)
INSTANCE = Instance(
    id="i-1",
    name="node-a",
    instance_type="p4d.24xlarge",
    zone="us-east-1a",
    market="spot",
    labels={},
    taints=(),
    run_id="r",
    enrolment=Enrolment(run_id="r", seed=1, faults=()),
)


class FakeApi(ApiServer):
    """Remembers what it is asked, and does not answer as often as it is told not to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.statuses: list[dict[str, Any]] = []
        self.outages = 0

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The Node."""
        return {"metadata": {"name": "node-a", "uid": "u"}}

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A Node or a Lease."""
        if self.outages:
            self.outages -= 1
            raise ApiError(503, path)
        self.asked.append(f"create {body['kind']}")
        return body

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A status, or a sign of life."""
        self.asked.append("patch status" if "status" in body else "patch Lease")
        self.statuses.extend([body["status"]] if "status" in body else [])
        return body

    def delete(self, path: str, options: dict[str, Any] | None = None, **query: str) -> None:
        """A Node, or slices."""
        self.asked.append(f"delete {path.rsplit('/', 1)[-1]}")


class NoStack:
    """A node without anything of NVIDIA's."""

    def owns(self, pod: dict[str, Any]) -> bool:
        """Nothing."""
        return False

    def start(self, pod: dict[str, Any]) -> None:
        """Never."""

    def ready(self, pod: dict[str, Any]) -> bool:
        """Never."""
        return False

    def stop(self, pod: dict[str, Any]) -> None:
        """Never."""


class NoRuntime(Runtime):
    """Nothing runs on these machines."""

    def __init__(self) -> None:
        pass


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[[Clock], tuple[Machine, FakeApi]]]:
    """Makes machines whose time runs by the given clock; they end with the test."""
    agent = PodIdentityAgent(lambda *_: None)
    made: list[Machine] = []

    def machine(clock: Clock) -> tuple[Machine, FakeApi]:
        api = FakeApi()
        site = Site(
            node="node-a",
            driver=lambda: RELEASES["current"],
            api=api,
            runtime=NoRuntime(),
            devices=Devices(),
            identity=agent,
            logs=Logs(tmp_path, lambda _: False),
            clock=clock,
            folder=tmp_path,
            environment={},
        )
        made.append(Machine(INSTANCE, site, stack=lambda *_: NoStack(), kubelet_port=1))
        return made[-1], api

    yield machine
    for each in made:
        each.end()
    agent.close()


def until(happened: Callable[[], object]) -> None:
    """Wait for another thread."""
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


Build = Callable[[Clock], tuple[Machine, FakeApi]]
UP = ["delete resourceslices", "create Node", "create Lease"]


def test_boot(build: Build) -> None:
    """A machine forgets whatever slices its name had, and registers."""
    machine, api = build(FAST)
    machine.boot()

    until(lambda: api.asked == UP)


def test_boot_outlasts_an_outage(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that comes up while the API server is away registers when it is back."""
    monkeypatch.setattr("rehearsal.api_server._PAUSE_SECONDS", 0.01)
    machine, api = build(FAST)
    api.outages = 3
    machine.boot()

    until(lambda: api.asked == UP)


def test_ends_while_it_boots(build: Build) -> None:
    """A machine that is terminated on its way up never registers."""
    machine, api = build(STILL)
    machine.boot()
    machine.end()
    machine.unregister(threading.Event())

    assert api.asked == ["delete node-a", "delete resourceslices"]


def test_says_that_it_lives_only_while_it_does(build: Build) -> None:
    """A machine that is not up renews no Lease."""
    machine, api = build(FAST)
    machine.beat(0)
    before = list(api.asked)
    machine.boot()

    def beats() -> bool:
        machine.beat(0)
        return api.asked[-1:] == ["patch Lease"]

    until(beats)
    assert before == []


def test_reboot(build: Build) -> None:
    """A machine that reboots is unknown for a while, and comes back as another boot."""
    machine, api = build(FAST)
    machine.boot()
    until(lambda: api.asked == UP)
    machine.reboot()
    until(lambda: len(api.asked) == len(UP) + 3)
    unknown, back = api.statuses

    assert api.asked[len(UP) :] == ["patch status", "delete resourceslices", "patch status"]
    assert {c["status"] for c in unknown["conditions"]} == {"Unknown"}
    assert back["nodeInfo"]["bootID"]


def test_unregister_does_not_wait_for_a_world_that_ends(build: Build) -> None:
    """When the World ends, nobody is left to be told."""
    machine, api = build(STILL)
    world_ends = threading.Event()
    world_ends.set()
    machine.unregister(world_ends)

    assert api.asked == []
