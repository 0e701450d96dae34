"""
What becomes of a run whose process or worker is killed, or which is cancelled, when nobody does anything about it.

On a real server and worker, with the automations of deployments/automations.yaml. What is left is asked of the World's
account, which outlives them all.
"""

import os
import signal
import time
from collections.abc import Iterator

from prefect.client.schemas.objects import State, StateType

from bench.parts import Parts, ask, ended, endless, kill, name_of, parts, taken_down, tiny, training
from bench.promise import Promise

LATEST_SECONDS = 30 + 30
"""The heartbeat of deployments/automations.yaml, and thirty seconds."""


def measure() -> Iterator[Promise]:
    """One after the other: a process, a cancellation, a worker."""
    with parts() as on:
        yield from _process(on)
        yield from _cancelled(on)
        yield from _worker(on)


def _process(on: Parts) -> Iterator[Promise]:
    request = endless("killed")
    with on.client() as prefect:
        run = ask(prefect, request)
        training(prefect, run)
        pid = int(prefect.read_flow_run(run.id).infrastructure_pid or 0)
        os.kill(pid, signal.SIGKILL)
        killed = time.time()
        state = ended(prefect, run).state
        assert state is not None
        crashed = state.timestamp.timestamp() - killed
        begun, released, seconds = taken_down(prefect, name_of(request, run), since=killed)
    what = f"SIGKILL of a run's process: {state.name} after {crashed:.1f} s, its teardown at work after"
    yield Promise(what=what, measured=begun, most=LATEST_SECONDS, unit="s")
    what = f"  {released} after {seconds:.0f} s; instances billed then"
    yield Promise(what=what, measured=len(on.billed()), most=0, unit="instances")


def _cancelled(on: Parts) -> Iterator[Promise]:
    request = endless("cancelled")
    with on.client() as prefect:
        run = ask(prefect, request)
        training(prefect, run)
        asked = time.time()
        prefect.set_flow_run_state(run.id, State(type=StateType.CANCELLING))
        over = ended(prefect, run)
        cancelled = time.time() - asked
        _, released, seconds = taken_down(prefect, name_of(request, run), since=asked)
        state = prefect.read_flow_run(run.id).state_name
    what = f"cancelled: {over.state_name} after {cancelled:.1f} s, {state} in the end: runs that count as crashed"
    yield Promise(what=what, measured=int(state != "Cancelled"), most=0, unit="runs")
    what = f"  {released} after {seconds:.0f} s; instances billed then"
    yield Promise(what=what, measured=len(on.billed()), most=0, unit="instances")


def _worker(on: Parts) -> Iterator[Promise]:
    with on.client() as prefect:
        run = ask(prefect, tiny("orphan"))
        training(prefect, run)
        kill(on.worker)
        state = ended(prefect, run).state
    assert state is not None
    said = f" ({state.message})" if state.message else ""
    what = f"SIGKILL of the worker alone: its run ends {state.name}{said}; runs lost"
    yield Promise(what=what, measured=int(not state.is_completed()), most=0, unit="runs")
    yield Promise(what="  instances billed then", measured=len(on.billed()), most=0, unit="instances")
