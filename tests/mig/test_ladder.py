"""Offers are asked market by market, zone by zone, a reservation first."""

from dataclasses import replace
from typing import Any

import pytest

from mig.ladder import rank
from mig.offer import Offer
from mig.plan import draw
from mig.rates import TABLE
from mig.spec import read


def rungs(**fields: Any) -> list[str]:
    """How people name what a request is asked for."""
    return [offer.rung for offer in offers(**fields)]


def offers(kind: str = "p4d.24xlarge", count: int = 1, **fields: Any) -> tuple[Offer, ...]:
    """The offers of a request for whole GPUs."""
    workloads = [{"name": "w", "model": "cnn", "slice": "full", "count": count}]
    spec = read({"instance_types": [kind], "workloads": workloads, **fields})
    return rank(draw(spec, "run"), spec)


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [
        pytest.param(
            {"markets": ["spot", "on-demand"], "zones": ["us-east-1d", "us-east-1a"]},
            [
                "spot p4d.24xlarge us-east-1d",
                "spot p4d.24xlarge us-east-1a",
                "on-demand p4d.24xlarge us-east-1d",
                "on-demand p4d.24xlarge us-east-1a",
            ],
            id="markets and zones in the order of the request",
        ),
        pytest.param(
            {"markets": ["spot", "reservation"], "zones": ["us-east-1a"]},
            ["reservation p4d.24xlarge us-east-1a", "spot p4d.24xlarge us-east-1a"],
            id="a reservation is paid already, so it is asked first",
        ),
        pytest.param(
            {"markets": ["spot", "spot"], "zones": ["us-east-1a", "us-east-1a"]},
            ["spot p4d.24xlarge us-east-1a"],
            id="nothing is asked twice",
        ),
        pytest.param(
            {"markets": ["spot"]},
            ["spot p4d.24xlarge us-east-1a", "spot p4d.24xlarge us-east-1b", "spot p4d.24xlarge us-east-1c"],
            id="three zones of the region where none is named",
        ),
    ],
)
def test_rank(capacity: dict[str, list[str]], expected: list[str]) -> None:
    """All zones of a market are asked before the next market."""
    assert expected == rungs(capacity=capacity)


def test_rank_elsewhere() -> None:
    """The zones are those of the request's region."""
    assert rungs(eks={"region": "eu-west-1"}, capacity={"markets": ["spot"]})[0] == "spot p4d.24xlarge eu-west-1a"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("p4d.24xlarge", 43.915284, id="the price of both nodes"),
        pytest.param("p5e.48xlarge", 0, id="no price is known"),
    ],
)
def test_offer(kind: str, expected: float) -> None:
    """An offer is for all nodes of the plan at once, at their price on demand."""
    first = offers(kind, 9, capacity={"markets": ["on-demand"], "zones": ["us-east-1b"]})[0]

    assert first == Offer(
        rung=f"on-demand {kind} us-east-1b",
        market="on-demand",
        instance_type=kind,
        zone="us-east-1b",
        nodes=2,
        usd_per_hour=expected,
    )


def test_spot_costs_what_it_costs_in_its_zone() -> None:
    """Where EC2 has told what spot costs, offers say so; where it has not, what it costs at most."""
    workloads = [{"name": "w", "model": "cnn", "slice": "full", "count": 9}]
    spec = read({"workloads": workloads, "capacity": {"zones": ["us-east-1a", "us-east-1b"]}})
    rates = replace(TABLE, spot={("p4d.24xlarge", "us-east-1b"): 7.5, ("p5.48xlarge", "us-east-1a"): 1.0})

    found = {offer.rung: offer.usd_per_hour for offer in rank(draw(spec, "run", rates), spec)}

    assert (43.915284, 15.0, 43.915284) == (
        found["spot p4d.24xlarge us-east-1a"],
        found["spot p4d.24xlarge us-east-1b"],
        found["on-demand p4d.24xlarge us-east-1b"],
    )


def test_rank_where_the_cluster_is() -> None:
    """Once a cluster is known, the zones that nobody has named are those of its subnets."""
    spec = read({"workloads": [{"name": "w", "model": "cnn"}], "capacity": {"markets": ["spot"]}})

    assert ["spot p4d.24xlarge us-east-1d"] == [o.rung for o in rank(draw(spec, "run"), spec, ("us-east-1d",))]
