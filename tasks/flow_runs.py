"""What Prefect's server knows of flow runs."""

from collections.abc import Iterator

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.sorting import FlowRunSort

PAGE = 200
"""The most that the server lists at once, by its default."""

PAGES = 10
"""Pages that are read: a run older than the newest 2,000 is as unknown as one of another server's."""


def states(flow: str) -> dict[str, str]:
    """The type of state of a flow's newest runs, by their ids."""
    return dict(_pages(flow))


def _pages(flow: str) -> Iterator[tuple[str, str]]:
    named = FlowFilter(name=FlowFilterName(any_=[flow]))
    newest = FlowRunSort.EXPECTED_START_TIME_DESC
    with get_client(sync_client=True) as client:
        for page in range(PAGES):
            runs = client.read_flow_runs(flow_filter=named, sort=newest, limit=PAGE, offset=page * PAGE)
            yield from ((str(run.id), run.state_type.value) for run in runs if run.state_type is not None)
            if len(runs) < PAGE:
                return
