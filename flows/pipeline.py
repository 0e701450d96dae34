"""The pipeline: from a request to its report, with the nodes gone at the end whatever happened."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import opaque, quote

from flows.telling import Telling
from flows.tries import begun, cleared, further, in_time
from flows.unbroken import unbroken
from mig.errors import Failed
from mig.manifest import Launched
from mig.offer import GpuNodes
from mig.outcome import Result
from mig.plan import Plan, draw
from mig.readiness import ReadySlices
from mig.report import RunReport
from mig.spec import RunSpec, check
from tasks import lease
from tasks.account import checked
from tasks.capacity import acquire
from tasks.collect import follow
from tasks.connect import Site, site
from tasks.launch import launch
from tasks.notify import check_known
from tasks.platform import stand
from tasks.prices import rates
from tasks.progress import say
from tasks.provision import release
from tasks.publish import publish_plan, publish_slices, record
from tasks.ready import slices_ready
from tasks.stage import stage

FOLLOWERS = 256
"""Workloads that are followed at once; a thread each, and it sleeps almost always."""


@flow(
    flow_run_name="{spec.name}-{spec.target}",
    task_runner=ThreadPoolTaskRunner(max_workers=FOLLOWERS),  # type: ignore[arg-type]  # of Prefect's own kind
)
def pipeline(spec: RunSpec) -> State[RunReport]:
    """Plan, find capacity, wait for the slices, run the workloads, take the nodes down, report."""
    tale = Telling(spec, begun(spec))
    with tale.ending():
        check(spec)
        check_known(spec.notify)
        in_time(tale.this)
        plan = tale.tell("plan", draw, spec, tale.run_id, rates(spec))
        publish_plan(spec, plan)
        with _placed(tale) as place, tale.published(place), _gpu_nodes(tale, place, plan) as nodes:
            data = tale.tell("stage", stage, place)
            ready = tale.tell("ready", slices_ready, place, plan, nodes, spec.release)
            publish_slices(ready)
            launched = tale.tell("launch", launch, place, spec, plan, data)
            _all_succeeded(tale.tell("run", _followed, tale, place, plan, ready, launched))
    return further(tale.this, spec, tale.state(), now=datetime.now(UTC))


def following(
    place: Site, spec: RunSpec, plan: Plan, ready: ReadySlices, launched: Launched
) -> list[PrefectFuture[Result]]:
    """A task for each workload that follows it to its result; none waits for another."""
    # Unannotated, Prefect would look for futures in every field of a long request, twice for each of its workloads.
    told: dict[str, Any] = {"spec": quote(spec), "plan": quote(plan)}
    told |= {"launched": opaque(launched), "ready": opaque(ready)}
    return [follow.submit(place, workload, **told) for workload in spec.workloads]


@contextmanager
def _placed(tale: Telling) -> Iterator[Site]:
    """The place of the run, for as long as it lasts; an account that cannot carry it is none: nothing is left there."""
    with ExitStack() as opened:
        where = site(tale.spec, tale.run_id, tell=say, nth=tale.this.number)
        place = tale.tell("connect", opened.enter_context, where)
        checked(place, tale.spec)
        record(place, tale.run_id)
        yield place


@contextmanager
def _gpu_nodes(tale: Telling, place: Site, plan: Plan) -> Iterator[GpuNodes]:
    """Nodes that are taken down again, also when they never came up whole."""
    spec, run_id = tale.spec, tale.run_id
    tale.tell("platform", stand, place, spec)
    with lease.kept(place, run_id, minutes=spec.lease.minutes):
        try:
            cleared(tale.this, place, spec)
            again = tale.this.again(spec.capacity.retry_minutes)
            yield tale.tell("capacity", acquire, place, spec, plan, again=again)
        finally:
            with unbroken():
                tale.tell("teardown", release, place, run_id, notify=spec.notify)


def _followed(tale: Telling, place: Site, plan: Plan, ready: ReadySlices, launched: Launched) -> tuple[Result, ...]:
    """Every workload's result, each followed by a task of its own."""
    futures = following(place, tale.spec, plan, ready, launched)
    results = tuple(_told(future.result(raise_on_failure=False)) for future in futures)
    publish_slices(ready, results)
    return results


def _told(came: Result | BaseException) -> Result:
    """A failed workload is a result like any other; only a follower that broke has none."""
    if isinstance(came, BaseException):
        raise came
    return came


def _all_succeeded(results: tuple[Result, ...]) -> None:
    if failed := [f"{each.workload}: {each.why}" for each in results if each.status != "succeeded"]:
        raise Failed("run", "; ".join(failed))
