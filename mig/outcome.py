"""Outcomes: what became of the Jobs, judged from Jobs, pods and claims as the API server knows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

WorkloadStatus = Literal["succeeded", "failed", "cancelled"]


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
