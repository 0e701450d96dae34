"""What Prefect's server knows of flow runs, and one that it is asked to start later."""

from collections.abc import Collection, Iterator
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Scheduled
from prefect.utilities.urls import url_for

from mig.errors import Failed

PAGE = 200
"""The most that the server lists at once, by its default."""

PAGES = 10
"""Pages that are read: a run older than the newest 2,000 is as unknown as one of another server's."""


def states(flow: str) -> dict[str, str]:
    """The type of state of a flow's newest runs, by their ids."""
    return dict(_pages(flow))


def ask_again(flow_run: UUID, name: str, *, due: datetime, tags: Collection[str]) -> FlowRun:
    """
    The same request once more, as a flow run of the same deployment that begins when it is due.

    Idempotent: a flow run has one such successor, whoever asks again. The name is its until it begins. No process
    waits for it. Raises Failed where there is no such deployment any more.
    """
    gone = Failed("capacity", f"{name} cannot be asked for: there is no deployment of it any more")
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(flow_run)
        if run.deployment_id is None:
            raise gone
        try:
            return client.create_flow_run_from_deployment(
                run.deployment_id,
                parameters=run.parameters,
                job_variables=run.job_variables,
                work_queue_name=run.work_queue_name,
                state=Scheduled(scheduled_time=due),
                name=name,
                tags=tags,
                idempotency_key=f"after:{flow_run}",
            )
        except PrefectHTTPStatusError as error:
            if error.response.status_code != HTTPStatus.NOT_FOUND:
                raise
            raise gone from error


def tag(flow_run: UUID, tags: Collection[str]) -> None:
    """Give a flow run these tags, in place of those that it has."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(flow_run, tags=tags)


def page(flow_run: str) -> str:
    """Where people see a flow run; empty where its server shows no pages."""
    return url_for("flow-run", obj_id=flow_run) or ""


def _pages(flow: str) -> Iterator[tuple[str, str]]:
    named = FlowFilter(name=FlowFilterName(any_=[flow]))
    newest = FlowRunSort.EXPECTED_START_TIME_DESC
    with get_client(sync_client=True) as client:
        for page in range(PAGES):
            runs = client.read_flow_runs(flow_filter=named, sort=newest, limit=PAGE, offset=page * PAGE)
            yield from ((str(run.id), run.state_type.value) for run in runs if run.state_type is not None)
            if len(runs) < PAGE:
                return
