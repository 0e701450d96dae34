"""The teardown: take down what a run left, by its name alone, from anywhere that can reach it."""

from prefect import flow

from mig.errors import LeftBehind, Refused
from mig.ledger import Released
from tasks.connect import Site
from tasks.provision import release
from tasks.publish import recorded


@flow(flow_run_name="{run_id}")
def teardown(run_id: str) -> Released:
    """End a run's Jobs, take its nodes down, destroy its stacks, and ask what still exists; as often as one likes."""
    released: Released = release(_site(run_id), run_id)
    if not released.verified:
        raise LeftBehind(released.left)
    return released


def _site(run_id: str) -> Site:
    found = recorded(run_id)
    if found is None:
        raise Refused("RUN", f"no record of {run_id!r} under runs/ here", accepted="a run started from this folder")
    return found
