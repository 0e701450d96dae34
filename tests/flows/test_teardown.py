"""Promises of the teardown: it finds its place, and its end is named for what is left."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from flows import teardown as story
from mig.ledger import Released
from mig.sections import Where
from tasks import connect
from tasks.connect import Site
from tasks.publish import record

SITE = Site(target="rehearsal", address="w", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
STANDING = replace(SITE, address="standing")
GONE = Released(verified=True, left=())


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An empty folder, and a World that knows the run `r-1`; the addresses at which something was taken down."""
    seen: list[str] = []

    def release(place: Site, _: str, *, notify: Sequence[str]) -> Released:
        seen.extend((place.address, *notify))
        return GONE

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIG_WORLD", "standing")
    monkeypatch.setattr(connect, "attach", lambda _: STANDING)
    monkeypatch.setattr(story, "known", lambda _, run_id: run_id == "r-1")
    monkeypatch.setattr(story, "release", release)
    return seen


def test_a_run_is_taken_down_where_its_record_says(places: list[str]) -> None:
    """In the folder that a run was started in, its own record counts, whatever stands elsewhere."""
    record(SITE, "r-1")

    story.teardown.fn("r-1")

    assert ["w"] == places


def test_without_a_record_it_is_taken_down_where_one_stands(places: list[str]) -> None:
    """From anywhere else it is the World that is named, if the run has been there."""
    story.teardown.fn("r-1")

    assert ["standing"] == places


def test_whom_the_run_was_to_tell_is_known_to_its_teardown(places: list[str]) -> None:
    """The automation that starts it passes on the names of the dead run's request."""
    story.teardown.fn("r-1", ("ops",))

    assert ["standing", "ops"] == places


def test_without_a_record_it_is_taken_down_where_that_is_said(
    places: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On AWS it is found by what its account has of it, whatever World is named here."""
    monkeypatch.setattr(connect, "on_eks", lambda where: replace(SITE, target="eks", address=where.eks.cluster))

    story.teardown.fn("r-1", where=Where(target="eks"))

    assert ["mig"] == places


def test_a_run_that_left_no_trace_is_refused(places: list[str]) -> None:
    """A misspelt name is no success, and touches nothing."""
    state = story.teardown.fn("r-2")

    assert ("Refused", []) == (state.name, places)
    assert "RUN: 'r-2' has left no trace here; accepted: a run's name, as its report has it" == state.message


def test_nowhere_to_look_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without record and World the sentence names both."""
    monkeypatch.delenv("MIG_WORLD")

    state = story.teardown.fn("r-1")

    assert "Refused" == state.name
    assert "RUN: no record of 'r-1' under runs/ here, and MIG_WORLD: names no World; " in str(state.message)


@pytest.mark.parametrize(
    ("released", "expected"),
    [
        pytest.param(GONE, ("Released", "verified: nothing is left"), id="nothing is left"),
        pytest.param(
            Released(verified=False, left=("p4d i-1", "node group g")),
            ("LeftBehind", "teardown not verified, still there: p4d i-1, node group g"),
            id="something is left",
        ),
    ],
)
def test_the_end_is_named_for_what_is_left(
    monkeypatch: pytest.MonkeyPatch, released: Released, expected: tuple[str, str]
) -> None:
    """The state says whether anything may still be billed, and what; its data is the same as a value."""
    monkeypatch.setattr(story, "release", lambda *_, **__: released)

    state = story.teardown.fn("r-1")

    assert (*expected, released) == (state.name, state.message, state.data)
