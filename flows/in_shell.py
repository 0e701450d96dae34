"""A flow in a shell: how it ended becomes a line and an exit code, and who waits for capacity sees try after try."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import tags
from prefect.client.schemas.objects import State

from flows.endings import hand_over
from flows.pipeline import pipeline
from flows.telling import run_id
from mig.report import RunReport, exit_code
from mig.spec import RunSpec
from mig.tries import Try
from mig.verdict import Settled, Verdict, Waiting
from tasks.publish import report_path
from tasks.wait import Clock, PacedClock, Patience, until

NO_CAPACITY = 3
"""Exit code of a run whose every offer was refused, and which left nothing."""

LOOK_SECONDS = 5
"""Between two looks at the clock while the next try is waited for."""

Tell = Callable[[str], None]


def carried_out(spec: RunSpec, *, wait: bool, tell: Tell) -> int:
    """Run the pipeline, with `wait` as often as the request allows, and return the exit code of the last try."""
    this = Try(of=spec.capacity.attempts if wait else 1)
    while True:
        state = _once(spec, this)
        flow_run = str(state.state_details.flow_run_id)
        report = _reported(run_id(spec.name, flow_run))
        if report is None:
            return 2 if state.name == "Refused" else 1
        code = exit_code(report.status, verified=report.teardown.verified)
        minutes, clock = spec.capacity.retry_minutes, PacedClock(scale=report.clock.scale)
        left = timedelta(minutes=minutes) / clock.scale
        following = this.following(report.run_id, flow_run, now=datetime.now(UTC), pause=left)
        if code != NO_CAPACITY or following is None:
            return code
        pause(minutes, following, clock, tell)
        this = following


def pause(minutes: float, following: Try, clock: Clock, tell: Tell) -> None:
    """Let so many minutes of a clock pass before the next try."""
    end = clock.now() + minutes * 60

    def judge(now: float) -> Verdict[None]:
        return Settled(None) if now >= end else Waiting(f"{following} begins in {minutes:g} minutes")

    patience = Patience(phase="capacity", deadline=minutes * 60 + 60, every=LOOK_SECONDS, clock=clock, tell=tell)
    until(clock.now, judge, patience)


def ended(state: State[Any]) -> int:
    """Say how a flow of one line ended, and return the exit code."""
    hand_over()
    print(f"{state.name}: {state.message}" if state.message else state.name, file=sys.stderr)
    return {"Refused": 2, "LeftBehind": 4}.get(str(state.name), 0 if state.is_completed() else 1)


def _once(spec: RunSpec, this: Try) -> State[Any]:
    with tags(*this.tags):
        state = pipeline(spec, return_state=True)
    hand_over()
    if state.message:
        print(f"{state.name}: {state.message}", file=sys.stderr)
    return state


def _reported(run: str) -> RunReport | None:
    """The report of a run, and where it is; None: it left none."""
    path = report_path(run)
    if not path.exists():
        return None
    print(f"report: {path}")
    return RunReport.model_validate_json(path.read_text(encoding="utf-8"))
