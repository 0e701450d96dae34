"""
What becomes of a run when its worker is killed with it, so that nobody says that it died; and when the server is.

On a real server and worker, with the automations of deployments/automations.yaml. What is left is asked of the World's
account, which outlives them all.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType

from bench.parts import Parts, ask, ended, endless, kill, name_of, over, parts, taken_down, training, wait
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
    with on.client() as prefect:
        back = time.time()
        lost = _lost(prefect, run)
        lived = time.time() - back
        asked = time.time()
        prefect.set_flow_run_state(run.id, State(type=StateType.CANCELLING))
        last = ended(prefect, run)
        cancelled = time.time() - asked
        _, released, seconds = taken_down(prefect, name_of(request, run), since=asked)
    what = f"SIGKILL of the server, away for {AWAY_SECONDS} s; looked at for {lived:.0f} s once it is back: runs lost"
    yield Promise(what=what, measured=int(lost), most=0, unit="runs")
    what = f"  cancelled then: {last.state_name} after {cancelled:.1f} s, {released} after {seconds:.0f} s; billed then"
    yield Promise(what=what, measured=len(on.billed()), most=0, unit="instances")


def _lost(prefect: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether a run ends that nobody has asked to, looked at for as long as a silence would need to be seen, twice."""
    with suppress(TimeoutError):
        wait(lambda: over(prefect.read_flow_run(run.id)), 2 * LATEST_SECONDS, "the end of a run that lives on")
        return True
    return False
