"""
The types of a network, as the stand-in provider knows them.

EC2's calls are alike: what is called a Vpc is made by CreateVpc, shown by DescribeVpcs and gone by DeleteVpc. What
differs is a row's own: what else must be said once it exists, and what must be undone before it goes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rehearsal.aws.ec2_calls import call, requested, retag, shown
from rehearsal.aws.resource import AllBut, Aws, Inputs, Kind, Outputs, Request, unless_missing

# ruff: noqa: S106 (Pulumi calls a type's name a token)

Step = Callable[[Aws, str, Inputs], None]


def _nothing(_aws: Aws, _identity: str, _inputs: Inputs) -> None:
    """Nothing else is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One type that EC2 treats as it treats most."""

    token: str
    label: str
    noun: str
    """As the calls have it: `NatGateway`."""
    tag: str
    """What EC2 calls its kind where it is tagged."""
    shows: tuple[str, ...] = ()
    """What of it is shown in Pulumi's state, beside its tags."""
    later: frozenset[str] = frozenset()
    """Inputs that are no part of the request: `settle` sees to them."""
    settle: Step = _nothing
    """What must be said once it exists, and whenever one of these inputs changes."""
    attach: Step = _nothing
    """What is done once, when it is created."""
    detach: Step = _nothing
    """What must be undone before it goes; there are no inputs any more."""
    deleted_by_list: bool = False
    """Whether EC2 deletes it by DeleteVpcEndpoints instead."""

    @property
    def id(self) -> str:
        """What its id is called."""
        return f"{self.noun}Id"


def _kind(row: _Row) -> Kind:
    return Kind(
        token=f"aws:ec2/{row.token}",
        label=row.label,
        service="ec2",
        operation=f"Create{row.noun}",
        fixed=AllBut(frozenset({"tags", *row.later})),
        request=partial(_request, row),
        create=partial(_create, row),
        read=partial(_read, row),
        update=partial(_update, row),
        delete=partial(_delete, row),
    )


def _request(row: _Row, inputs: Inputs) -> Request:
    return requested(f"Create{row.noun}", inputs, tag=row.tag, without=row.later)


def _create(row: _Row, aws: Aws, inputs: Inputs) -> str:
    made = call(aws, f"Create{row.noun}", **_request(row, inputs))
    identity: str = made[row.noun][row.id]
    row.attach(aws, identity, inputs)
    row.settle(aws, identity, inputs)
    return identity


def _read(row: _Row, aws: Aws, identity: str) -> Outputs | None:
    answer = unless_missing(lambda: call(aws, f"Describe{row.noun}s", **{f"{row.id}s": [identity]}))
    there = [found for found in (answer or {}).get(f"{row.noun}s", []) if found.get("State") != "deleted"]
    return shown(there[0], row.shows) if there else None


def _update(row: _Row, aws: Aws, identity: str, inputs: Inputs) -> None:
    retag(aws, identity, inputs, (_read(row, aws, identity) or {}).get("tags", {}))
    row.settle(aws, identity, inputs)


def _delete(row: _Row, aws: Aws, identity: str) -> None:
    if _read(row, aws, identity) is not None:
        row.detach(aws, identity, {})
        plural = {f"{row.id}s": [identity]} if row.deleted_by_list else {row.id: identity}
        call(aws, f"Delete{row.noun}{'s' if row.deleted_by_list else ''}", **plural)


def _vpc_attributes(aws: Aws, identity: str, inputs: Inputs) -> None:
    """EC2 takes one of them at a time."""
    for name in ("EnableDnsSupport", "EnableDnsHostnames"):
        value = inputs.get(f"{name[0].lower()}{name[1:]}", name == "EnableDnsSupport")
        call(aws, "ModifyVpcAttribute", VpcId=identity, **{name: {"Value": value}})


def _public_addresses(aws: Aws, identity: str, inputs: Inputs) -> None:
    value = {"Value": inputs.get("mapPublicIpOnLaunch", False)}
    call(aws, "ModifySubnetAttribute", SubnetId=identity, MapPublicIpOnLaunch=value)


def _attach_gateway(aws: Aws, identity: str, inputs: Inputs) -> None:
    if "vpcId" in inputs:
        call(aws, "AttachInternetGateway", InternetGatewayId=identity, VpcId=inputs["vpcId"])


def _detach_gateway(aws: Aws, identity: str, _inputs: Inputs) -> None:
    (gateway,) = call(aws, "DescribeInternetGateways", InternetGatewayIds=[identity])["InternetGateways"]
    for attachment in gateway["Attachments"]:
        call(aws, "DetachInternetGateway", InternetGatewayId=identity, VpcId=attachment["VpcId"])


_ROWS = (
    _Row(
        token="vpc:Vpc",
        label="EC2 VPC",
        noun="Vpc",
        tag="vpc",
        shows=("CidrBlock",),
        later=frozenset({"enableDnsSupport", "enableDnsHostnames"}),
        settle=_vpc_attributes,
    ),
    _Row(
        token="subnet:Subnet",
        label="EC2 Subnet",
        noun="Subnet",
        tag="subnet",
        shows=("AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "MapPublicIpOnLaunch", "VpcId"),
        later=frozenset({"mapPublicIpOnLaunch"}),
        settle=_public_addresses,
    ),
    _Row(
        token="internetGateway:InternetGateway",
        label="EC2 Internet Gateway",
        noun="InternetGateway",
        tag="internet-gateway",
        later=frozenset({"vpcId"}),
        attach=_attach_gateway,
        detach=_detach_gateway,
    ),
    _Row(
        token="natGateway:NatGateway",
        label="EC2 NAT Gateway",
        noun="NatGateway",
        tag="natgateway",
        shows=("SubnetId", "VpcId"),
    ),
    _Row(
        token="routeTable:RouteTable",
        label="EC2 Route Table",
        noun="RouteTable",
        tag="route-table",
        shows=("VpcId",),
    ),
    _Row(
        token="vpcEndpoint:VpcEndpoint",
        label="EC2 VPC Endpoint",
        noun="VpcEndpoint",
        tag="vpc-endpoint",
        shows=("RouteTableIds", "ServiceName", "VpcEndpointType", "VpcId"),
        deleted_by_list=True,
    ),
)

KINDS = tuple(_kind(row) for row in _ROWS)
