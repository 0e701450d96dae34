"""Promises of the story's order: what is said before anything is opened, and what is refused opens nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

from flows import pipeline as story
from flows import telling
from mig.errors import Failed, Refused
from mig.plan import Plan
from mig.spec import RunSpec, read
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
REQUEST: dict[str, Any] = {
    "name": "r",
    "workloads": [{"name": "small", "kind": "train", "model": "mlp", "slice": "small"}],
}


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a run does, in its order, in a place that ends it as soon as it is there."""
    happened: list[str] = []

    @contextmanager
    def opened(*_: Any, **__: Any) -> Iterator[Site]:
        happened.append("open")
        yield SITE

    def propose(_: RunSpec, plan: Plan) -> None:
        happened.append(f"propose {plan.nodes[0].config_name}")

    def known(names: Sequence[str]) -> None:
        if unknown := {*names} - {"ops"}:
            raise Refused("notify[0]", f"no notification block is called {unknown.pop()}", accepted="ops")

    def acquire(*_: Any, **__: Any) -> NoReturn:
        happened.append("acquire")
        raise Failed("capacity", "no")

    monkeypatch.setattr(story, "check_known", known)
    monkeypatch.setattr(story, "publish_plan", propose)
    monkeypatch.setattr(story, "site", opened)
    monkeypatch.setattr(story, "checked", lambda *_: None)
    monkeypatch.setattr(story, "record", lambda *_: None)
    monkeypatch.setattr(story, "stand", lambda *_: happened.append("stand"))
    monkeypatch.setattr(story, "acquire", acquire)
    monkeypatch.setattr(story, "release", lambda *_, **__: happened.append("release"))
    monkeypatch.setattr(telling, "publish", lambda *_: happened.append("report"))
    return happened


def test_the_plan_is_told_before_anything_is_opened(order: list[str]) -> None:
    """Whoever watches sees the request and its price while nothing is spent yet; the report comes last."""
    story.pipeline.fn(read(REQUEST))

    assert ["propose all-1g.5gb", "open", "stand", "acquire", "release", "report"] == order


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        pytest.param({"workloads": []}, "workloads: there are none; accepted: at least one", id="no workload"),
        pytest.param(
            {"notify": ["nobody"]}, "notify[0]: no notification block is called nobody", id="an unknown channel"
        ),
        pytest.param({"max_usd": 1}, "max_usd: 1 is less than the plan may cost: ", id="too small a budget"),
    ],
)
def test_a_refused_request_opens_nothing(order: list[str], changed: dict[str, Any], sentence: str) -> None:
    """What the form accepts and no plan can carry out ends as Refused, with the one sentence as its message."""
    state = story.pipeline.fn(read({**REQUEST, **changed}))

    assert ("Refused", []) == (state.name, order)
    assert str(state.message).startswith(sentence)


def test_an_account_that_cannot_carry_it_is_left_as_it_is(order: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the way in the account ends the run before it has a place: no record, no report, nothing made."""

    def checked(*_: object) -> NoReturn:
        raise Refused("eks.state", "there is no bucket b", accepted="the one that `mig bootstrap` makes")

    monkeypatch.setattr(story, "checked", checked)
    state = story.pipeline.fn(read(REQUEST))

    assert ("Refused", ["propose all-1g.5gb", "open"]) == (state.name, order)
    assert "eks.state: there is no bucket b; accepted: the one that `mig bootstrap` makes" == state.message
