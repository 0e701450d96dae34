"""
Notices: what of a run others may want to be told, as the names and payloads of events, and in words.

Who is told of an event, and how, automations decide (deployments/automations.yaml). The words are for whom the run's
own request names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from mig.offer import Offer, Tried
from mig.report import RunReport

Event = Literal[
    "mig.capacity.refused",
    "mig.capacity.exhausted",
    "mig.capacity.granted",
    "mig.teardown.unverified",
    "mig.lease.lapsed",
    "mig.budget.near",
    "mig.node.broken",
]
"""Every name there is. The last two are reserved: nothing sends them yet."""

EVENTS: tuple[str, ...] = get_args(Event)

_SUBJECTS: Mapping[Event, str] = {
    "mig.capacity.refused": "No capacity in one place",
    "mig.capacity.exhausted": "No capacity anywhere",
    "mig.teardown.unverified": "STILL BILLED? Not taken down",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to be told."""

    event: Event
    run_id: str
    payload: Mapping[str, str | float | None]

    @property
    def subject(self) -> str:
        """What a person reads first, on a phone."""
        return f"{_SUBJECTS.get(self.event, self.event)}: {self.run_id}"

    @property
    def body(self) -> str:
        """Each fact on a line of its own; one that has no value says so."""
        return "\n".join(f"{_words(name).capitalize()}: {_value(name, value)}" for name, value in self.payload.items())

    def __str__(self) -> str:
        said = ", ".join(f"{_words(name)}: {value}" for name, value in self.payload.items() if value)
        return f"{self.event} {self.run_id}: {said}"


def refused(run_id: str, tried: Tried, *, offers: Sequence[Offer], again: str) -> Notice:
    """
    One offer was refused.

    Args:
        run_id: whose.
        tried: what it came to.
        offers: the whole ladder, that one among them.
        again: when it will be gone through again, should this have been the last of them; empty: never.
    """
    rungs = [offer.rung for offer in offers]
    rest = offers[rungs.index(tried.rung) + 1 :]
    then = rest[0] if rest else offers[0] if again else None
    payload = _shortage(
        tried.rung,
        f"{tried.code}: {tried.reason}",
        then=(then.rung, then.usd_per_hour or None) if then else None,
        next_try="now" if rest else again,
    )
    return Notice(event="mig.capacity.refused", run_id=run_id, payload=payload)


def exhausted(report: RunReport, *, again: str) -> Notice:
    """Every offer was refused, as the report has it; `again` says when they are asked again, empty: never."""
    then = (report.offers[0].rung, report.plan["usd_per_hour"]) if again else None
    payload = _shortage(report.offers[-1].rung, report.why, then=then, next_try=again)
    return Notice(event="mig.capacity.exhausted", run_id=report.run_id, payload=payload)


def granted(run_id: str, offer: Offer) -> Notice:
    """An offer held: from now on it is paid for."""
    payload = {"rung": offer.rung, "usd_per_hour": offer.usd_per_hour or None, "nodes": offer.nodes}
    return Notice(event="mig.capacity.granted", run_id=run_id, payload=payload)


def unverified(run_id: str, left: Sequence[str]) -> Notice:
    """A teardown could not show that nothing is left."""
    return Notice(event="mig.teardown.unverified", run_id=run_id, payload={"left": ", ".join(left)})


def lapsed(run_id: str, since: datetime, *, answer: str) -> Notice:
    """Nodes are older than their lease; `answer` says what was done about it, and why."""
    payload = {"since": since.isoformat(timespec="seconds"), "answer": answer}
    return Notice(event="mig.lease.lapsed", run_id=run_id, payload=payload)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("usd per hour", "price")


def _value(name: str, value: str | float | None) -> str:
    if value is None:
        return "not known"
    return f"${value:.2f} an hour" if name.endswith("usd_per_hour") else str(value)


def _shortage(
    rung: str, reason: str, *, then: tuple[str, float | None] | None, next_try: str
) -> dict[str, str | float | None]:
    """The five facts of a shortage."""
    next_rung, price = then or ("none", None)
    return {
        "rung": rung,
        "reason": reason,
        "next_rung": next_rung,
        "next_usd_per_hour": price,
        "next_try": next_try or "none",
    }
