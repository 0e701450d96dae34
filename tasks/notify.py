"""
Tell whom it concerns, from the one place that does: by events of ours, and by the notification blocks of a request.

Who hears of an event, automations say. Whom a request names is told by the run itself; a channel that does not answer
is said, and the run goes on. What a block holds (an address is a password where it is a webhook's) is in no line.
"""

import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.context import FlowRunContext, TaskRunContext
from prefect.events import emit_event

from mig.errors import Refused
from mig.notice import Notice
from tasks.progress import say

PATIENCE_SECONDS = 12
"""For all channels of a request to take a notice: Prefect's own webhook block gives its other end ten seconds."""


def channels(prefect: SyncPrefectClient) -> dict[str, UUID]:
    """The notification blocks that a server has, by name: Slack, Teams, email, PagerDuty, webhook, ..."""
    found = prefect.read_block_documents(include_secrets=False)
    return {str(each.name): each.id for each in found if _notifies(each)}


def unknown(name: str, known: Sequence[str], *, field: str) -> Refused:
    """What is said where no notification block has a name."""
    accepted = ", ".join(known) or "none yet: make one on Prefect's pages, under Blocks"
    return Refused(field, f"no notification block is called {name}", accepted=accepted)


def check_known(names: Sequence[str]) -> None:
    """Raises Refused for the first name of a request's that no notification block has."""
    if not names:
        return
    with get_client(sync_client=True) as prefect:
        known = channels(prefect)
    for index, name in enumerate(names):
        if name not in known:
            raise unknown(name, list(known), field=f"notify[{index}]")


def announce(notice: Notice, *, to: Sequence[str] = ()) -> None:
    """
    Send a notice inside a run, and say it there too; outside nobody could hear it, and it is only said.

    `to` names the notification blocks of the run's own request; automations have theirs.
    """
    say(str(notice))
    if FlowRunContext.get() or TaskRunContext.get():
        resource = {"prefect.resource.id": f"mig.run.{notice.run_id}", "prefect.resource.name": notice.run_id}
        emit_event(notice.event, resource=resource, payload=dict(notice.payload))
        _tell(notice, to)


def _tell(notice: Notice, names: Sequence[str]) -> None:
    """All of them at once, for a while; who has not answered by then is left to himself."""
    answers: SimpleQueue[tuple[str, str]] = SimpleQueue()
    for name in names:
        # A thread that nobody waits for at the end: a channel that hangs would hold the run's process.
        Thread(target=lambda name=name: answers.put((name, _told(name, notice))), daemon=True).start()
    waiting, end = set(names), time.monotonic() + PATIENCE_SECONDS
    while waiting:
        try:
            name, trouble = answers.get(timeout=max(end - time.monotonic(), 0))
        except Empty:
            say(f"not told, for they do not answer: {', '.join(sorted(waiting))}")
            return
        waiting.remove(name)
        say(f"{name} was not told: {trouble}" if trouble else f"{name} was told")


def _told(name: str, notice: Notice) -> str:
    """What went wrong, by its kind alone: an error's own words may hold the address. Empty: the channel took it."""
    try:
        with get_client(sync_client=True) as prefect:
            _send(channels(prefect)[name], notice)
    except Exception as error:  # noqa: BLE001 (somebody else's code on somebody else's server: the run goes on)
        return type(error).__name__
    return ""


def _send(block: UUID, notice: Notice) -> None:
    import prefect.blocks.notifications  # noqa: F401 (makes its kinds of block known; most runs are spared the import)
    from prefect.blocks.core import Block

    channel: Any = Block.load_from_ref(block)  # asked of any other class, it makes one of that class
    with channel.raise_on_failure():
        channel.notify(notice.body, notice.subject)


def _notifies(block: BlockDocument) -> bool:
    return block.block_schema is not None and "notify" in block.block_schema.capabilities
