"""The slices: what a cluster has, who holds it and who waits, for whoever asks whether three more can be had."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.endings import broken
from mig.census import Census, count
from mig.errors import Permanent
from mig.sections import Where
from tasks import observe
from tasks.connect import standing_for
from tasks.publish import publish_census


@flow(flow_run_name="slices")
def slices(*, by_node: bool = False, where: Where = Where()) -> State[Census]:  # noqa: B008 (a frozen value)
    """Count the slices of a place that stands without any run, everybody's, and publish the tables."""
    try:
        place = standing_for(where)
    except Permanent as error:
        return broken(error)
    census = count(observe.devices(place), observe.claims(place))
    publish_census(census, by_node=by_node)
    return Completed(data=census)
