"""The sweep: take down what outlived its run, whoever started it and however it ended."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.endings import broken
from flows.telling import run_id
from mig.errors import LeftBehind, Permanent
from mig.notice import lapsed
from mig.remnant import Answer, Keep, Remnant, Sweep, judge
from mig.sections import Where
from tasks import flow_runs, lease, traces
from tasks.connect import Site, standing_for
from tasks.notify import announce
from tasks.progress import say
from tasks.provision import release

PIPELINE = "pipeline"
"""The flow whose runs are swept after."""


@flow(flow_run_name="sweep")
def sweep(*, dry_run: bool = False, where: Where = Where()) -> State[tuple[Answer, ...]]:  # noqa: B008 (a frozen value)
    """Judge every run of which something exists, and take down, one after the other, what outlived its own."""
    try:
        place = standing_for(where)
    except Permanent as error:
        return broken(error)
    answers = tuple(_answered(place, run, dry_run=dry_run) for run in traces.runs(place))
    if left := tuple(f"{each.run}: {each.why}" for each in answers if each.done == "left behind"):
        return broken(LeftBehind(left), answers)
    return Completed(message="; ".join(f"{each.run} {each.done}" for each in answers) or "nothing", data=answers)


def _answered(place: Site, run: str, *, dry_run: bool) -> Answer:
    """Looked at when its turn comes: the one before it may have taken minutes."""
    remnant, now = _remnant(place, run), datetime.now(UTC)
    match judge(remnant, now):
        case Keep(why):
            answer = Answer(run=run, done="kept", why=why)
        case Sweep(why) if dry_run:
            answer = Answer(run=run, done="would be swept", why=why)
        case Sweep(why):
            say(f"sweeping {run}: {why}")
            left = release(place, run).left
            answer = Answer(run=run, done="left behind" if left else "swept", why=", ".join(left) or why)
    say(f"{run} {answer.done}: {answer.why}")
    if remnant.lease is not None and remnant.lapsed(now):
        announce(lapsed(run, remnant.lease, answer=f"{answer.done}: {answer.why}"))
    return answer


def _remnant(place: Site, run: str) -> Remnant:
    """What is known of a run; its flow run last, so that one that has just ended is not taken for one at work."""
    held, working = lease.newest(place, run), traces.working(place, run)
    known = flow_runs.states(PIPELINE)
    mine = tuple(state for flow_run, state in known.items() if run.endswith(run_id("", flow_run)))
    return Remnant(run_id=run, lease=held.expires if held else None, flow_states=mine, working=working)
