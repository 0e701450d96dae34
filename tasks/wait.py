"""The one loop that sleeps."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from mig.errors import Failed, Temporary
from mig.verdict import Broken, Settled, Verdict, Waiting

Seen = TypeVar("Seen")
Value = TypeVar("Value")


class Clock(Protocol):
    """What a wait needs of time."""

    def now(self) -> float:
        """Seconds; only differences mean anything."""

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""


@dataclass(frozen=True, slots=True)
class PacedClock:
    """The wall clock, or the World's: seconds that pass `scale` times as fast."""

    scale: float = 1.0
    shortest: float = 0.25
    """Wall seconds below which a sleep is not worth it: a compressed clock must not turn polling into spinning."""

    def now(self) -> float:
        """Seconds of this clock since some moment."""
        return time.monotonic() * self.scale

    def sleep(self, seconds: float) -> None:
        """Sleep that many seconds of this clock, at least `shortest` on the wall."""
        time.sleep(max(seconds / self.scale, self.shortest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often one wait looks."""

    phase: str
    """Named in the error when it fails."""
    deadline: float
    """Seconds of the clock after which waiting has failed."""
    every: float
    """Seconds of the clock between two looks."""
    clock: Clock
    tell: Callable[[str], None]
    """Told what is waited for, each time that changes."""


def until(observe: Callable[[], Seen], judge: Callable[[Seen], Verdict[Value]], patience: Patience) -> Value:
    """
    Look, judge, sleep, until the judge has settled it.

    Raises Failed, with the phase, when the judge calls it broken or the deadline passes. An observation that fails
    for a while (Temporary) is waited out like anything else.
    """
    clock = patience.clock
    end = clock.now() + patience.deadline
    told = ""
    while True:
        pause = patience.every
        verdict: Verdict[Value]
        try:
            verdict = judge(observe())
        except Temporary as trouble:
            verdict, pause = Waiting(str(trouble)), max(pause, trouble.delay)
        match verdict:
            case Settled(value):
                return value
            case Broken(why):
                raise Failed(patience.phase, why)
            case Waiting(why):
                if clock.now() >= end:
                    raise Failed(patience.phase, f"not within {patience.deadline / 60:.0f} minutes: {why}")
                if why != told:
                    patience.tell(why)
                    told = why
        clock.sleep(min(pause, max(end - clock.now(), 0.0)))
