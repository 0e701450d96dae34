"""The ladder: in which order a plan's offers are asked."""

from collections.abc import Sequence

from mig.offer import Market, Offer
from mig.plan import Plan
from mig.spec import RunSpec

USUAL_ZONES = "abc"
"""Last letters of the zones that are told of where the request names none."""


def rank(plan: Plan, spec: RunSpec, there: Sequence[str] = ()) -> tuple[Offer, ...]:
    """
    What AWS is asked for, in this order: a reservation first if one may be used, then the markets as requested.

    Within a market all zones are asked in turn: those that the request names, else those that are `there`, where the
    cluster has subnets, else the usual ones, as long as no cluster is known. What a zone really has is not known here.
    """
    zones = spec.capacity.zones or there or tuple(spec.eks.region + letter for letter in USUAL_ZONES)
    kind = plan.instance_type.name
    return tuple(
        Offer(
            rung=f"{market} {kind} {zone}",
            market=market,
            instance_type=kind,
            zone=zone,
            nodes=len(plan.nodes),
            usd_per_hour=_usd_per_hour(plan, market, zone),
        )
        for market in sorted(dict.fromkeys(spec.capacity.markets), key=lambda market: market != "reservation")
        for zone in dict.fromkeys(zones)
    )


def _usd_per_hour(plan: Plan, market: Market, zone: str) -> float:
    on_demand = plan.usd_per_hour or 0
    return plan.spot_usd_per_hour.get(zone, on_demand) if market == "spot" else on_demand
