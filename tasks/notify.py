"""Tell whom it concerns: events of ours, from the one place that sends them. Who hears of them, automations say."""

from prefect.context import FlowRunContext, TaskRunContext
from prefect.events import emit_event

from mig.notice import Notice
from tasks.progress import say


def announce(notice: Notice) -> None:
    """Send a notice inside a run, and say it there too; outside nobody could hear it, and it is only said."""
    say(str(notice))
    if FlowRunContext.get() or TaskRunContext.get():
        resource = {"prefect.resource.id": f"mig.run.{notice.run_id}", "prefect.resource.name": notice.run_id}
        emit_event(notice.event, resource=resource, payload=dict(notice.payload))
