"""Promises of following one workload to its end."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from mig.manifest import Launched
from mig.outcome import JobSeen, PodSeen, Result
from mig.plan import draw
from mig.readiness import Device, ReadySlices
from mig.spec import read, with_settings
from tasks import aws, collect
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
REQUEST = {"name": "r", "workloads": [{"name": "small", "kind": "train", "model": "mlp", "slice": "small"}]}
SPEC = read(REQUEST)
PLAN = draw(SPEC, "r-1")
READY = ReadySlices(
    nodes=(), devices=(Device(name="gpu-0-mig-1", node="n1", profile="1g.5gb", uuid="MIG-1", parent_uuid="GPU-1"),)
)
STEP = json.dumps({"type": "step", "step": 1, "progress": 0.25})
EPOCH = json.dumps({"type": "epoch", "epoch": 1, "loss": 0.61234, "progress": 0.5})
RESULT = json.dumps({"type": "result", "accuracy": 0.81})


class Outside:
    """A cluster that is seen as told, look by look, and an S3 that remembers what was put there."""

    def __init__(self) -> None:
        self.looks: list[JobSeen] = []
        self.logs: list[Sequence[str]] = []
        self.put: dict[str, str] = {}
        self.shown: list[tuple[float, str]] = []
        self.said: list[str] = []
        self.linked: list[str] = []

    def job(self, *_: object) -> JobSeen:
        """The next look; the last one lasts."""
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def log(self, *_: object) -> tuple[str, ...]:
        """The log so far; the last one lasts."""
        return tuple(self.logs.pop(0) if len(self.logs) > 1 else self.logs[0])

    whole_log = log

    def show(self, percent: float, at: str) -> None:
        """A bar's place, and what it is at."""
        self.shown.append((percent, at))

    def at(self, what: str) -> None:
        """What a bar is at that is not to be shown for that alone."""

    def put_object(self, **told: Any) -> dict[str, Any]:
        """Put one object."""
        self.put[told["Key"]] = told["Body"].decode()
        return {}

    def get_paginator(self, _: str) -> Any:
        """List what lies below a prefix by name, in two pages; what was put later is the younger."""
        ages = {key: age for age, key in enumerate(self.put)}
        pages = [{"Contents": [{"Key": key, "LastModified": ages[key]} for key in sorted(self.put)]}, {}]
        return SimpleNamespace(paginate=lambda **_: pages)


class FakeClock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        """The time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.time += seconds


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    """Everything that is looked at."""
    made, clock = Outside(), FakeClock()
    made.logs = [[STEP, EPOCH, "torch says hello", RESULT]]
    monkeypatch.setattr(collect, "observe", made)
    monkeypatch.setattr(collect, "Bar", lambda *_: made)
    monkeypatch.setattr(collect, "say", made.said.append)
    monkeypatch.setattr(collect, "publish_files", lambda _, __, addresses: made.linked.extend(addresses))
    monkeypatch.setattr(collect, "PacedClock", lambda: clock)
    monkeypatch.setattr(collect, "aws", lambda *_: made)
    monkeypatch.setattr(aws, "aws", lambda *_: made)
    return made


def pod(**differs: Any) -> PodSeen:
    """The workload's only pod."""
    usual = {
        "name": "small-0",
        "workload": "small",
        "index": 0,
        "node": "n1",
        "phase": "Succeeded",
        "why": "",
        "device": "gpu-0-mig-1",
        "exit_code": 0,
        "started": "2026-01-01T00:00:00Z",
        "finished": "2026-01-01T00:01:00Z",
    }
    return PodSeen(**{**usual, **differs})


def job(*pods: PodSeen, complete: bool = False, failed: str = "") -> JobSeen:
    """The workload's Job."""
    return JobSeen(
        workload="small", name="small", completions=1, succeeded=0, complete=complete, failed=failed, pods=pods
    )


RUNNING = job(pod(phase="Running", exit_code=None, finished=""))


def follow(*settings: str) -> Any:
    """What following the workload returns, with some of its fields changed."""
    launched = Launched(namespace="r-1", workloads=("small",))
    (workload,) = read(with_settings(REQUEST, settings)).workloads
    return collect.follow.fn(SITE, workload, spec=SPEC, plan=PLAN, launched=launched, ready=READY)


def test_a_workload_that_succeeds_is_a_result(outside: Outside) -> None:
    """Its metrics are its pod's answer, and its slice the planned profile."""
    outside.looks = [RUNNING, job(pod(), complete=True)]

    result: Result = follow()

    assert ("succeeded", {"accuracy": 0.81}, "1g.5gb") == (result.status, dict(result.metrics), result.profile)


def test_a_pod_is_remembered_with_the_device_it_had(outside: Outside) -> None:
    """A claim is gone as soon as its pod is done; the report knows the device all the same, and its GPU."""
    outside.looks = [RUNNING, job(pod(device=""), complete=True)]

    (came,) = follow().pods

    assert ("gpu-0-mig-1", "GPU-1") == (came.device, came.parent_uuid)


def test_a_workload_that_fails_is_a_failed_state_with_its_result(outside: Outside) -> None:
    """The task ends as failed with the reason, and whoever asks still gets all that is known."""
    outside.looks = [job(pod(phase="Failed", exit_code=42), failed="PodFailurePolicy: code 42")]

    state: State[Any] = follow()

    assert state.is_failed()
    assert "small: exit code 42: the request is wrong" in str(state.message)
    came = state.result(raise_on_failure=False)
    assert isinstance(came, Result)
    assert "failed" == came.status


def test_logs_are_kept_whole_and_named_in_the_result(outside: Outside) -> None:
    """Every line of every pod is in S3 below its workload; the result says where, and its task links to it."""
    outside.looks = [job(pod(), complete=True)]

    result = follow()

    key = "runs/r-1/workloads/small/logs/small-0.log"
    assert {key: f"{STEP}\n{EPOCH}\ntorch says hello\n{RESULT}\n"} == outside.put
    assert (f"s3://b/{key}",) == result.artifacts == tuple(outside.linked)


def test_what_was_left_is_named_in_the_order_of_its_age(outside: Outside) -> None:
    """By name alone the tenth epoch's model would stand before the second's."""
    outside.looks = [job(pod(), complete=True)]
    outside.put = {"model-2.pt": "", "model-10.pt": ""}

    result = follow()

    assert ["s3://b/model-2.pt", "s3://b/model-10.pt"] == list(result.artifacts[:2])


def test_answers_are_passed_on_once_as_they_come(outside: Outside) -> None:
    """Summaries become lines of the task's log; steps and other output do not, and nothing is said twice."""
    outside.looks = [RUNNING, RUNNING, job(pod(), complete=True)]
    outside.logs = [[STEP], [STEP, EPOCH], [STEP, EPOCH, "torch says hello", RESULT]]

    follow()

    assert ["small[0] epoch epoch 1 loss 0.6123 progress 0.5", "small[0] result accuracy 0.81"] == [
        line for line in outside.said if line.startswith("small[")
    ]


def test_the_bar_follows_steps_and_epochs(outside: Outside) -> None:
    """Progress is shown in percent, from whatever line tells it, with the pods that run and the epoch."""
    outside.looks = [RUNNING, job(pod(), complete=True)]
    outside.logs = [[], [STEP, EPOCH]]

    follow()

    running = "1/1 pods running"
    assert [(25, running), (50, f"{running}, epoch 1 of 1")] == outside.shown


def test_the_bar_is_that_of_all_pods(outside: Outside) -> None:
    """A workload of two pods is half done when one of them is."""
    outside.looks = [job(pod(), complete=True)]
    outside.logs = [[json.dumps({"type": "step", "progress": 1})]]

    follow("workloads.0.count=2")

    assert [50] == [percent for percent, _ in outside.shown]


def test_a_pod_that_has_not_started_has_nothing_to_say(outside: Outside) -> None:
    """No log is read before a container runs."""
    outside.looks = [job(pod(phase="Pending", started="", exit_code=None)), job(complete=True)]

    follow()

    assert [] == outside.shown
