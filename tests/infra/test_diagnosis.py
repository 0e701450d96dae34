"""What the engine's events mean, and whether the owner of a lock still lives."""

import os
import socket
import subprocess
import sys
import threading
from contextvars import ContextVar
from typing import Any

import pytest
from pulumi.automation import EngineEvent

from infra.diagnosis import Listener, LockOwner, Progress, lock_owner, owner_lives
from mig.errors import Failed, PipelineError, Temporary

STACK = "urn:pulumi:demo-1::mig::pulumi:pulumi:Stack::mig-demo-1"
GROUP = "urn:pulumi:demo-1::mig::aws:eks/nodeGroup:NodeGroup::gpu-demo-1"
AWS = (
    "1 error occurred:\n\t* creating EKS Node Group (mig:gpu-demo-1): operation error EKS: CreateNodegroup, https"
    " response error StatusCode: 409, RequestID: 0f-1, {}\n\n"
)


def step(op: str) -> dict[str, Any]:
    """One step on the node group."""
    return {"metadata": {"op": op, "urn": GROUP, "type": "aws:eks/nodeGroup:NodeGroup", "provider": ""}}


def said(urn: str, message: str, severity: str = "error") -> EngineEvent:
    """The engine says something of a resource."""
    diagnostic = {"message": message, "color": "never", "severity": severity, "urn": urn}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "diagnosticEvent": diagnostic})


FAILED = EngineEvent.from_json({"sequence": 2, "timestamp": 1, "resOpFailedEvent": step("create")})


def meaning(events: list[EngineEvent], exit_text: str = " code: 1") -> PipelineError | None:
    """What a listener makes of these."""
    listener = Listener(tell=lambda _: None, progress=Progress())
    for event in events:
        listener.hear(event)
    return listener.failure(exit_text)


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        pytest.param(
            [said(GROUP, AWS.format("ResourceInUseException: NodeGroup already exists")), FAILED],
            "capacity: creating NodeGroup gpu-demo-1: ResourceInUseException: NodeGroup already exists",
            id="an EKS error is told by its code and sentence",
        ),
        pytest.param(
            [said(GROUP, AWS.format("api error UnauthorizedOperation: You may not")), FAILED],
            "capacity: creating NodeGroup gpu-demo-1: UnauthorizedOperation: You may not",
            id="so is one of EC2's, which the SDK words otherwise",
        ),
        pytest.param(
            [said(STACK, "update failed"), said(GROUP, "Missing required parameter: subnets")],
            "capacity: NodeGroup gpu-demo-1: Missing required parameter: subnets",
            id="an input that was refused when checked: no operation had begun",
        ),
        pytest.param(
            [
                said(
                    GROUP,
                    "1 error occurred:\n\t* waiting for EKS Node Group (mig:gpu-demo-1) create: unexpected state"
                    " 'CREATE_FAILED', wanted target 'ACTIVE'. last error: eks-gpu-1f: AsgInstanceLaunchFailures: Could"
                    " not launch On-Demand Instances.\n\n",
                ),
                FAILED,
            ],
            "capacity: creating NodeGroup gpu-demo-1: it is CREATE_FAILED, AsgInstanceLaunchFailures: Could not launch"
            " On-Demand Instances.",
            id="what exists and failed is told by its status and EKS's own code",
        ),
        pytest.param([said("", "disk full")], "capacity: the engine: disk full", id="the engine's own trouble"),
        pytest.param(
            [
                said(GROUP, "a warning", severity="warning"),
                said(GROUP, "reason one"),
                said(GROUP, "reason two"),
                FAILED,
            ],
            "capacity: creating NodeGroup gpu-demo-1: reason one",
            id="the first error of the resource that failed",
        ),
    ],
)
def test_failure(events: list[EngineEvent], sentence: str) -> None:
    """A failure is told by the resource and the reason, not by the engine's whole text."""
    found = meaning(events)

    assert isinstance(found, Failed)
    assert sentence == str(found)


def test_throttling_is_temporary() -> None:
    """AWS being busy is no reason to give up."""
    found = meaning([said(GROUP, AWS.format("ThrottlingException: Rate exceeded")), FAILED])

    assert isinstance(found, Temporary)


def test_unknown_stays_unknown() -> None:
    """What nothing explains is not guessed at."""
    assert meaning([]) is None


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        pytest.param(-9, "capacity: the Pulumi engine was ended by signal 9", id="it was killed"),
        pytest.param(
            8, "capacity: the Pulumi engine was told to stop before it was done", id="it was interrupted twice"
        ),
    ],
)
def test_ended_engine(code: int, sentence: str) -> None:
    """An engine that was ended says so by nothing but its exit code."""
    assert sentence == str(meaning([], f"\n code: {code}\n stdout: \n stderr: "))


def test_steps_are_told() -> None:
    """Who waits hears what the engine is doing."""
    told: list[str] = []
    listener = Listener(tell=told.append, progress=Progress())
    for op in ("same", "create", "delete"):
        listener.hear(EngineEvent.from_json({"sequence": 1, "timestamp": 1, "resourcePreEvent": step(op)}))

    assert ["creating NodeGroup gpu-demo-1", "deleting NodeGroup gpu-demo-1"] == told


def test_progress_is_counted_by_resource() -> None:
    """A replacement is three steps of the engine's and one change; who watches sees how many of how many are done."""
    told, shown = [], []
    listener = Listener(tell=told.append, progress=Progress(of=2, show=shown.append))
    for op in ("delete-replaced", "replace", "create-replacement"):
        listener.hear(EngineEvent.from_json({"sequence": 1, "timestamp": 1, "resourcePreEvent": step(op)}))
        listener.hear(EngineEvent.from_json({"sequence": 2, "timestamp": 1, "resOutputsEvent": step(op)}))

    assert (["replacing NodeGroup gpu-demo-1 (1 of 2)"], [50.0]) == (told, shown)
    assert "0 to create, 0 to update, 1 to replace, 0 to delete, 0 unchanged" == str(listener.heard())


def test_who_is_told_knows_for_which_run() -> None:
    """The engine's events come in a thread of their own, and yet are told where the engine was asked."""
    run: ContextVar[str] = ContextVar("run")
    told: list[str] = []
    run.set("demo")
    listener = Listener(tell=lambda _: told.append(run.get()), progress=Progress())
    event = EngineEvent.from_json({"sequence": 1, "timestamp": 1, "resourcePreEvent": step("create")})
    thread = threading.Thread(target=listener.hear, args=(event,))
    thread.start()
    thread.join()

    assert ["demo"] == told


def test_lock_owner() -> None:
    """The refusal names the engine that holds the lock."""
    refusal = (
        "the stack is currently locked by 1 lock(s).\n  file:///x.json: created by root@vm (pid 6777) at 2026-11-23"
    )

    assert LockOwner(host="vm", pid=6777) == lock_owner(refusal)


def test_lock_without_owner() -> None:
    """A refusal that names nobody is not guessed at."""
    assert lock_owner("the stack is currently locked") is None


def ended() -> int:
    """The number of a process that has been."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


@pytest.mark.parametrize(
    ("host", "pid", "alive"),
    [
        pytest.param(socket.gethostname(), ended(), False, id="a process that has ended"),
        pytest.param(socket.gethostname(), os.getpid(), False, id="its number went to another program"),
        pytest.param("elsewhere", ended(), True, id="nobody here can know of another machine"),
    ],
)
def test_owner_lives(host: str, pid: int, alive: bool) -> None:  # noqa: FBT001 (a table's column)
    """A lock is taken away only from an engine that is known to be dead."""
    assert alive is owner_lives(LockOwner(host=host, pid=pid))
