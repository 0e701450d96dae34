"""The simulated account's bill: which instance ran how long on the compressed clock, and what that would have cost."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from mig.gpu import INSTANCE_TYPES, PRICES_AS_OF

RATE_SOURCE = f"on-demand, Linux, us-east-1, by the table of {PRICES_AS_OF}"
"""Spot is billed here at this rate too: what spot costs is in no table."""

_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One instance on the bill."""

    instance_id: str
    instance_type: str
    market: str
    zone: str
    run_id: str
    """Empty where the instance carries no run's tag."""
    since: float
    """Simulated seconds of the World's clock."""
    until: float | None = None
    """None: it runs, and is billed now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """One instance, added up."""

    item: Item
    hours: float
    """Simulated."""
    usd: float | None
    """Simulated; None where no table has a price."""


class Bill:
    """Opened when an instance launches, closed when it ends; it never forgets one. `now` is the World's clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._items: dict[str, Item] = {}

    def open(self, item: Item) -> None:
        """From now on this instance costs."""
        with self._lock:
            self._items[item.instance_id] = item

    def close(self, instance_id: str) -> None:
        """It has ended; a second end changes nothing."""
        with self._lock:
            item = self._items[instance_id]
            if item.until is None:
                self._items[instance_id] = replace(item, until=self._now())

    def billed(self) -> tuple[Billed, ...]:
        """Every instance there ever was, up to now."""
        now = self._now()
        with self._lock:
            return tuple(_added_up(item, now) for item in self._items.values())


def _added_up(item: Item, now: float) -> Billed:
    hours = ((now if item.until is None else item.until) - item.since) / _HOUR
    kind = INSTANCE_TYPES.get(item.instance_type)
    rate = kind.usd_per_hour if kind else None
    return Billed(item=item, hours=hours, usd=None if rate is None else rate * hours)
