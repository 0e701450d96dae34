"""
A remnant: what of one run still exists, and whether it has outlived its run.

Wrong in one direction this costs money, wrong in the other it ends somebody's work; in doubt a run is kept, and why is
said. A run renews its lease while it lives: a lapsed one says that its process is gone, whatever Prefect believes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

OVER = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})
"""Types of state, as Prefect has them, after which a flow run does nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remnant:
    """One run of which something exists."""

    run_id: str
    lease: datetime | None
    """Until when the latest of its leases holds, with its time zone; None: it wrote none."""
    flow_states: tuple[str, ...]
    """The type of state of its flow run; of several where ids begin alike; none: unknown to this Prefect server."""
    working: bool
    """Whether one of its pods runs."""

    def lapsed(self, now: datetime) -> bool:
        """Whether it had a lease, and nobody renews it any more."""
        return self.lease is not None and now >= self.lease


@dataclass(frozen=True, slots=True)
class Keep:
    """Its run may still answer for it."""

    why: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """Its run is over."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a sweep did about one run."""

    run: str
    done: Literal["kept", "would be swept", "swept", "left behind"]
    why: str


def judge(remnant: Remnant, now: datetime) -> Keep | Sweep:
    """
    Whether what is there of a run is taken down.

    A flow run that is over decides. One that is said to be alive, or that this server does not know (another one's),
    is touched only when its lease has lapsed and nobody works there.
    """
    alive = [state for state in remnant.flow_states if state not in OVER]
    if remnant.flow_states and not alive:
        return Sweep(f"its flow run is over: {remnant.flow_states[0]}")
    known = f"its flow run is {alive[0]}" if alive else "no flow run of it is known"
    if remnant.lease is None:
        return Keep(f"{known}, and no lease says until when somebody answers for it")
    until = remnant.lease.isoformat(timespec="seconds")
    if not remnant.lapsed(now):
        return Keep(f"{known}, and its lease holds until {until}")
    if remnant.working:
        return Keep(f"{known} and its lease lapsed at {until}, but its pods run")
    return Sweep(f"{known}, but its lease lapsed at {until}, and none of its pods runs")
