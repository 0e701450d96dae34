"""What is left when an engine is interrupted while it creates something, and how it is put right: the real engine."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from infra import stacks
from infra.backend import Backend
from infra.diagnosis import Progress
from infra.gpu_nodes import GpuNodesArgs, program
from infra.recovery import Pending
from mig.errors import Failed, Temporary
from rehearsal.aws.account import REGION
from rehearsal.aws.cloud import Cloud
from tests.infra.attempt import NAME, eventually, groups, quiet, raising, templates
from tests.infra.conftest import HandClock

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:aws\\.:DeprecationWarning"),  # importing pulumi_aws.ec2 warns of itself
    # What the SDK leaves behind complains when it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.parametrize("clock", [HandClock(1)], ids=["a group is being created as long as it takes"]),
]

GROUP = "aws:eks/nodeGroup:NodeGroup"
RAISE = Path(__file__).with_name("raise_and_wait.py")


@contextmanager
def passing(clock: HandClock) -> Iterator[None]:
    """The account's time passes, a minute in each moment."""
    over = threading.Event()

    def pass_time() -> None:
        while not over.wait(0.05):
            clock.move(60)

    thread = threading.Thread(target=pass_time)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def by_name(pending: Pending) -> str:
    """EKS's id of a group follows from its name; a template's does not."""
    return f"{pending.inputs['clusterName']}:{pending.inputs['nodeGroupName']}" if pending.kind == GROUP else ""


def killed(stack_engine: int) -> None:
    """The engine dies at once."""
    os.kill(stack_engine, signal.SIGKILL)


def told_to_stop(stack_engine: int) -> None:
    """Once would be a request; twice is an order."""
    os.kill(stack_engine, signal.SIGINT)
    os.kill(stack_engine, signal.SIGTERM)


def test_an_engine_that_is_asked_to_stop_finishes_what_it_is_at(
    backend: Backend, cloud: Cloud, clock: HandClock, args: GpuNodesArgs
) -> None:
    """SIGINT ends it once the group is there; the state knows the group, and destroying the stack takes it."""
    with raising(backend, cloud, clock, args) as stack:
        os.kill(stack.engine, signal.SIGINT)
        with passing(clock), pytest.raises(Failed):
            stack.outcome.result()
    with passing(clock):
        stacks.destroy(backend, NAME, tell=quiet)

    assert ([], []) == (groups(cloud), templates(cloud))


@pytest.mark.parametrize("end", [killed, told_to_stop], ids=["killed", "told to stop twice"])
def test_what_was_begun_is_found_by_its_name_and_made_anew(
    backend: Backend, cloud: Cloud, clock: HandClock, args: GpuNodesArgs, end: Callable[[int], None]
) -> None:
    """The lock goes, the group that nobody waited for is replaced by one that somebody did, and the stack is whole."""
    told: list[str] = []
    with raising(backend, cloud, clock, args) as stack:
        end(stack.engine)
        with pytest.raises(Failed):
            stack.outcome.result()
        stacks.recover(backend, NAME, identify=by_name, tell=told.append)
        with passing(clock):
            stacks.raise_stack(backend, NAME, program(args), region=REGION, tell=told.append)
            again = stacks.preview(backend, NAME, program(args), region=REGION)

    assert ["gpu-demo-1"] == groups(cloud)
    assert ["deleting NodeGroup gpu-demo-1", "creating NodeGroup gpu-demo-1"] == told[1:]
    assert "0 to create, 0 to update, 0 to replace, 0 to delete, 2 unchanged" == str(again)


def test_what_was_begun_is_destroyed_when_it_can_be_named(
    backend: Backend, cloud: Cloud, clock: HandClock, args: GpuNodesArgs
) -> None:
    """After a kill nothing is left to be swept, if the engine is told what it had begun."""
    with raising(backend, cloud, clock, args) as stack:
        killed(stack.engine)
        with pytest.raises(Failed):
            stack.outcome.result()
        stacks.recover(backend, NAME, identify=by_name, tell=quiet)
        with passing(clock):
            stacks.destroy(backend, NAME, tell=quiet)

    assert ([], [], ()) == (groups(cloud), templates(cloud), stacks.names(backend))


def test_a_pipeline_that_is_killed_takes_its_engine_with_it_and_is_cleared_up_after(
    backend: Backend, cloud: Cloud, clock: HandClock, args: GpuNodesArgs
) -> None:
    """Whether the engine dies at once, and leaves its lock, or ends what it is at: the next one leaves nothing."""
    said = json.dumps({"backend": asdict(backend), "args": asdict(args), "stack": NAME})
    with subprocess.Popen([sys.executable, RAISE], stdin=subprocess.PIPE, text=True) as parent:
        assert parent.stdin
        parent.stdin.write(said)
        parent.stdin.close()
        eventually(lambda: groups(cloud))
        parent.kill()
    locks = list(Path(backend.url.removeprefix("file://")).glob(f".pulumi/locks/**/{NAME}/*.json"))
    engine = json.loads(locks[0].read_text(encoding="utf-8"))["pid"]
    with passing(clock):
        eventually(lambda: not Path(f"/proc/{engine}").exists())
        stacks.recover(backend, NAME, identify=by_name, tell=quiet)
        stacks.destroy(backend, NAME, tell=quiet)

    assert ([], [], ()) == (groups(cloud), templates(cloud), stacks.names(backend))


def test_two_that_raise_the_same_stack_do_not_meet(
    backend: Backend, cloud: Cloud, clock: HandClock, args: GpuNodesArgs
) -> None:
    """The second is told which engine is at work, neither takes its lock, nor what it has begun for a dead one's."""
    with raising(backend, cloud, clock, args) as stack:
        locked = f"stack {NAME} is locked by process {stack.engine} on "
        with pytest.raises(Temporary, match=locked):
            stacks.raise_stack(backend, NAME, program(args), region=REGION, tell=quiet)
        with pytest.raises(Temporary, match=locked):
            stacks.recover(backend, NAME, identify=by_name, tell=quiet)

    stack.outcome.result()
    assert ["gpu-demo-1"] == groups(cloud)


def test_a_group_that_failed_is_never_updated_into_success(
    backend: Backend, cloud: Cloud, clock: HandClock, args: GpuNodesArgs
) -> None:
    """Raised again with the same inputs it is made anew, and fails anew: no engine calls it unchanged."""

    def sold_out() -> None:
        from pulumi_aws import eks

        eks.NodeGroup(
            "gpu-demo-1",
            cluster_name="mig",
            node_group_name="gpu-demo-1",
            node_role_arn=args.node_role_arn,
            subnet_ids=[args.subnet_id],
            instance_types=["p4de.24xlarge"],
            scaling_config={"desired_size": 1, "min_size": 0, "max_size": 1},
        )

    shown: list[float] = []
    progress = Progress(phase="platform", of=1, show=shown.append)
    with passing(clock):
        for _ in range(2):
            with pytest.raises(Failed, match="platform: creating NodeGroup gpu-demo-1: it is CREATE_FAILED, Asg"):
                stacks.raise_stack(backend, NAME, sold_out, region=REGION, tell=quiet, progress=progress)
        with pytest.raises(Failed, match="refresh: stack demo-1 holds what failed when it was made"):
            stacks.refresh(backend, NAME, tell=quiet)
        stacks.destroy(backend, NAME, tell=quiet)

    assert ([], []) == (groups(cloud), shown)
