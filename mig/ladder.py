"""The ladder: in which order a plan's offers are asked."""

from mig.offer import Offer
from mig.plan import Plan
from mig.spec import RunSpec

USUAL_ZONES = "abc"
"""Last letters of the zones that are asked where the request names none."""


def rank(plan: Plan, spec: RunSpec) -> tuple[Offer, ...]:
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
