"""Ten real minutes of a run that lives: nobody declares it dead, and nobody takes it down before it is told to end."""

import time
from collections.abc import Iterator

from prefect.client.schemas.objects import State, StateType

from bench.parts import RUN_SECONDS, WHERE, ask, ended, parts, task_names, wait
from bench.promise import Promise

SECONDS = 600
SERVICE = {"name": "idle", "kind": "infer", "model": "mlp", "slice": "small", "http": True, "seconds": 2 * SECONDS}
"""A service that nobody calls: what is watched is the run, which has nothing to say for as long."""


def measure() -> Iterator[Promise]:
    """Its states and the teardowns that were asked for meanwhile; then it is cancelled."""
    with parts() as on, on.client() as prefect:
        run = ask(prefect, {"name": "alive", "workloads": [SERVICE], **WHERE})
        wait(lambda: "infer idle on small" in task_names(prefect, run), RUN_SECONDS, "the service")
        end = time.monotonic() + SECONDS
        wrong: set[str] = set()
        while time.monotonic() < end:
            wrong |= {str(prefect.read_flow_run(run.id).state_name)} - {"Running"}
            wrong |= {str(each.name) for each in prefect.read_flow_runs() if "run_id" in each.parameters}
            time.sleep(5)
        what = f"a run that lives for {SECONDS} s: states but Running, and teardowns {sorted(wrong) or ''}"
        yield Promise(what=what, measured=len(wrong), most=0, unit="")
        prefect.set_flow_run_state(run.id, State(type=StateType.CANCELLING))
        ended(prefect, run)
