"""
What becomes of a run when it is killed and nobody is left to say so; and of one that lives, when the server is killed.

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

from bench.parts import Parts, Request, ask, ended, endless, kill, name_of, over, parts, taken_down, training, wait
from bench.promise import Promise

LATEST_SECONDS = 75 + 15
"""The limit of deployments/automations.yaml, and what Prefect takes to see that it is over."""

BACK_SECONDS = 60
"""For server and worker to be started anew, and to start the teardown."""

AWAY_SECONDS = 20
"""For how long the server is away: longer than Prefect's client tries again by itself."""


def measure() -> Iterator[Promise]:
    """One after the other: worker and run together, the server alone, all three."""
    with parts() as on:
        yield from _worker_and_run(on)
        yield from _server(on)
        yield from _all(on)
        yield _needless(on)


def _worker_and_run(on: Parts) -> Iterator[Promise]:
    request = endless("silent")
    with on.client() as prefect:
        run, killed = _killed(on, request)
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


def _all(on: Parts) -> Iterator[Promise]:
    request = endless("gone")
    run, killed = _killed(on, request)
    kill(on.server)
    on.start_server()
    on.start_worker()
    with on.client() as prefect:
        state = ended(prefect, run).state
        begun, released, seconds = taken_down(prefect, name_of(request, run), since=killed)
    assert state is not None
    what = f"SIGKILL of server, worker and run: {state.name}; with both back the teardown is at work after"
    yield Promise(what=what, measured=begun, most=LATEST_SECONDS + BACK_SECONDS, unit="s")
    what = f"  {released} after {seconds:.0f} s; instances billed then"
    yield Promise(what=what, measured=len(on.billed()), most=0, unit="instances")


def _needless(on: Parts) -> Promise:
    """Two of the three could not take themselves down; what is seen of them late would be seen by now."""
    with on.client() as prefect:
        begun = [each for each in prefect.read_flow_runs() if "run_id" in each.parameters]
    return Promise(
        what="  teardowns of all three, but the two that were needed", measured=len(begun) - 2, most=0, unit=""
    )


def _killed(on: Parts, request: Request) -> tuple[FlowRun, float]:
    """A run that trains is killed, and its worker first, so that nobody says so; and when that was."""
    with on.client() as prefect:
        run = ask(prefect, request)
        training(prefect, run)
        pid = int(prefect.read_flow_run(run.id).infrastructure_pid or 0)
    kill(on.worker)
    os.kill(pid, signal.SIGKILL)
    return run, time.time()


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
    what = f"SIGKILL of the server, away for {AWAY_SECONDS} s; looked at for {lived:.0f} s once it is back: runs lost"
    yield Promise(what=what, measured=int(lost), most=0, unit="runs")
    what = f"  cancelled then: {last.state_name} after {cancelled:.1f} s, nodes taken down by itself; billed then"
    yield Promise(what=what, measured=len(on.billed()), most=0, unit="instances")


def _lost(prefect: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether a run ends that nobody has asked to, looked at for as long as a silence would need to be seen, twice."""
    with suppress(TimeoutError):
        wait(lambda: over(prefect.read_flow_run(run.id)), 2 * LATEST_SECONDS, "the end of a run that lives on")
        return True
    return False
