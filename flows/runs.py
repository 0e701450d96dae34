"""
Flow runs of ours: cancelled and waited for before anything beneath them goes; settled when an earlier death left them.

A worker that is told to end kills its runs without their teardown; a run that is cancelled takes its nodes down first.
"""

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Crashed

from flows.interrupts import Ending
from mig.verdict import Settled, Verdict, Waiting
from tasks.wait import Clock, PacedClock, Patience, until

END_SECONDS = 180
"""For runs to take their nodes down: about twenty in a rehearsal, half a minute more when its pods are slow to end."""

BEGUN = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
"""States of a run that a process works on, or worked on when it died."""

CUT_OFF = "mig serve ended without waiting for its teardown; what it had in the World went with that"
"""Said of a run whose process died with our worker."""

UNFINISHED = (StateType.SCHEDULED, *BEGUN)


class Runs(Protocol):
    """What is needed of Prefect's client."""

    def read_flow_runs(
        self, *, flow_run_filter: FlowRunFilter | None = None, work_pool_filter: WorkPoolFilter | None = None
    ) -> list[FlowRun]:
        """The flow runs that pass the filters."""

    def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """One of them."""

    def set_flow_run_state(self, flow_run_id: UUID, state: State[Any], force: bool = False) -> object:  # noqa: FBT001, FBT002 (Prefect's)
        """Propose a state, or force it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Which flow runs are ours."""

    pool: str
    worker: str
    """The name of our worker, which labels the runs it starts."""
    whole: bool
    """Everything in the pool is ours, because the server is; else only what our worker has started."""

    def due(self, prefect: Runs) -> tuple[FlowRun, ...]:
        """Runs of ours that have not ended. What is planned for later is none of them: it waits for the next start."""
        found = prefect.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(UNFINISHED))),
                expected_start_time=FlowRunFilterExpectedStartTime(before_=datetime.now(UTC)),
            ),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self.pool])),
        )
        return tuple(run for run in found if self.whole or run.labels.get("prefect.worker.name") == self.worker)


def cancel(
    prefect: Runs,
    ours: Ours,
    ending: Ending,
    *,
    tell: Callable[[str], None],
    clock: Clock | None = None,
    end: Callable[[FlowRun], bool] | None = None,
) -> tuple[UUID, ...]:
    """
    End our runs, also those that are started meanwhile, and wait for it. Raises Failed after a while.

    Returns those that were going: `named_cancelled` says how they ended, when no worker speaks of them any more.
    `end` tells the process of one to end, if it has one here; None: by signal.
    """
    asked: set[tuple[UUID, StateType | None]] = set()
    going: list[UUID] = []

    def observe() -> tuple[FlowRun, ...]:
        for run in (found := ours.due(prefect)):
            if run.state_type is StateType.CANCELLING or (run.id, run.state_type) in asked:
                continue
            asked.add((run.id, run.state_type))
            if run.state_type is StateType.RUNNING and (end or told_to_end)(run):
                going.append(run.id)
            else:
                prefect.set_flow_run_state(run.id, State(type=StateType.CANCELLING))
        return found

    patience = Patience(phase="end", deadline=END_SECONDS, every=0.5, clock=clock or PacedClock(), tell=tell)
    until(observe, lambda found: judge(found, hurried=ending.hurried), patience)
    return tuple(going)


def told_to_end(run: FlowRun) -> bool:
    """
    Tell a run's processes on this machine to end, as Prefect does when it is cancelled; False: there are none here.

    Prefect kills them 30 s later (3.8, runner/_cancellation_manager.py), and a teardown may take longer.
    """
    try:
        pid = int(run.infrastructure_pid or "")
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if f"PREFECT__FLOW_RUN_ID={run.id}".encode() not in environment:
            return False  # another's by now
        os.killpg(pid, signal.SIGTERM)  # the leader of a group of its own
    except (ValueError, FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return True


def named_cancelled(prefect: Runs, ours: Ours, ended: Iterable[UUID]) -> None:
    """
    Say of our runs that they were cancelled, once no worker speaks of them any more.

    What was told to end counts for Prefect as crashed; what died with its worker, because nobody waited, as running.
    """
    for run in ended:
        if prefect.read_flow_run(run).state_type is StateType.CRASHED:
            prefect.set_flow_run_state(run, Cancelled(message="mig serve was told to end"), force=True)
    for left in ours.due(prefect):
        if left.state_type in BEGUN:
            prefect.set_flow_run_state(left.id, Cancelled(message=CUT_OFF), force=True)


def judge(unfinished: Sequence[FlowRun], *, hurried: bool) -> Verdict[None]:
    """Whether everything has ended, or nobody waits for it any longer."""
    if hurried or not unfinished:
        return Settled(None)
    return Waiting("runs take their nodes down: " + ", ".join(sorted(run.name for run in unfinished)))


def settle(prefect: Runs, ours: Ours) -> None:
    """End what an earlier death left: its World has gone with it, so its runs are over."""
    for run in ours.due(prefect):
        if state := fate(run):
            prefect.set_flow_run_state(run.id, state, force=True)


def fate(run: FlowRun) -> State[Any] | None:
    """How a run that an earlier death left is to end; None: a person has asked for it, and it is carried out now."""
    if run.state_type in BEGUN:
        return Crashed(message="mig serve ended while this ran; its World went with it")
    if run.auto_scheduled:
        return Cancelled(message="nobody was there to start it")
    return None
