"""Promises of the platform's flow: what it is told to do it does in order, and its end says what came of it."""

from collections.abc import Callable
from typing import Any

import pytest

from flows import platform as story
from mig.changes import NONE, Change, Changes
from mig.errors import Refused
from mig.ledger import Released
from mig.spec import RunSpec
from tasks.connect import Site
from tasks.platform import Foreseen

SITE = Site(target="rehearsal", address="w", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
MADE = Changes(changes=(Change(action="create", kind="aws:iam/role:Role", name="r"),), unchanged=())
SPEC = RunSpec()


class Place:
    """Where it stands, and what is done there."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.runs: tuple[str, ...] = ()
        self.left: tuple[str, ...] = ()
        self.refusal: Refused | None = None

    def checked(self, *_: object) -> None:
        """Whether the account can carry it."""
        if self.refusal:
            raise self.refusal

    def noting(self, what: str, answer: Any) -> Callable[..., Any]:
        """A verb that is noted, with its answer."""
        return lambda *_, **__: self.done.append(what) or answer


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place without any run."""
    made = Place()
    monkeypatch.setattr(story, "standing_for", lambda _: SITE)
    monkeypatch.setattr(story.account, "checked", made.checked)
    monkeypatch.setattr(story.stacks, "layers", lambda *_: ())
    monkeypatch.setattr(story.stacks, "raise_all", made.noting("raise", Foreseen(by_layer={"cluster": MADE})))
    monkeypatch.setattr(story.stacks, "refresh_all", made.noting("refresh", NONE))
    monkeypatch.setattr(story.traces, "runs", lambda _: made.runs)
    monkeypatch.setattr(story, "release", lambda _, run: made.done.append(f"release {run}"))

    def lower(*_: object) -> Released:
        made.done.append("lower")
        return Released(verified=not made.left, left=made.left)

    monkeypatch.setattr(story, "lower", lower)
    return made


def ended(action: story.Action, *, runs_too: bool = False) -> tuple[str | None, str | None]:
    """The name of the state in which it ended, and its message."""
    state = story.platform.fn(SPEC, action=action, runs_too=runs_too)
    return state.name, state.message


@pytest.mark.parametrize(
    ("action", "name", "message"),
    [
        pytest.param("raise", "Completed", "1 to create, 0 to update, 0 to replace, 0 to delete, 0 unchanged", id="up"),
        pytest.param(
            "refresh", "Completed", "0 to create, 0 to update, 0 to replace, 0 to delete, 0 unchanged", id="ls"
        ),
        pytest.param("lower", "Released", "verified: nothing is left", id="down"),
    ],
)
def test_what_it_is_told_it_does(place: Place, action: story.Action, name: str, message: str) -> None:
    """One thing, and the state says what came of it."""
    assert (name, message) == ended(action)
    assert [action] == place.done


def test_what_the_account_cannot_carry_is_refused_before_anything_is_made(place: Place) -> None:
    """One sentence, and no stack."""
    place.refusal = Refused("AWS", "there are no credentials")

    assert ("Refused", "AWS: there are no credentials") == ended("raise")
    assert [] == place.done


def test_a_cluster_that_runs_use_is_not_lowered(place: Place) -> None:
    """Who lowers it is told whose it is."""
    place.runs = ("r-1", "r-2")

    assert ("Refused", "runs: there is something of r-1, r-2; accepted: `mig teardown RUN` first, or --runs-too") == (
        ended("lower")
    )
    assert [] == place.done


def test_runs_go_first_where_that_is_asked_for(place: Place) -> None:
    """Each run is taken down whole before the cluster goes under it."""
    place.runs = ("r-1", "r-2")

    assert "Released" == ended("lower", runs_too=True)[0]
    assert ["release r-1", "release r-2", "lower"] == place.done


def test_what_is_left_is_loud(place: Place) -> None:
    """A lowering that could not be verified has not succeeded."""
    place.left = ("NAT gateway nat-1",)

    assert ("LeftBehind", "teardown not verified, still there: NAT gateway nat-1") == ended("lower")
