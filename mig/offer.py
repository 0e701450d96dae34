"""Offers: what AWS can be asked for, what each came to, and the nodes of the one that held."""

from dataclasses import dataclass
from typing import Literal

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
    """For all its nodes: on spot what EC2 said of that zone, where it was asked; else the price on demand, which is the
    most that it costs. 0 where no price is known."""


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
