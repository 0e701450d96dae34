"""The ladder of offers: which market, zone and instance type is asked in which order, and what each answered."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # mig.errors imports this file, and both of these import mig.errors
    from mig.plan import Plan
    from mig.spec import RunSpec

USUAL_ZONES = "abc"
"""Last letters of the zones that are asked where the request names none."""

Market = Literal["reservation", "spot", "on-demand"]
Outcome = Literal["held", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One thing AWS can be asked for: so many nodes of one type, in one zone, on one market."""

    rung: str
    """How people name it: `spot p4d.24xlarge us-east-1a`."""
    market: Market
    instance_type: str
    zone: str
    nodes: int
    usd_per_hour: float
    """For all its nodes, by the on-demand price: what it costs at most. 0 where no table has a price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one offer came to."""

    rung: str
    outcome: Outcome
    code: str
    """AWS's error code, empty when the offer held."""
    reason: str
    """AWS's sentence, empty when the offer held."""
    seconds: float
    """Wall seconds from asking to the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuNodes:
    """The nodes of a run: the offer that held, and what was tried before it."""

    run_id: str
    offer: Offer
    tried: tuple[Tried, ...]
    """Every offer asked, in order; the last one held."""
    node_groups: tuple[str, ...]
    """EKS's names of the node groups: one for each way in which the plan's nodes are cut."""
    stack: str
    """The Pulumi stack that owns it: `RUN-ATTEMPT`."""
    expected: int
    """How many nodes shall join."""


def rank(plan: "Plan", spec: "RunSpec") -> tuple[Offer, ...]:
    """
    What AWS is asked for, in this order: a reservation first if one may be used, then the markets as requested.

    Within a market all zones are asked in turn. What a zone really has is not known here.
    """
    zones = spec.capacity.zones or tuple(spec.eks.region + letter for letter in USUAL_ZONES)
    kind = plan.instance_type.name
    return tuple(
        Offer(
            rung=f"{market} {kind} {zone}",
            market=market,
            instance_type=kind,
            zone=zone,
            nodes=len(plan.nodes),
            usd_per_hour=plan.usd_per_hour or 0,
        )
        for market in sorted(dict.fromkeys(spec.capacity.markets), key=lambda market: market != "reservation")
        for zone in dict.fromkeys(zones)
    )
