"""Promises of what a run says before it does anything."""

import json

from mig.ladder import rank
from mig.plan import draw
from mig.proposal import markdown
from mig.spec import read

SPEC = read({
    "name": "r",
    "workloads": [{"name": "small", "kind": "train", "model": "mlp", "slice": "small"}],
    "capacity": {"markets": ["on-demand", "spot"], "zones": ["us-east-1a"]},
})  # fmt: skip
PLAN = draw(SPEC, "r-1")
PAGE = markdown(SPEC, PLAN, rank(PLAN, SPEC))


def test_the_price_stands_first() -> None:
    """Who reads one line reads what it costs at most."""
    title, price, *_ = PAGE.split("\n\n")

    assert ("## r-1: request and plan", f"**{PLAN.explanation[-1]}**") == (title, price)
    assert "at most $" in price


def test_offers_stand_in_the_order_in_which_they_are_asked() -> None:
    """The ladder is known before its first rung is tried."""
    assert "1. on-demand p4d.24xlarge us-east-1a\n2. spot p4d.24xlarge us-east-1a" in PAGE


def test_the_request_can_be_asked_again() -> None:
    """What stands in the block is the same request, with every field that nobody wrote."""
    _, _, block = PAGE.partition("```json\n")

    assert SPEC == read(json.loads(block.removesuffix("\n```")))
