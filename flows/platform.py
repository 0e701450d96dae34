"""The platform: raise, look at anew, or lower what outlives runs, the cluster and what stands in it."""

from typing import Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.endings import broken, taken_down
from mig.changes import Changes
from mig.errors import Permanent, Refused
from mig.ledger import Released
from mig.spec import RunSpec
from tasks import account, traces
from tasks import platform as stacks
from tasks.connect import Site, standing_for
from tasks.lowering import lower
from tasks.provision import release

Action = Literal["raise", "refresh", "lower"]


@flow(flow_run_name="platform-{action}")
def platform(spec: RunSpec, *, action: Action = "refresh", runs_too: bool = False) -> State[Any]:
    """Cluster, then platform; lowered the other way round, runs first where that is asked for, and verified."""
    try:
        place = standing_for(spec)
        match action:
            case "raise":
                return _told(_raised(place, spec))
            case "refresh":
                return _told(stacks.refresh_all(place, stacks.names(place)))
            case "lower":
                return taken_down(_lowered(place, runs_too=runs_too))
    except Permanent as error:
        return broken(error)


def _raised(place: Site, spec: RunSpec) -> Changes:
    account.checked(place, spec)
    return stacks.raise_all(place, stacks.layers(place, spec)).whole


def _lowered(place: Site, *, runs_too: bool) -> Released:
    """Nodes of runs would keep the cluster from going, and whose they are should know."""
    runs = traces.runs(place)
    if runs and not runs_too:
        why = f"there is something of {', '.join(runs)}"
        raise Refused("runs", why, accepted="`mig teardown RUN` first, or --runs-too")
    for run in runs:
        release(place, run)
    return lower(place, stacks.names(place))


def _told(changes: Changes) -> State[Changes]:
    return Completed(message=str(changes), data=changes)
