"""
The network of a cluster: one VPC over its zones, with public subnets for the way out and private ones for all machines.

Nodes have no public address. What they fetch goes through one NAT gateway; what lies in S3, data sets and image layers
of ECR among them, goes by a gateway endpoint, which costs nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from mig.errors import Refused

if TYPE_CHECKING:
    from pulumi_aws import ec2

ZONES = 3
"""EKS asks for two at least; a third is one more place to find a GPU in."""

_NO_CONTROL_PLANE = frozenset({"use1-az3", "usw1-az2", "cac1-az3"})
"""Zones, by their ids, in which EKS places no control plane (EKS user guide, network requirements)."""

_PRIVATE_PREFIX, _PUBLIC_PREFIX = 19, 24
"""8,190 addresses for the nodes and pods of a zone: every pod takes one of its subnet; 254 for NAT and balancers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """One availability zone, as the account sees it."""

    name: str
    """`us-east-1a`: which place that is differs from account to account."""
    identity: str
    """`use1-az1`: the same for everybody."""
    types: frozenset[str]
    """Which of the instance types asked for are offered there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkArgs:
    """A network."""

    cluster: str
    region: str
    zones: tuple[str, ...]
    tags: Mapping[str, str]
    cidr: str = "10.0.0.0/16"
    """Room for seven zones of this size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What a cluster needs of its network."""

    private: "Mapping[str, ec2.Subnet]"
    """By zone."""
    ways_out: "Sequence[ec2.Route | ec2.RouteTableAssociation]"
    """Before these stand, a node cannot fetch what it needs to join."""


def choose(zones: Sequence[Zone], wanted: Sequence[str]) -> tuple[str, ...]:
    """
    Three zones for a cluster: those that offer most of the wanted instance types, in the order of their names.

    Raises Refused when EKS can stand in fewer than two, or none offers any of the types.
    """
    usable = sorted((zone for zone in zones if zone.identity not in _NO_CONTROL_PLANE), key=lambda zone: zone.name)
    if wanted and not any(zone.types for zone in usable):
        raise Refused(
            "instance_types", f"no zone of the region offers {', '.join(wanted)}", accepted="types of this region"
        )
    if len(usable) < 2:  # noqa: PLR2004 (EKS's own limit)
        raise Refused("eks.region", "it has fewer than two zones for EKS", accepted="a region with two or more")
    best = sorted(usable, key=lambda zone: -len(zone.types))[:ZONES]
    return tuple(sorted(zone.name for zone in best))


def declare(args: NetworkArgs) -> Network:
    """Declare it, inside a Pulumi program."""
    from pulumi_aws import ec2

    vpc = ec2.Vpc(
        "vpc",
        cidr_block=args.cidr,
        enable_dns_support=True,
        enable_dns_hostnames=True,  # the private endpoint of the cluster is a name in the VPC
        tags=_tagged(args, args.cluster),
    )
    large = list(IPv4Network(args.cidr).subnets(new_prefix=_PRIVATE_PREFIX))
    private = _subnets(args, vpc, "private", dict(zip(args.zones, large, strict=False)))
    small = large[len(args.zones)].subnets(new_prefix=_PUBLIC_PREFIX)
    public = _subnets(args, vpc, "public", dict(zip(args.zones, small, strict=False)))
    return Network(private=private, ways_out=_ways_out(args, vpc, public, private))


def _subnets(
    args: NetworkArgs, vpc: "ec2.Vpc", kind: str, spaces: "Mapping[str, IPv4Network]"
) -> "dict[str, ec2.Subnet]":
    from pulumi_aws import ec2

    balancers = "kubernetes.io/role/elb" if kind == "public" else "kubernetes.io/role/internal-elb"
    return {
        zone: ec2.Subnet(
            f"{kind}-{zone}",
            vpc_id=vpc.id,
            availability_zone=zone,
            cidr_block=str(space),
            map_public_ip_on_launch=False,
            tags={
                **_tagged(args, f"{args.cluster}-{kind}-{zone}"),
                balancers: "1",
                f"kubernetes.io/cluster/{args.cluster}": "shared",
            },
        )
        for zone, space in spaces.items()
    }


def _ways_out(
    args: NetworkArgs, vpc: "ec2.Vpc", public: "Mapping[str, ec2.Subnet]", private: "Mapping[str, ec2.Subnet]"
) -> "list[ec2.Route | ec2.RouteTableAssociation]":
    import pulumi
    from pulumi_aws import ec2

    gateway = ec2.InternetGateway("internet", vpc_id=vpc.id, tags=_tagged(args, args.cluster))
    address = ec2.Eip("nat", domain="vpc", tags=_tagged(args, f"{args.cluster}-nat"))
    nat = ec2.NatGateway(
        "nat",
        allocation_id=address.id,
        subnet_id=public[args.zones[0]].id,
        tags=_tagged(args, args.cluster),
        opts=pulumi.ResourceOptions(depends_on=[gateway]),
    )
    inward = _table(args, vpc, "private", private)
    outward = _table(args, vpc, "public", public)
    ec2.VpcEndpoint(
        "s3",
        vpc_id=vpc.id,
        service_name=f"com.amazonaws.{args.region}.s3",
        vpc_endpoint_type="Gateway",
        route_table_ids=[inward[0].id],
        tags=_tagged(args, f"{args.cluster}-s3"),
    )
    anywhere = "0.0.0.0/0"
    return [
        *inward[1],
        *outward[1],
        ec2.Route("private", route_table_id=inward[0].id, destination_cidr_block=anywhere, nat_gateway_id=nat.id),
        ec2.Route("public", route_table_id=outward[0].id, destination_cidr_block=anywhere, gateway_id=gateway.id),
    ]


def _table(
    args: NetworkArgs, vpc: "ec2.Vpc", kind: str, subnets: "Mapping[str, ec2.Subnet]"
) -> "tuple[ec2.RouteTable, list[ec2.RouteTableAssociation]]":
    """One table for all subnets of a kind."""
    from pulumi_aws import ec2

    table = ec2.RouteTable(kind, vpc_id=vpc.id, tags=_tagged(args, f"{args.cluster}-{kind}"))
    return table, [
        ec2.RouteTableAssociation(f"{kind}-{zone}", route_table_id=table.id, subnet_id=subnet.id)
        for zone, subnet in subnets.items()
    ]


def _tagged(args: NetworkArgs, name: str) -> dict[str, str]:
    return {"Name": name, **args.tags}
