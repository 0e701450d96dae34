"""
A request that finds no capacity twice: who is told how soon, what waits meanwhile, and what becomes of the third try.

On a real server and worker, with the automations of deployments/automations.yaml and a receiver for a webhook. Counted
are the slots of the limit that the deployment `gpu-run` has.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import VariableCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from bench.parts import RUN_SECONDS, Parts, ask, over, parts, tiny, wait
from bench.promise import Promise
from flows.automations import CHANNELS

WORDS = ("Refused: ", "Reason: ", "Next: ", "Its price: $", "Next try: in 30 minutes: try 2 of 3")
"""The five facts, as deployments/automations.yaml tells them."""

TRIES = 3
REQUEST = {
    **tiny("short"),
    "capacity": {"markets": ["on-demand"], "zones": ["us-east-1a"], "attempts": TRIES, "retry_minutes": 30},
    "rehearsal": {"faults": [{"kind": "no_capacity", "tries": TRIES - 1}]},
}
"""Thirty minutes between two tries are thirty seconds in a rehearsal."""

Told = list[tuple[float, str]]
DEPLOYMENT = "pipeline/gpu-run"


def measure() -> Iterator[Promise]:
    """One request; what is counted is counted four times a second, while its next try is waited for."""
    with parts() as on, _receiver() as (hook, told), on.client() as prefect:
        _listen(on, prefect, hook)
        first = ask(prefect, REQUEST, "gpu-run")
        tries, held = _followed(prefect, first)
        yield _heard(prefect, told)
        yield Promise(what="worker slots held between two tries, and runs at work", measured=max(held), most=0, unit="")
        yield _late(tries)
        ends = [str(each.state_name) for each in tries]
        what = f"tries end {', '.join(ends)}: not completed in the end"
        yield Promise(what=what, measured=int(ends[-1] != "Completed"), most=0, unit="requests")
        yield from _released(on, prefect)


def _followed(prefect: SyncPrefectClient, first: FlowRun) -> tuple[list[FlowRun], list[int]]:
    """All tries when the last is over, and what was held each time that only a next one was waited for."""
    held: list[int] = []

    def observe() -> list[FlowRun]:
        mine = FlowRunFilter(tags=FlowRunFilterTags(any_=[f"tries:{REQUEST['name']}-{str(first.id)[:8]}"]))
        tries = prefect.read_flow_runs(flow_run_filter=mine)
        tries.sort(key=lambda run: run.expected_start_time or datetime.max)  # noqa: DTZ901 (each has one)
        if tries and all(over(each) for each in tries[:-1]) and tries[-1].state_name == "Scheduled":
            held.append(_held(prefect))
        return tries if len(tries) == TRIES and all(map(over, tries)) else []

    return wait(observe, RUN_SECONDS, "the last try is over"), held


def _held(prefect: SyncPrefectClient) -> int:
    """Slots of the deployment's limit, and runs that a process works on."""
    limit = prefect.read_deployment_by_name(DEPLOYMENT).global_concurrency_limit
    assert limit is not None
    working = [each for each in prefect.read_flow_runs() if each.state_name in ("Running", "Pending")]
    return (limit.active_slots or 0) + len(working)


def _late(tries: list[FlowRun]) -> Promise:
    late = [
        (each.start_time - each.expected_start_time).total_seconds()
        for each in tries[1:]
        if each.start_time and each.expected_start_time
    ]
    said = ", ".join(f"{each:.1f} s" for each in late)
    return Promise(what=f"tries begin after they are due: {said}; the latest", measured=max(late), most=15, unit="s")


def _heard(prefect: SyncPrefectClient, told: Told) -> Promise:
    """From the event's own time to its message at the receiver; facts that the message lacks count as an hour."""
    asked = {"filter": {"event": {"name": ["mig.capacity.refused"]}, "order": "ASC"}}
    events: list[dict[str, Any]] = prefect.request("POST", "/events/filter", json=asked).json()["events"]
    at, message = told[0]
    missing = [word for word in WORDS if word not in message]
    seconds = at - datetime.fromisoformat(events[0]["occurred"]).timestamp() + 3600 * len(missing)
    return Promise(
        what=f"a refusal is at the webhook, lacking {missing or 'nothing'}, after", measured=seconds, most=10, unit="s"
    )


def _released(on: Parts, prefect: SyncPrefectClient) -> Iterator[Promise]:
    """Nodes came up once, and were taken down once, by their run itself."""
    lines = [log.message for log in prefect.read_logs()]
    verified = sum("teardown verified: nothing is left" in line for line in lines)
    asked = sum("run_id" in each.parameters for each in prefect.read_flow_runs())
    what = f"each of the tries verifies its own end ({verified} of {TRIES}); teardowns asked for besides"
    yield Promise(what=what, measured=asked, most=0, unit="runs")
    yield Promise(what="instances billed then", measured=len(on.billed()), most=0, unit="instances")


@contextmanager
def _receiver() -> Iterator[tuple[str, Told]]:
    """Where a webhook is called, and what was said there when."""
    told: Told = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told.append((time.time(), said["body"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is to be said."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}/", told
        finally:
            listening.shutdown()
            thread.join()


def _listen(on: Parts, prefect: SyncPrefectClient, hook: str) -> None:
    """Have people told by a webhook."""
    with temporary_settings({PREFECT_API_URL: on.api}):
        CustomWebhookNotificationBlock(name="hook", url=hook, json_data={"body": "{{body}}"}).save("hook")
    prefect.create_variable(VariableCreate(name=CHANNELS, value="hook"))
    on.shell("mig", "automations", "apply")
