"""Promises of notices: whoever is told of a shortage learns what, why, what comes next, for how much, and when."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mig import notice
from mig.errors import NoCapacity
from mig.ladder import rank
from mig.notice import EVENTS, Notice
from mig.offer import Tried
from mig.plan import draw
from mig.report import Story, compose
from mig.spec import read

SPEC = read({
    "name": "r",
    "workloads": [{"name": "small", "kind": "train", "model": "mlp", "slice": "small"}],
    "capacity": {"markets": ["spot", "on-demand"], "zones": ["us-east-1a"]},
})  # fmt: skip
PLAN = draw(SPEC, "r-1")
SPOT, ON_DEMAND = OFFERS = rank(PLAN, SPEC)
LATER = "in 15 minutes: try 2 of 3"


def short(rung: str) -> Tried:
    """An offer that was refused."""
    return Tried(rung=rung, outcome="refused", code="Insufficient", reason="There is none.", seconds=1)


ERROR = NoCapacity((short(SPOT.rung), short(ON_DEMAND.rung)))
REPORT = compose(Story(spec=SPEC, run_id="r-1", told=(PLAN,), phases=()), error=ERROR, simulated=(), scale=60)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(
            notice.refused("r-1", short(SPOT.rung), offers=OFFERS, again=LATER),
            (SPOT.rung, "Insufficient: There is none.", ON_DEMAND.rung, PLAN.usd_per_hour, "now"),
            id="another offer is left",
        ),
        pytest.param(
            notice.refused("r-1", short(ON_DEMAND.rung), offers=OFFERS, again=LATER),
            (ON_DEMAND.rung, "Insufficient: There is none.", SPOT.rung, PLAN.usd_per_hour, LATER),
            id="it was the last one of this try",
        ),
        pytest.param(
            notice.refused("r-1", short(ON_DEMAND.rung), offers=OFFERS, again=""),
            (ON_DEMAND.rung, "Insufficient: There is none.", "none", None, "none"),
            id="it was the last one of all",
        ),
        pytest.param(
            notice.refused("r-1", short(SPOT.rung), offers=[SPOT, replace(ON_DEMAND, usd_per_hour=0)], again=""),
            (SPOT.rung, "Insufficient: There is none.", ON_DEMAND.rung, None, "now"),
            id="no table has the next one's price",
        ),
        pytest.param(
            notice.exhausted(REPORT, again="noon"),
            (ON_DEMAND.rung, str(ERROR), SPOT.rung, PLAN.usd_per_hour, "noon"),
            id="all were refused, and are asked again",
        ),
        pytest.param(
            notice.exhausted(REPORT, again=""),
            (ON_DEMAND.rung, str(ERROR), "none", None, "none"),
            id="all were refused, for good",
        ),
    ],
)
def test_a_shortage_is_told_with_five_facts(told: Notice, expected: tuple[object, ...]) -> None:
    """Rung, reason, next rung, its price, next try: each has a value, or says that there is none."""
    facts = ("rung", "reason", "next_rung", "next_usd_per_hour", "next_try")

    assert dict(zip(facts, expected, strict=True)) == told.payload


@pytest.mark.parametrize(
    ("told", "event", "payload"),
    [
        pytest.param(
            notice.granted("r-1", SPOT),
            "mig.capacity.granted",
            {"rung": SPOT.rung, "usd_per_hour": PLAN.usd_per_hour, "nodes": 1},
            id="an offer held",
        ),
        pytest.param(
            notice.unverified("r-1", ("p4d i-1", "node group g")),
            "mig.teardown.unverified",
            {"left": "p4d i-1, node group g"},
            id="something is left",
        ),
        pytest.param(
            notice.lapsed("r-1", datetime(2026, 1, 1, tzinfo=UTC), answer="kept: its pods run"),
            "mig.lease.lapsed",
            {"since": "2026-01-01T00:00:00+00:00", "answer": "kept: its pods run"},
            id="nodes outlived their lease",
        ),
    ],
)
def test_what_else_is_told(told: Notice, event: str, payload: dict[str, object]) -> None:
    """Each has a name that automations wait for, and the run it is about."""
    assert Notice(event=event, run_id="r-1", payload=payload) == told  # type: ignore[arg-type]  # one of the names
    assert event in EVENTS


def test_a_notice_is_a_line_too() -> None:
    """In the log it reads as it is told, without what has no value."""
    told = notice.refused("r-1", short(ON_DEMAND.rung), offers=OFFERS, again="")

    assert (
        "mig.capacity.refused r-1: rung: on-demand p4d.24xlarge us-east-1a, reason: Insufficient: There is none., "
        "next rung: none, next try: none"
    ) == str(told)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(
            notice.refused("r-1", short(SPOT.rung), offers=OFFERS, again=LATER),
            (
                "No capacity in one place: r-1",
                f"Rung: {SPOT.rung}",
                "Reason: Insufficient: There is none.",
                f"Next rung: {ON_DEMAND.rung}",
                f"Next price: ${PLAN.usd_per_hour:.2f} an hour",
                "Next try: now",
            ),
            id="one offer was refused",
        ),
        pytest.param(
            notice.exhausted(REPORT, again=""),
            (
                "No capacity anywhere: r-1",
                f"Rung: {ON_DEMAND.rung}",
                f"Reason: {ERROR}",
                "Next rung: none",
                "Next price: not known",
                "Next try: none",
            ),
            id="all were",
        ),
        pytest.param(
            notice.unverified("r-1", ("p4d i-1", "node group g")),
            ("STILL BILLED? Not taken down: r-1", "Left: p4d i-1, node group g"),
            id="something is left",
        ),
    ],
)
def test_a_notice_is_a_message_too(told: Notice, expected: tuple[str, ...]) -> None:
    """A person reads which run it is about, and each fact on a line of its own, also that there is none."""
    subject, *lines = expected

    assert (subject, lines) == (told.subject, told.body.splitlines())
