"""
What EKS refuses although each member of the request is well formed: what depends on the account or on two members.

Pure: the request and a view of the account go in, the first refusal comes out. The codes are EKS's, and so are the
sentences wherever a public source shows them; the others say the same in our own words.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Request = Mapping[str, Any]
"""Of CreateNodegroup, as botocore spells it."""

RESERVED_PREFIXES = ("kubernetes.io/", "k8s.io/", "eks.amazonaws.com/")
DEFAULT_SCALING = {"minSize": 1, "maxSize": 2, "desiredSize": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error of EKS's API."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """What EKS knows of an instance type when it checks a node group."""

    gpus: bool
    architectures: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What of the account a node group's creation depends on."""

    vpc: str | None
    """Of the cluster that the request names; None: there is no such cluster."""
    node_groups: frozenset[str]
    """Names taken in that cluster."""
    subnets: Mapping[str, str]
    """VPC by subnet."""
    roles: frozenset[str]
    """ARNs."""
    template: Mapping[str, Any] | None
    """LaunchTemplateData of the version that the request names; None: there is none such."""
    instance_types: Mapping[str, InstanceType]
    """Those of the request that exist."""


def refusal(request: Request, account: Account) -> Refusal | None:
    """Why EKS would not create this node group; None: it would."""
    for rule in (_names, _template, _instance_types, _scaling, _places, _labels):
        for found in rule(request, account):
            return found
    return None


def scaling_refusal(current: Mapping[str, int], change: Mapping[str, int]) -> Refusal | None:
    """Why EKS would not change a node group's size so; None: it would."""
    return next(_sizes({**current, **change}), None)


def _names(request: Request, account: Account) -> Iterator[Refusal]:
    cluster, name = request["clusterName"], request["nodegroupName"]
    if account.vpc is None:
        yield Refusal(code="ResourceNotFoundException", message=f"No cluster found for name: {cluster}.")
    if name in account.node_groups:
        message = f"NodeGroup already exists with name {name} and cluster name {cluster}"
        yield Refusal(code="ResourceInUseException", message=message)
    if len(name) > 63:  # noqa: PLR2004 (the limit that EKS documents)
        yield _invalid("nodegroupName can't be longer than 63 characters!")


def _template(request: Request, account: Account) -> Iterator[Refusal]:
    if "launchTemplate" not in request:
        return
    wanted, data = request["launchTemplate"], account.template
    if ("id" in wanted) == ("name" in wanted):
        yield _invalid("Either the ID or the name of the launch template must be given, and not both.")
    if data is None:
        yield _invalid(f"Launch template {wanted.get('id') or wanted.get('name')} with that version does not exist.")
        return
    for broken, found in _TEMPLATE_RULES:
        if broken(request, data):
            yield found


def _instance_types(request: Request, account: Account) -> Iterator[Refusal]:
    wanted = request.get("instanceTypes", [])
    if request.get("capacityType") == "CAPACITY_BLOCK" and "launchTemplate" not in request:
        yield _invalid("CAPACITY_BLOCK needs a launch template.")
    if missing := [name for name in wanted if name not in account.instance_types]:
        yield _invalid(f"The following supplied instance types do not exist: [{', '.join(missing)}]")
    ami = request.get("amiType", "")
    for name in wanted:
        kind = account.instance_types[name]
        architecture = "arm64" if "ARM_64" in ami else "x86_64"
        gpus_missing = ami.endswith(("_NVIDIA", "_GPU")) and not kind.gpus
        if ami and ami != "CUSTOM" and (architecture not in kind.architectures or gpus_missing):
            yield _invalid(f"[{name}] is not a valid instance type for requested amiType {ami}")


def _scaling(request: Request, _account: Account) -> Iterator[Refusal]:
    yield from _sizes({**DEFAULT_SCALING, **request.get("scalingConfig", {})})


def _sizes(scaling: Mapping[str, int]) -> Iterator[Refusal]:
    low, high, desired = scaling["minSize"], scaling["maxSize"], scaling["desiredSize"]
    if low > high:
        yield _invalid(f"Minimum capacity {low} can't be greater than maximum size {high}")
    if desired > high:
        yield _invalid(f"Desired capacity {desired} can't be greater than max size {high}")
    if low > desired:
        yield _invalid(f"Minimum capacity {low} can't be greater than desired size {desired}")


def _places(request: Request, account: Account) -> Iterator[Refusal]:
    for subnet in request["subnets"]:
        if subnet not in account.subnets:
            yield Refusal(code="InvalidRequestException", message=f"The subnet ID '{subnet}' does not exist")
        elif account.subnets[subnet] != account.vpc:
            yield _invalid(f"Subnet {subnet} is not in the VPC of the cluster.")
    if request["nodeRole"] not in account.roles:
        yield _invalid(
            f"Role with arn: {request['nodeRole']}, could not be assumed because it does not exist or the trusted"
            " entity is not correct"
        )


def _labels(request: Request, _account: Account) -> Iterator[Refusal]:
    if any(prefix in key for key in request.get("labels", {}) for prefix in RESERVED_PREFIXES):
        yield _invalid(f"Label cannot contain reserved prefixes [{', '.join(RESERVED_PREFIXES)}]")


def _is_for_a_block(data: Mapping[str, Any]) -> bool:
    return (
        data.get("InstanceMarketOptions", {}).get("MarketType") == "capacity-block"
        and "CapacityReservationTarget" in data.get("CapacityReservationSpecification", {})
        and "InstanceType" in data
    )


def _invalid(message: str) -> Refusal:
    return Refusal(code="InvalidParameterException", message=message)


def _prohibited(what: str) -> Refusal:
    return Refusal(code="InvalidRequestException", message=f"Launch template cannot specify {what}.")


_TEMPLATE_RULES: tuple[tuple[Callable[[Request, Mapping[str, Any]], bool], Refusal], ...] = (
    (
        lambda request, _: "diskSize" in request,
        _invalid("Disk size must be specified within the launch template."),
    ),
    (
        lambda request, _: "remoteAccess" in request,
        _invalid("Remote access configuration cannot be specified with a launch template."),
    ),
    (
        lambda request, data: "instanceTypes" in request and "InstanceType" in data,
        Refusal(
            code="InvalidRequestException",
            message="Cannot specify instance types in launch template and API Request",
        ),
    ),
    (
        lambda request, data: "ImageId" in data and request.get("amiType", "CUSTOM") != "CUSTOM",
        _prohibited("an image when the request has an AMI type"),
    ),
    (
        lambda request, data: request.get("capacityType") == "CAPACITY_BLOCK" and not _is_for_a_block(data),
        _invalid("CAPACITY_BLOCK needs the instance type, a reservation target and its market type in the template."),
    ),
    (
        lambda _, data: any("SubnetId" in interface for interface in data.get("NetworkInterfaces", [])),
        _prohibited("a subnet: subnets are given in the request"),
    ),
    (lambda _, data: "IamInstanceProfile" in data, _prohibited("an IAM instance profile")),
    (lambda _, data: "InstanceInitiatedShutdownBehavior" in data, _prohibited("a shutdown behavior")),
    (lambda _, data: "HibernationOptions" in data, _prohibited("hibernation")),
    (
        lambda _, data: data.get("InstanceMarketOptions", {}).get("MarketType") == "spot",
        _prohibited("spot: it is the capacity type of the node group"),
    ),
)
"""What a launch template and a request refuse each other, and what EKS prohibits in the template of a node group."""
