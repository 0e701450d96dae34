"""
Twenty runs asked for at once where two may run: how many do, and what becomes of the others.

On a real server and worker; the limit is that of the deployment `gpu-run`, asked to rehearse. Takes some 15 minutes.
"""

import time
from collections import Counter
from collections.abc import Iterator

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

from bench.parts import ask, over, parts, tiny
from bench.promise import Promise

RUNS, LIMIT = 20, 2
LONGEST = 1800


def measure() -> Iterator[Promise]:
    """All asked for within a moment; looked at once a second until the last is over."""
    with parts() as on, on.client() as prefect:
        began = time.monotonic()
        asked = [ask(prefect, tiny(f"turn-{number}"), "gpu-run") for number in range(RUNS)]
        most, waiting, runs = _watched(prefect, asked)
        seconds = time.monotonic() - began
        yield Promise(
            what=f"{RUNS} runs asked for at once: at work side by side", measured=most, most=LIMIT, unit="runs"
        )
        what = "  that wait for their turn, at most"
        yield Promise(what=what, measured=waiting, least=RUNS - LIMIT, most=RUNS - LIMIT, unit="runs")
        ends = Counter(str(run.state_name) for run in runs)
        what = (
            f"  in the end {', '.join(f'{count} {name}' for name, count in ends.items())}, after {seconds:.0f} s; lost"
        )
        yield Promise(what=what, measured=RUNS - ends["Completed"], most=0, unit="runs")
        yield Promise(what="  instances billed then", measured=len(on.billed()), most=0, unit="instances")


def _watched(prefect: SyncPrefectClient, asked: list[FlowRun]) -> tuple[int, int, list[FlowRun]]:
    """How many ran at most, how many waited at most, and all of them when they are over."""
    most, waiting, end = 0, 0, time.monotonic() + LONGEST
    while time.monotonic() < end:
        runs = [prefect.read_flow_run(run.id) for run in asked]
        names = Counter(str(run.state_name) for run in runs)
        most = max(most, names["Running"])
        waiting = max(waiting, names["AwaitingConcurrencySlot"])
        if all(map(over, runs)):
            return most, waiting, runs
        time.sleep(1)
    raise TimeoutError(f"not over within {LONGEST} s: {names}")
