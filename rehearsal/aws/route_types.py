"""The types between a network's parts, as the stand-in provider knows them: addresses, routes, associations."""

from functools import partial

from rehearsal.aws.ec2_calls import call, requested, retag, shown
from rehearsal.aws.resource import AllBut, Aws, Inputs, Kind, Outputs, unless_missing

# ruff: noqa: S106 (Pulumi calls a type's name a token)

_address_request = partial(requested, "AllocateAddress", tag="elastic-ip")
_route_request = partial(requested, "CreateRoute")
_association_request = partial(requested, "AssociateRouteTable")


def _create_address(aws: Aws, inputs: Inputs) -> str:
    made: str = call(aws, "AllocateAddress", **_address_request(inputs))["AllocationId"]
    return made


def _read_address(aws: Aws, identity: str) -> Outputs | None:
    answer = unless_missing(lambda: call(aws, "DescribeAddresses", AllocationIds=[identity]))
    found = (answer or {}).get("Addresses", [])
    return {**shown(found[0], ("Domain", "PublicIp")), "allocationId": identity} if found else None


def _update_address(aws: Aws, identity: str, inputs: Inputs) -> None:
    retag(aws, identity, inputs, (_read_address(aws, identity) or {}).get("tags", {}))


def _delete_address(aws: Aws, identity: str) -> None:
    if _read_address(aws, identity) is not None:
        call(aws, "ReleaseAddress", AllocationId=identity)


def _create_route(aws: Aws, inputs: Inputs) -> str:
    request = _route_request(inputs)
    call(aws, "CreateRoute", **request)
    return f"{request['RouteTableId']}_{request['DestinationCidrBlock']}"


def _read_route(aws: Aws, identity: str) -> Outputs | None:
    table, destination = identity.split("_")
    answer = unless_missing(lambda: call(aws, "DescribeRouteTables", RouteTableIds=[table]))
    routes = [route for found in (answer or {}).get("RouteTables", []) for route in found["Routes"]]
    live = next((route for route in routes if route.get("DestinationCidrBlock") == destination), None)
    return {"routeTableId": table, "destinationCidrBlock": destination, "state": live["State"]} if live else None


def _delete_route(aws: Aws, identity: str) -> None:
    if _read_route(aws, identity) is not None:
        table, destination = identity.split("_")
        call(aws, "DeleteRoute", RouteTableId=table, DestinationCidrBlock=destination)


def _create_association(aws: Aws, inputs: Inputs) -> str:
    made: str = call(aws, "AssociateRouteTable", **_association_request(inputs))["AssociationId"]
    return made


def _read_association(aws: Aws, identity: str) -> Outputs | None:
    mine = {"Name": "association.route-table-association-id", "Values": [identity]}
    for table in call(aws, "DescribeRouteTables", Filters=[mine])["RouteTables"]:
        for association in table["Associations"]:
            if association["RouteTableAssociationId"] == identity:
                return shown(association, ("RouteTableId", "SubnetId"))
    return None


def _delete_association(aws: Aws, identity: str) -> None:
    if _read_association(aws, identity) is not None:
        call(aws, "DisassociateRouteTable", AssociationId=identity)


def _never(_aws: Aws, identity: str, _inputs: Inputs) -> None:
    """Every input is fixed: another value is another resource."""
    raise AssertionError(identity)


KINDS = (
    Kind(
        token="aws:ec2/eip:Eip",
        label="EC2 EIP",
        service="ec2",
        operation="AllocateAddress",
        fixed=AllBut(frozenset({"tags"})),
        request=_address_request,
        create=_create_address,
        read=_read_address,
        update=_update_address,
        delete=_delete_address,
    ),
    Kind(
        token="aws:ec2/route:Route",
        label="EC2 Route",
        service="ec2",
        operation="CreateRoute",
        fixed=AllBut(),
        request=_route_request,
        create=_create_route,
        read=_read_route,
        update=_never,
        delete=_delete_route,
    ),
    Kind(
        token="aws:ec2/routeTableAssociation:RouteTableAssociation",
        label="EC2 Route Table Association",
        service="ec2",
        operation="AssociateRouteTable",
        fixed=AllBut(),
        request=_association_request,
        create=_create_association,
        read=_read_association,
        update=_never,
        delete=_delete_association,
    ),
)
