"""Promises of the sweep: each run is judged when its turn comes, and only what outlived its run is taken down."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from flows import sweep as story
from mig.ledger import Lease, Released
from mig.notice import Notice
from mig.remnant import Answer
from tasks import flow_runs, lease, traces
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
LAPSED = datetime(2026, 1, 1, tzinfo=UTC)
ALIVE, DEAD, STRANGE = "r-aaaaaaaa", "r-dddddddd", "r-eeeeeeee"
FLOW_RUNS = {str(UUID("aaaaaaaa" + "0" * 24)): "RUNNING", str(UUID("dddddddd" + "0" * 24)): "CRASHED"}


class Place:
    """What exists of runs, and what is done about it."""

    def __init__(self) -> None:
        self.runs = [ALIVE, DEAD]
        self.left: tuple[str, ...] = ()
        self.done: list[str] = []

    def release(self, _: Site, run: str) -> Released:
        """Take a run down."""
        self.done.append(run)
        return Released(verified=not self.left, left=self.left)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place with a run that works and one that is dead, both long past their leases."""
    made = Place()
    monkeypatch.setattr(story, "standing_for", lambda _: SITE)
    monkeypatch.setattr(story, "release", made.release)
    monkeypatch.setattr(traces, "runs", lambda _: tuple(made.runs))
    monkeypatch.setattr(lease, "newest", lambda _, run: Lease(run_id=run, stack=f"{run}-1", expires=LAPSED))
    monkeypatch.setattr(traces, "working", lambda *_: True)
    monkeypatch.setattr(flow_runs, "states", lambda _: FLOW_RUNS)
    return made


def swept(*, dry_run: bool = False) -> tuple[str | None, list[tuple[str, str]]]:
    """The name of the state in which a sweep ended, and its answers."""
    state = story.sweep.fn(dry_run=dry_run)
    answers: tuple[Answer, ...] = state.data
    return state.name, [(each.run, each.done) for each in answers]


def test_only_what_outlived_its_run_is_taken_down(place: Place) -> None:
    """A run is found by its flow run's id: the dead one goes, the one alive stays."""
    assert ("Completed", [(ALIVE, "kept"), (DEAD, "swept")]) == swept()
    assert [DEAD] == place.done


@pytest.mark.usefixtures("place")
def test_nodes_older_than_their_lease_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each it is said since when nobody answers for it, and what was done."""
    told: list[Notice] = []
    monkeypatch.setattr(story, "announce", told.append)

    swept()

    assert [ALIVE, DEAD] == [each.run_id for each in told]
    assert {("mig.lease.lapsed", "2026-01-01T00:00:00+00:00")} == {(e.event, e.payload["since"]) for e in told}
    assert "swept: its flow run is over: CRASHED" == told[-1].payload["answer"]


def test_a_dry_run_touches_nothing(place: Place) -> None:
    """It only says what would be taken down."""
    assert ("Completed", [(ALIVE, "kept"), (DEAD, "would be swept")]) == swept(dry_run=True)
    assert [] == place.done


def test_another_servers_run_at_work_is_left_alone(place: Place) -> None:
    """Its flow run is unknown here, its lease lapsed long ago, and its pods run."""
    place.runs = [STRANGE]

    assert ("Completed", [(STRANGE, "kept")]) == swept()
    assert [] == place.done


def test_what_is_left_is_loud(place: Place) -> None:
    """A sweep that could not verify its work has not succeeded; the state names the run and what is left of it."""
    place.left = ("p4d.24xlarge i-1",)

    state = story.sweep.fn()

    assert ("LeftBehind", f"teardown not verified, still there: {DEAD}: p4d.24xlarge i-1") == (
        state.name,
        state.message,
    )


def test_each_run_is_looked_at_when_its_turn_comes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changed while the run before was taken down counts."""
    place.runs = [DEAD, "r-dddddddd2", ALIVE]
    asked: list[int] = []
    monkeypatch.setattr(flow_runs, "states", lambda _: asked.append(len(place.done)) or FLOW_RUNS)

    swept()

    assert [0, 1, 1] == asked


def test_without_a_place_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state says what is missing."""
    monkeypatch.delenv("MIG_WORLD", raising=False)

    state = story.sweep.fn()

    assert "Refused" == state.name
    assert str(state.message).startswith("MIG_WORLD: names no World")
