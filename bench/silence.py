"""
What becomes of a run when nobody is left to say that it died: its worker killed with it, or the server that hears it.

On a real server and worker, with the automations of deployments/automations.yaml. What is left is asked of the World's
account, which outlives them all.
"""

import os
import signal
import time
from collections.abc import Iterator

from bench.parts import Parts, ask, ended, endless, kill, name_of, parts, taken_down, training
from bench.promise import Promise

LATEST_SECONDS = 30 + 30
"""The heartbeat of deployments/automations.yaml, and thirty seconds."""

AWAY_SECONDS = 20
"""For how long the server is away: longer than Prefect's client tries again by itself."""


def measure() -> Iterator[Promise]:
    """One after the other: worker and run together, then the server."""
    with parts() as on:
        yield from _worker_and_run(on)
        yield from _server(on)


def _worker_and_run(on: Parts) -> Iterator[Promise]:
    request = endless("silent")
    with on.client() as prefect:
        run = ask(prefect, request)
        training(prefect, run)
        pid = int(prefect.read_flow_run(run.id).infrastructure_pid or 0)
        kill(on.worker)
        os.kill(pid, signal.SIGKILL)
        killed = time.time()
        state = ended(prefect, run).state
        assert state is not None
        crashed = state.timestamp.timestamp() - killed
        on.start_worker()
        back = time.time()
        begun, released, seconds = taken_down(prefect, name_of(request, run), since=back)
    what = f"SIGKILL of worker and run: {state.name} ({state.message}) after"
    yield Promise(what=what, measured=crashed, most=LATEST_SECONDS, unit="s")
    what = (
        f"  a worker is back: the teardown at work after {begun:.1f} s, {released} after {seconds:.0f} s; billed then"
    )
    yield Promise(what=what, measured=len(on.billed()), most=0, unit="instances")


def _server(on: Parts) -> Iterator[Promise]:
    request = endless("unheard")
    with on.client() as prefect:
        run = ask(prefect, request)
        training(prefect, run)
    kill(on.server)
    time.sleep(AWAY_SECONDS)
    on.start_server()
    back = time.time()
    if on.worker is not None and on.worker.poll() is not None:
        on.start_worker()
    with on.client() as prefect:
        state = ended(prefect, run).state
        assert state is not None
        crashed = state.timestamp.timestamp() - back
        begun, released, seconds = taken_down(prefect, name_of(request, run), since=back)
    what = f"SIGKILL of the server, away for {AWAY_SECONDS} s; once it is back: {state.name} after {crashed:.0f} s"
    yield Promise(what=f"{what}, its teardown at work after", measured=begun, most=2 * LATEST_SECONDS, unit="s")
    what = f"  {released} after {seconds:.0f} s; instances billed then"
    yield Promise(what=what, measured=len(on.billed()), most=0, unit="instances")
