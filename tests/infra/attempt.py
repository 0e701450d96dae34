"""One attempt at capacity, as the engine's tests raise it and look at it."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import stacks
from infra.backend import Backend
from infra.gpu_nodes import GpuNodesArgs, program
from rehearsal.aws.account import REGION
from rehearsal.aws.cloud import Cloud
from tests.infra.conftest import HandClock

NAME = "demo-1"


def quiet(_: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raising:
    """A stack that is being raised."""

    engine: int
    """The number of the engine's process."""
    outcome: Future[dict[str, Any]]


def groups(cloud: Cloud) -> list[str]:
    """EKS's node groups."""
    names: list[str] = cloud.client("eks").list_nodegroups(clusterName="mig")["nodegroups"]
    return names


def templates(cloud: Cloud) -> list[str]:
    """Our launch templates; a node group has one of EKS's own besides."""
    found = cloud.client("ec2").describe_launch_templates()["LaunchTemplates"]
    return [name for template in found if (name := template["LaunchTemplateName"]).startswith("gpu-")]


def eventually(look: Callable[[], Any]) -> Any:
    """What is seen at last; the test's time limit is the deadline."""
    while not (seen := look()):
        time.sleep(0.05)
    return seen


@contextmanager
def raising(backend: Backend, cloud: Cloud, clock: HandClock, args: GpuNodesArgs) -> Iterator[Raising]:
    """
    A stack whose engine is at work, until the block ends: its group is being created.

    Only then does the lock name that engine: `stack init`, which ran before it, had locked the stack for a moment too.
    """
    with ThreadPoolExecutor() as pool:
        outcome = pool.submit(stacks.raise_stack, backend, NAME, program(args), region=REGION, tell=quiet)
        try:
            eventually(lambda: outcome.done() or groups(cloud))
            (lock,) = Path(backend.url.removeprefix("file://")).glob(f".pulumi/locks/**/{NAME}/*.json")
            yield Raising(engine=json.loads(lock.read_text(encoding="utf-8"))["pid"], outcome=outcome)
        finally:
            clock.move(60)
