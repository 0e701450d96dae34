"""
Tries: what becomes of a request whose every offer was refused. It is asked for again later, and nobody waits for that.

Through a deployment the next try is a flow run of its own, which the server starts when it is due, and which people see
and cancel there. In a shell, which has none, `mig run --wait` waits itself.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.schemas.objects import State
from prefect.runtime import deployment, flow_run
from prefect.states import Failed

from flows.telling import run_id
from mig import notice
from mig.errors import LeftBehind, Permanent, Refused
from mig.report import RunReport
from mig.spec import RunSpec
from mig.tries import Try, markdown, without
from tasks.connect import Site
from tasks.flow_runs import ask_again, page, tag
from tasks.notify import announce
from tasks.progress import say
from tasks.provision import release, remaining
from tasks.publish import publish_tries


def begun(spec: RunSpec) -> Try:
    """Which try this flow run is. Only a deployment can be asked again by itself; a shell says that it will wait."""
    return Try.read(flow_run.tags, of=spec.capacity.attempts if deployment.id else 1)


def in_time(this: Try) -> None:
    """Refuse to begin a try that nobody waits for any more; say where the one before it is."""
    if this.until is not None and this.late(datetime.now(UTC)):
        until = this.until.isoformat(timespec="seconds")
        raise Refused("capacity.attempts", f"{this} was to begin until {until}, and nobody was there to start it")
    if this.after:
        publish_tries(markdown(this, before=page(this.after)))


def cleared(this: Try, place: Site, spec: RunSpec) -> None:
    """Nothing of the try before this one exists. Raises LeftBehind where it cannot be taken down."""
    before = run_id(spec.name, this.after)
    if this.after and remaining(place, before):
        released = release(place, before, notify=spec.notify)
        if not released.verified:
            raise LeftBehind(released.left)


def further(this: Try, spec: RunSpec, state: State[RunReport], *, now: datetime) -> State[RunReport]:
    """The same end; where no offer held and nothing is left, the next try is asked for and everybody told."""
    report = state.data
    if not isinstance(report, RunReport) or report.status != "no_capacity":
        return state
    pause = timedelta(minutes=spec.capacity.retry_minutes) / report.clock.scale
    due = now + pause
    again = ""
    following = this.following(report.run_id, str(flow_run.id), now=now, pause=pause)
    if following is not None and report.teardown.verified and _asked(this, following, spec, due=due):
        again = f"{due.isoformat(timespec='seconds')}: {following}"
    announce(notice.exhausted(report, again=again), to=spec.notify)
    return Failed(name=state.name, message=f"{state.message}; again at {again}", data=report) if again else state


def _asked(this: Try, following: Try, spec: RunSpec, *, due: datetime) -> bool:
    """Whether there will be a next try. Who waits in a shell asks nobody; else both flow runs lead to the other."""
    if not deployment.id:
        return True
    mine, own = UUID(str(flow_run.id)), without(flow_run.tags)
    try:
        made = ask_again(mine, f"{spec.name}-{spec.target} {following}", due=due, tags=(*own, *following.tags))
    except Permanent as trouble:
        say(str(trouble))
        return False
    tag(mine, (*own, *replace(this, first=following.first).tags))
    publish_tries(markdown(this, before=page(this.after) if this.after else "", then=page(str(made.id)), due=due))
    return True
