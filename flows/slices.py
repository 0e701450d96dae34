"""The slices: what a cluster has, who holds it and who waits, for whoever asks whether three more can be had."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.endings import broken
from mig.census import Census, count
from mig.errors import Permanent
from tasks import observe
from tasks.connect import standing
from tasks.publish import publish_census


@flow(flow_run_name="slices")
def slices(*, by_node: bool = False) -> State[Census]:
    """Count the slices of the place that stands without any run, everybody's, and publish the tables."""
    try:
        place = standing()
    except Permanent as error:
        return broken(error)
    census = count(observe.devices(place), observe.claims(place))
    publish_census(census, by_node=by_node)
    return Completed(data=census)
