"""The real Pulumi engine, driven through its whole life against the simulated account."""

import os
import signal
from dataclasses import replace
from typing import Any

import pytest

from infra import stacks
from infra.backend import Backend
from infra.gpu_nodes import GpuNodesArgs, program
from mig.errors import Failed, Temporary
from rehearsal.aws.account import REGION
from rehearsal.aws.cloud import Cloud
from tests.infra.attempt import NAME, eventually, groups, quiet, raising, templates
from tests.infra.conftest import HandClock, Yard

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:aws\\.:DeprecationWarning"),  # importing pulumi_aws.ec2 warns of itself
    # What the SDK leaves behind complains when it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


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
        "deleting NodeGroup gpu-demo-1 (1 of 2)",
        "deleting LaunchTemplate gpu (2 of 2)",
        "stack demo-1 is gone",
    ] == told


def test_a_preview_leaves_no_trace(backend: Backend, cloud: Cloud, args: GpuNodesArgs) -> None:
    """It names each resource with what would happen to it, and neither account nor state have heard of the stack."""
    seen = stacks.preview(backend, NAME, program(args), region=REGION)

    assert [("create", "gpu"), ("create", "gpu-demo-1")] == [(each.action, each.name) for each in seen.changes]
    assert ([], [], ()) == (groups(cloud), templates(cloud), stacks.names(backend))


def test_what_changed_outside_is_seen_and_made_good(backend: Backend, cloud: Cloud, args: GpuNodesArgs) -> None:
    """A group that somebody deleted is noticed by a refresh, and missed by the next preview."""
    stacks.raise_stack(backend, NAME, program(args), region=REGION, tell=quiet)
    cloud.client("eks").delete_nodegroup(clusterName="mig", nodegroupName="gpu-demo-1")
    eventually(lambda: not groups(cloud))
    noticed = stacks.refresh(backend, NAME, tell=quiet)
    missed = stacks.preview(backend, NAME, program(args), region=REGION)

    assert [("delete", "gpu-demo-1")] == [(each.action, each.name) for each in noticed.changes]
    assert "1 to create, 0 to update, 0 to replace, 0 to delete, 1 unchanged" == str(missed)


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
