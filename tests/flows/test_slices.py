"""Promises of the report of slices: counted where one stands, and published."""

import pytest

from flows import slices as story
from mig.census import Census, ClaimSeen
from mig.readiness import DeviceSeen
from tasks import observe
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
SLICE = DeviceSeen(name="a", type="mig", uuid="", parent_uuid="", profile="1g.5gb")


def test_what_is_counted_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow's result is the census that its tables show."""
    published: list[tuple[Census, bool]] = []
    monkeypatch.setattr(story, "standing_for", lambda _: SITE)
    monkeypatch.setattr(observe, "devices", lambda _: {"n1": (SLICE,)})
    monkeypatch.setattr(observe, "claims", lambda _: (ClaimSeen(holder="r", held=(("n1", "a"),), waits_for=()),))
    monkeypatch.setattr(story, "publish_census", lambda census, *, by_node: published.append((census, by_node)))

    census = story.slices.fn(by_node=True).data

    assert [(census, True)] == published
    assert [("1g.5gb", 1, 1)] == [(each.profile, each.total, each.allocated) for each in census.profiles]


def test_without_a_place_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what is missing, and where it would come from."""
    monkeypatch.delenv("MIG_WORLD", raising=False)

    state = story.slices.fn()

    assert "Refused" == state.name
    assert "MIG_WORLD: names no World; accepted: the file that `mig world open` printed" == state.message


def test_a_place_that_is_gone_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A World that was closed is no broken flow: the state's message is the one sentence."""
    monkeypatch.setenv("MIG_WORLD", "/not/there.json")

    state = story.slices.fn()

    assert ("Failed", "connect: no World at /not/there.json: it was closed, or never opened") == (
        state.name,
        state.message,
    )
