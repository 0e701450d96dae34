"""The real Pulumi engine, driven through its whole life against the simulated account."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from infra import stacks
from infra.backend import Backend
from infra.gpu_nodes import Cut, GpuNodesArgs, program
from mig.errors import Failed, Temporary
from rehearsal.aws.account import REGION
from rehearsal.aws.cloud import Cloud
from tests.infra.conftest import HandClock, Yard

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:aws\\.:DeprecationWarning"),  # importing pulumi_aws.ec2 warns of itself
    # What the SDK leaves behind complains when it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

NAME = "demo-1"


def quiet(_: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raising:
    """A stack that is being raised."""

    engine: int
    """The number of the engine's process."""
    outcome: Future[dict[str, Any]]


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


def test_life_of_an_attempt(backend: Backend, cloud: Cloud, yard: Yard, args: GpuNodesArgs) -> None:
    """Raised it is an empty group, asked for a node it has one, raised again it keeps it, destroyed it is gone."""
    told: list[str] = []
    stacks.raise_stack(backend, NAME, program(args), region=REGION, tell=told.append)
    group = cloud.client("eks").describe_nodegroup(clusterName="mig", nodegroupName="gpu-demo-1")["nodegroup"]
    cloud.client("eks").update_nodegroup_config(
        clusterName="mig", nodegroupName="gpu-demo-1", scalingConfig={"desiredSize": 1}
    )
    (instance,) = eventually(lambda: yard.booted)
    stacks.raise_stack(backend, NAME, program(args), region=REGION, tell=told.append)
    known, ended = stacks.names(backend), list(yard.ended)
    stacks.destroy(backend, NAME, tell=told.append)
    stacks.destroy(backend, NAME, tell=told.append)

    assert ("ACTIVE", 0) == (group["status"], group["scalingConfig"]["desiredSize"])
    assert ("demo", "all-balanced") == (instance.run_id, instance.labels["nvidia.com/mig.config"])
    assert ((NAME,), []) == (known, ended)
    assert ([], [], ()) == (groups(cloud), templates(cloud), stacks.names(backend))
    assert [instance.id] == yard.ended
    assert [
        "creating LaunchTemplate gpu",
        "creating NodeGroup gpu-demo-1",
        "deleting NodeGroup gpu-demo-1",
        "deleting LaunchTemplate gpu",
        "stack demo-1 is gone",
    ] == told


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        pytest.param(
            {"subnet_id": "subnet-0"},
            "capacity: creating NodeGroup gpu-demo-1: InvalidRequestException: The subnet ID 'subnet-0' does not exist",
            id="what the account does not have is refused when it is created",
        ),
        pytest.param(
            {"owner": "o" * 300},
            "capacity: NodeGroup gpu-demo-1: aws:eks/nodeGroup:NodeGroup resource 'gpu-demo-1' has a problem: Value 'o",
            id="what AWS's model does not allow is refused when it is checked",
        ),
    ],
)
def test_refused(backend: Backend, cloud: Cloud, args: GpuNodesArgs, wrong: dict[str, Any], sentence: str) -> None:
    """A wrong input ends in AWS's kind of sentence, and what was made until then can be destroyed."""
    with pytest.raises(Failed) as failed:
        stacks.raise_stack(backend, NAME, program(replace(args, **wrong)), region=REGION, tell=quiet)
    stacks.destroy(backend, NAME, tell=quiet)

    assert str(failed.value).startswith(sentence)
    assert ([], [], ()) == (groups(cloud), templates(cloud), stacks.names(backend))


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


STILL = pytest.mark.parametrize("clock", [HandClock(1)], ids=["a group is being created as long as it takes"])


@STILL
def test_engine_killed_while_creating(backend: Backend, cloud: Cloud, clock: HandClock, args: GpuNodesArgs) -> None:
    """Its lock is taken away, what it had finished is destroyed, and what it had begun is found by its name."""
    with raising(backend, cloud, clock, args) as stack:
        os.kill(stack.engine, signal.SIGKILL)
        with pytest.raises(Failed, match="the Pulumi engine was ended by signal 9"):
            stack.outcome.result()
        stacks.destroy(backend, NAME, tell=quiet)

        assert ([], ()) == (templates(cloud), stacks.names(backend))
        assert ["gpu-demo-1"] == groups(cloud)


@STILL
def test_engine_at_work_is_respected(backend: Backend, cloud: Cloud, clock: HandClock, args: GpuNodesArgs) -> None:
    """While another engine is at work on a stack, destroying it has to wait."""
    with raising(backend, cloud, clock, args) as stack, pytest.raises(Temporary, match="locked by process"):
        stacks.destroy(backend, NAME, tell=quiet)

    stack.outcome.result()
    assert ["gpu-demo-1"] == groups(cloud)
