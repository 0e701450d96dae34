"""What a program declares; a simulated account with its stand-in provider, and the real Pulumi engine before it."""

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pulumi
import pytest

from infra.backend import Backend
from infra.gpu_nodes import Cut, GpuNodesArgs
from rehearsal.aws.account import REGION
from rehearsal.aws.cloud import Cloud
from rehearsal.aws.provider import Provider
from rehearsal.aws.resource import Aws
from rehearsal.clock import Clock
from rehearsal.node.instance import Instance
from rehearsal.servers import binaries

Declared = dict[str, list[dict[str, Any]]]
"""Inputs by type."""


class Recorder(pulumi.runtime.Mocks):
    """Takes down what is declared."""

    def __init__(self) -> None:
        self.declared: Declared = {}
        self.names: list[tuple[str, str]] = []
        """Type and logical name, in the order in which they were registered."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Every resource exists at once."""
        self.declared.setdefault(args.typ, []).append(args.inputs)
        self.names.append((args.typ, args.name))
        given = {"arn": f"arn:{args.name}", "latestVersion": 7, "certificateAuthority": {"data": "QQ=="}}
        return f"{args.name}-id", {**given, **args.inputs}

    def call(self, args: pulumi.runtime.MockCallArgs) -> NoReturn:
        """No function is called."""
        raise AssertionError(args.token)


def recorded(program: Callable[[], None]) -> Recorder:
    """Run a program without any engine, and see what it declares."""
    recorder = Recorder()
    with asyncio.Runner() as runner:
        runner.get_loop()  # the current one from here on: Pulumi asks for it, and makes none
        pulumi.runtime.set_mocks(recorder, project="mig", stack="test", preview=False)
        run: Callable[[], None] = pulumi.runtime.test(program)  # type: ignore[no-untyped-call]  # Pulumi's own
        run()
    return recorder


@dataclass
class Yard:
    """Machines that only remember what they were told."""

    booted: list[Instance] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def boot(self, instance: Instance) -> None:
        """It has launched."""
        self.booted.append(instance)

    def terminate(self, instance_id: str) -> None:
        """It ends."""
        self.ended.append(instance_id)


@dataclass(frozen=True, slots=True)
class HandClock(Clock):
    """Its time stands still until it is moved: what takes time can be met while it is under way."""

    time: list[float] = field(default_factory=lambda: [0.0])

    def now(self) -> float:
        """Where it stands."""
        return self.time[0]

    def move(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        self.time[0] += seconds

    def sleep(self, seconds: float, stop: threading.Event | None = None) -> bool:  # noqa: ARG002 (nothing passes here)
        """Come back soon, to look again."""
        return (stop or threading.Event()).wait(0.02)


@pytest.fixture
def yard() -> Yard:
    """Where the account's instances go."""
    return Yard()


@pytest.fixture
def clock() -> Clock:
    """Fast enough that nobody waits; a test that must meet something under way brings another."""
    return Clock(300)


@pytest.fixture
def cloud(tmp_path: Path, yard: Yard, clock: Clock) -> Iterator[Cloud]:
    """The simulated account."""
    made = Cloud(folder=tmp_path, clock=clock)
    made.start(yard)
    yield made
    made.stop()


@pytest.fixture
def backend(tmp_path: Path, cloud: Cloud, clock: Clock) -> Iterator[Backend]:
    """The real engine, attached to the stand-in provider."""
    engine = binaries.resolve(os.environ, print)
    (tmp_path / "state").mkdir()
    closed = threading.Event()
    provider = Provider(Aws(region=REGION, client=cloud.client, clock=clock, closed=closed))
    yield Backend(
        url=f"file://{tmp_path}/state",
        home=str(tmp_path / "home"),
        passphrase="correct horse",
        pulumi_root=str(engine.root),
        environment={
            "PULUMI_DEBUG_PROVIDERS": f"aws:{provider.port}",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        },
    )
    closed.set()
    provider.stop()
    gc.collect()  # the SDK leaves sockets and coroutines behind, which would complain during a later test


@pytest.fixture
def args(cloud: Cloud) -> GpuNodesArgs:
    """One attempt, for one node."""
    cluster = cloud.client("eks").describe_cluster(name="mig")["cluster"]
    return GpuNodesArgs(
        run_id="demo",
        attempt=1,
        cluster="mig",
        node_role_arn=cloud.client("iam").get_role(RoleName="mig-node")["Role"]["Arn"],
        subnet_id=cluster["resourcesVpcConfig"]["subnetIds"][0],
        market="on-demand",
        instance_type="p4d.24xlarge",
        cuts=(Cut(config_name="all-balanced", nodes=1),),
        lease="2026-11-23T20:00:00Z",
        owner="ada",
    )
