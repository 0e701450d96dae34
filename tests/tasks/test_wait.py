"""Promises of the one loop that sleeps."""

from collections.abc import Iterator

import pytest

from mig.errors import Failed, Temporary
from mig.verdict import Broken, Settled, Verdict, Waiting
from tasks.wait import PacedClock, Patience, until


class FakeClock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0
        self.naps: list[float] = []

    def now(self) -> float:
        """The time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.naps.append(seconds)
        self.time += seconds


def patience(clock: FakeClock, told: list[str] | None = None) -> Patience:
    """A minute of it, looking every ten seconds."""
    tell = told.append if told is not None else lambda _: None
    return Patience(phase="ready", deadline=60, every=10, clock=clock, tell=tell)


def answers(*verdicts: Verdict[str]) -> Iterator[Verdict[str]]:
    """Verdicts, one for each look."""
    yield from verdicts


def test_what_is_settled_is_returned_without_sleeping() -> None:
    """A settled verdict ends the wait at once with its value."""
    clock = FakeClock()

    assert until(lambda: "seen", Settled, patience(clock)) == "seen"
    assert clock.naps == []


def test_what_is_broken_fails_the_phase_with_its_reason() -> None:
    """A broken verdict ends the wait with the phase and the judge's own sentence."""
    with pytest.raises(Failed, match="^ready: MIG Manager ended failed$"):
        until(lambda: None, lambda _: Broken("MIG Manager ended failed"), patience(FakeClock()))


def test_a_deadline_says_what_was_still_missing() -> None:
    """When the deadline passes, the error names the last thing waited for, and no time is slept beyond it."""
    clock = FakeClock()

    with pytest.raises(Failed, match="not within 1 minutes: slices are stale"):
        until(lambda: None, lambda _: Waiting("slices are stale"), patience(clock))

    assert clock.time == 60


def test_people_are_told_when_the_reason_changes_and_only_then() -> None:
    """The same reason is not repeated at every look."""
    told: list[str] = []
    looks = answers(Waiting("booting"), Waiting("booting"), Waiting("cutting"), Settled("cut"))

    until(lambda: next(looks), lambda seen: seen, patience(FakeClock(), told))

    assert told == ["booting", "cutting"]


def test_trouble_that_passes_is_waited_out() -> None:
    """A Temporary from the observation is one more reason to wait, for as long as it asks."""
    clock = FakeClock()
    troubles = iter([Temporary("the API server is away", delay=25)])

    def look() -> str:
        for trouble in troubles:
            raise trouble
        return "seen"

    assert until(look, Settled, patience(clock)) == "seen"
    assert clock.naps == [25]


def test_a_compressed_clock_runs_ahead_of_the_wall() -> None:
    """A clock of scale 3600 counts at least an hour for each second on the wall."""
    clock = PacedClock(scale=3600, shortest=0.001)
    before = clock.now()

    clock.sleep(36)

    assert clock.now() - before >= 36
