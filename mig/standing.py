"""
What the long-lived part costs an hour, used or not: the cluster, its way out, its own nodes and their disks.

By dated list prices of one region; what AWS charges by use (traffic through NAT, logs, requests) is not known here, nor
are GPU nodes, which a run's plan prices.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mig.gpu import PRICED_REGION

PRICES_AS_OF = "2026-11-23"
"""Day on which the list prices were put down here; that of the nodes is older: 2026-07-20."""

_MONTH = 730
"""Hours, as AWS counts a month."""

_BY_KIND: Mapping[str, tuple[str, float]] = {
    # aws.amazon.com/eks/pricing, standard support; a version in extended support costs 0.60.
    "aws:eks/cluster:Cluster": ("EKS control plane", 0.10),
    # aws.amazon.com/vpc/pricing: by the hour, and 0.045 for each GB besides.
    "aws:ec2/natGateway:NatGateway": ("NAT gateway", 0.045),
    # The same page: a public IPv4 address, in use or not.
    "aws:ec2/eip:Eip": ("public IPv4 address", 0.005),
    # aws.amazon.com/kms/pricing: 1.00 a month.
    "aws:kms/key:Key": ("KMS key", 1 / _MONTH),
}
"""List prices of us-east-1 by Pulumi's types: general knowledge, checked against no price list by a program."""

_GROUP = "aws:eks/nodeGroup:NodeGroup"

NODES = 2
"""Of the system node group, as infra.cluster raises it; an autoscaler may have made them more."""

NODE, NODE_USD = "m6i.large", 0.096
"""On demand, Linux, us-east-1: Karpenter's generated price file, 2026-07-20."""

NODE_GIB, _GIB_USD = 50, 0.08 / _MONTH
"""Root disk of a system node, gp3: aws.amazon.com/ebs/pricing, 0.08 a GB and month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the bill."""

    what: str
    count: int
    usd_per_hour: float
    """All of them together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands, by the hour."""

    items: tuple[Item, ...]

    @property
    def usd_per_hour(self) -> float:
        """Everything together."""
        return sum(item.usd_per_hour for item in self.items)


def price(kinds: Iterable[str]) -> Standing:
    """What resources of these kinds cost an hour while nobody runs anything; a node group has `NODES` nodes."""
    counted = Counter(kinds)
    nodes = counted[_GROUP] * NODES
    listed = tuple(
        Item(what=what, count=counted[kind], usd_per_hour=counted[kind] * usd)
        for kind, (what, usd) in _BY_KIND.items()
        if counted[kind]
    )
    machines = (
        Item(what=f"system node {NODE}", count=nodes, usd_per_hour=nodes * NODE_USD),
        Item(what=f"disk gp3 {NODE_GIB} GiB", count=nodes, usd_per_hour=nodes * NODE_GIB * _GIB_USD),
    )
    return Standing(items=(*listed, *(machines if nodes else ())))


def told(standing: Standing, *, region: str, gpu_usd_per_hour: float | None) -> tuple[str, ...]:
    """The bill in lines that a person reads, and what it is beside the price of the plan's GPU nodes."""
    elsewhere = "" if region == PRICED_REGION else f"; {region} will differ"
    whole = standing.usd_per_hour
    lines = [f"{item.count} x {item.what}: ${item.usd_per_hour:.3f} an hour" for item in standing.items]
    beside = (
        f", {whole / gpu_usd_per_hour:.1%} of the ${gpu_usd_per_hour:.2f} an hour of the planned GPU nodes"
        if gpu_usd_per_hour
        else ""
    )
    source = f"list prices of {PRICED_REGION}, {PRICES_AS_OF}{elsewhere}; traffic and logs come on top"
    return (*lines, f"standing: ${whole:.2f} an hour, ${whole * _MONTH:.0f} a month{beside} ({source})")
