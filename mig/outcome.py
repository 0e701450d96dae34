"""
Outcomes: what became of the Jobs, judged from Jobs, pods and claims as the API server knows them.

A workload that fails ends for itself: it is settled as `failed`, and the others go on. What a pod's lines mean to its
model is not known here: they are handed on as they are.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mig.readiness import Device
from mig.spec import Workload
from mig.verdict import Settled, Verdict, Waiting
from training.contract import REQUEST_IS_WRONG, read_line

WorkloadStatus = Literal["succeeded", "failed", "cancelled"]

CURVE = 200
"""As many steps as a curve shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSeen:
    """One pod of a workload at one moment."""

    name: str
    workload: str
    index: int
    node: str
    phase: str
    """`Pending`, `Running`, `Succeeded`, `Failed`."""
    why: str
    """The scheduler's or the container's own sentence when it is stuck or has failed; empty otherwise."""
    device: str
    """The device its claim was given; empty: none yet."""
    exit_code: int | None
    started: str
    """ISO 8601 UTC; empty: not yet."""
    finished: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSeen:
    """One workload's Job and its pods at one moment."""

    workload: str
    name: str
    completions: int
    succeeded: int
    complete: bool
    failed: str
    """The reason and message of the Job's Failed condition; empty: it has none."""
    pods: tuple[PodSeen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PodResult:
    """What one pod did, where, and when."""

    name: str
    index: int
    node: str
    device: str
    parent_uuid: str
    exit_code: int | None
    started: str
    finished: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one workload came to."""

    workload: str
    kind: str
    slice: str
    """As the request says it."""
    profile: str
    status: WorkloadStatus
    why: str
    """Why it is not `succeeded`; empty otherwise."""
    pods: tuple[PodResult, ...]
    metrics: Mapping[str, Any]
    """The `result` line of its first pod, with `pods`: the same of every pod, where there are several."""
    curve: tuple[Mapping[str, Any], ...]
    """The `epoch` lines of its first pod, in order."""
    artifacts: tuple[str, ...]
    """`s3://` addresses of what it left: models, metrics, logs."""
    steps: tuple[Mapping[str, Any], ...] = ()
    """The `step` lines of its first pod, in order, thinned to a curve's worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One workload that will not go on."""

    workload: str
    status: WorkloadStatus
    why: str
    """Why it is not `succeeded`; empty otherwise."""
    pods: tuple[PodSeen, ...]


_MEANINGS = {
    REQUEST_IS_WRONG: "the request is wrong, its log says how",
    137: "killed: out of memory, or not gone in time",
    143: "ended from outside before it was done",
}
"""What an exit code says; any other is the program's own, and its log says why."""

_HOPELESS = ("InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError")
"""What a container waits in that no waiting cures."""


def judge(job: JobSeen, producer: JobSeen | None = None) -> Verdict[Ended]:
    """
    Whether a workload has ended, and how.

    Args:
        job: the workload's Job.
        producer: the Job of the workload whose models it serves, if it serves one of the same request.
    """
    if job.complete:
        return Settled(Ended(workload=job.workload, status="succeeded", why="", pods=job.pods))
    if why := _failure(job) or _starved(producer):
        return Settled(Ended(workload=job.workload, status="failed", why=why, pods=job.pods))
    return Waiting(f"{job.workload}: {_progress(job)}")


def judge_all(jobs: Iterable[JobSeen], producers: Mapping[str, str]) -> Verdict[tuple[Ended, ...]]:
    """
    Whether all workloads of a run have ended.

    Args:
        jobs: every Job of the run.
        producers: for each workload that serves another's models, that other one's name.
    """
    by_name = {job.workload: job for job in jobs}
    ended, waiting = [], []
    for name, job in by_name.items():
        match judge(job, by_name.get(producers.get(name, ""))):
            case Settled(value):
                ended.append(value)
            case other:
                waiting.append(other.why)
    return Waiting("; ".join(waiting)) if waiting else Settled(tuple(ended))


def stopped(job: JobSeen) -> Ended:
    """What is said of a workload when its run is cancelled before it has ended."""
    verdict = judge(job)
    if isinstance(verdict, Settled):
        return verdict.value
    return Ended(workload=job.workload, status="cancelled", why="the run ended before it did", pods=job.pods)


def result(
    workload: Workload,
    ended: Ended,
    *,
    profile: str,
    said: Mapping[str, Sequence[str]],
    devices: Iterable[Device],
    artifacts: Sequence[str],
) -> Result:
    """
    What a workload came to.

    Args:
        workload: as the request has it.
        ended: how it ended.
        profile: the exact profile of its slices.
        said: the lines of each pod's log, by the pod's name.
        devices: every device of the run's nodes.
        artifacts: `s3://` addresses of what it left.
    """
    parents = {(device.node, device.name): device.parent_uuid for device in devices}
    answers = [_answers(said.get(pod.name, ())) for pod in _last_of_each_index(ended.pods)]
    results = [_of_type(lines, "result")[-1] for lines in answers if _of_type(lines, "result")]
    several = {"pods": results} if len(results) > 1 else {}
    return Result(
        workload=workload.name,
        kind=workload.kind,
        slice=workload.slice,
        profile=profile,
        status=ended.status,
        why=_with_sentence(ended, answers),
        pods=tuple(_pod_result(pod, parents.get((pod.node, pod.device), "")) for pod in ended.pods),
        metrics={**(results[0] if results else {}), **several},
        curve=_of_type(answers[0], "epoch") if answers else (),
        artifacts=tuple(artifacts),
        steps=_thinned(_of_type(answers[0], "step")) if answers else (),
    )


def _with_sentence(ended: Ended, answers: Iterable[Sequence[Mapping[str, Any]]]) -> str:
    """Why it failed, as its own pods say it before anything that Kubernetes knows."""
    said = [event["why"] for lines in answers for event in _of_type(lines, "event") if event.get("event") == "failed"]
    return f"{said[-1]} ({ended.why})" if said and ended.status == "failed" else ended.why


def _failure(job: JobSeen) -> str:
    """Why a Job has failed, or will; empty: it may still succeed."""
    hopeless = next((pod.why for pod in job.pods if any(reason in pod.why for reason in _HOPELESS)), "")
    if not job.failed:
        return hopeless
    codes = [pod.exit_code for pod in job.pods if pod.exit_code]
    meant = f"exit code {codes[-1]}: {_MEANINGS.get(codes[-1], 'its log says why')}" if codes else ""
    return f"{meant} ({job.failed})" if meant else job.failed


def _starved(producer: JobSeen | None) -> str:
    why = _failure(producer) if producer else ""
    return f"{producer.workload!r}, whose models it serves, failed: {why}" if producer and why else ""


def _progress(job: JobSeen) -> str:
    phases = Counter(pod.phase for pod in job.pods if pod.phase in {"Pending", "Running", "Succeeded"})
    counted = [
        f"{phases[phase]}/{job.completions} pods {phase.lower()}" for phase in ("Running", "Pending", "Succeeded")
    ]
    shown = [text for text in counted if not text.startswith("0/")] or ["no pod yet"]
    held = next((pod.why for pod in job.pods if pod.why and pod.phase in {"Pending", "Running"}), "")
    return ", ".join(shown) + (f": {held}" if held else "")


def _last_of_each_index(pods: Iterable[PodSeen]) -> list[PodSeen]:
    """A replaced pod's answers are not the workload's."""
    by_index = {pod.index: pod for pod in sorted(pods, key=lambda pod: (pod.phase == "Succeeded", pod.started))}
    return [by_index[index] for index in sorted(by_index)]


def _answers(lines: Iterable[str]) -> tuple[dict[str, Any], ...]:
    return tuple(answer for text in lines if (answer := read_line(text)))


def _of_type(answers: Iterable[Mapping[str, Any]], kind: str) -> tuple[dict[str, Any], ...]:
    return tuple({k: v for k, v in each.items() if k != "type"} for each in answers if each["type"] == kind)


def _thinned(lines: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    every = -(-len(lines) // CURVE) or 1
    return lines[::-1][::every][::-1]  # the last one stays


def _pod_result(pod: PodSeen, parent_uuid: str) -> PodResult:
    return PodResult(
        name=pod.name,
        index=pod.index,
        node=pod.node,
        device=pod.device,
        parent_uuid=parent_uuid,
        exit_code=pod.exit_code,
        started=pod.started,
        finished=pod.finished,
    )
