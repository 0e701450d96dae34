"""The teardown: take down what a run left, by its name alone, from anywhere that can reach it."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.endings import broken, taken_down
from mig.errors import Permanent, Refused
from mig.ledger import Released
from mig.sections import BlockName, Where
from tasks.connect import Site, standing_for
from tasks.provision import release
from tasks.publish import recorded
from tasks.traces import known


@flow(flow_run_name="teardown-{run_id}")
def teardown(
    run_id: str,
    notify: tuple[BlockName, ...] = (),
    where: Where = Where(),  # noqa: B008 (a frozen value)
) -> State[Released]:
    """
    End a run's Jobs, take its nodes down, destroy its stacks, and ask what still exists; as often as one likes.

    Args:
        run_id: Name of the run, as its report has it.
        notify: Names of the Prefect notification blocks that are told when something is left.
        where: The place, where the run has left no record in the folder that this runs in.
    """
    try:
        place = _place(run_id, where)
    except Permanent as error:
        return broken(error)
    return taken_down(release(place, run_id, notify=notify))


def _place(run_id: str, where: Where) -> Site:
    """By the record that the run left in this folder; else the place that stands, if the run has been there."""
    found = recorded(run_id)
    if found is not None:
        return found
    try:
        place = standing_for(where)
    except Refused as nowhere:
        raise Refused("RUN", f"no record of {run_id!r} under runs/ here, and {nowhere}") from nowhere
    if not known(place, run_id):
        raise Refused("RUN", f"{run_id!r} has left no trace here", accepted="a run's name, as its report has it")
    return place
