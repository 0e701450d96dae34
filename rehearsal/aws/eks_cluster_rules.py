"""
What EKS refuses of a cluster, its add-ons and its access entries although the request is well formed.

Pure, in the manner of eks_rules: the codes are EKS's, and so are the sentences wherever a public source shows them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from rehearsal.aws.eks_cluster import KNOWN_ADDONS
from rehearsal.aws.eks_rules import Refusal

Request = Mapping[str, Any]

_STANDARD = ("1.34", "1.35", "1.36")
_EXTENDED = ("1.31", "1.32", "1.33")
"""By AWS's table of 2026-11: those in extended support cost six times as much."""


def cluster_refusal(
    request: Request, taken: frozenset[str], *, zones: Mapping[str, str], roles: frozenset[str]
) -> Refusal | None:
    """Why EKS would not create this cluster; None: it would. `zones` are those of the account's subnets, by subnet."""
    return next(_of_cluster(request, taken, zones, roles), None)


def addon_refusal(request: Request, taken: frozenset[str]) -> Refusal | None:
    """Why EKS would not install this add-on; None: it would."""
    name = request["addonName"]
    if name not in KNOWN_ADDONS:
        return _invalid(f"Addon {name} specified is not supported")
    if name in taken:
        return Refusal(code="ResourceInUseException", message="Addon already exists.")
    return None


def entry_refusal(
    request: Request, taken: frozenset[str], *, principals: frozenset[str], takes_entries: bool
) -> Refusal | None:
    """Why EKS would not let this principal in; None: it would."""
    if not takes_entries:
        modes = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP]"
        return Refusal(code="InvalidRequestException", message=f"{modes} to perform this operation.")
    if request["principalArn"] in taken:
        message = "The specified access entry resource is already in use on this cluster."
        return Refusal(code="ResourceInUseException", message=message)
    if request["principalArn"] not in principals:
        return _invalid("The specified principalArn is invalid: invalid principal.")
    return None


def _of_cluster(
    request: Request, taken: frozenset[str], zones: Mapping[str, str], roles: frozenset[str]
) -> Iterator[Refusal]:
    name, version = request["name"], request.get("version", "")
    subnets = request["resourcesVpcConfig"].get("subnetIds", [])
    if name in taken:
        yield Refusal(code="ResourceInUseException", message=f"Cluster already exists with name: {name}")
    if version not in _STANDARD + _EXTENDED:
        yield _invalid("unsupported Kubernetes version")
    if version in _EXTENDED and request.get("upgradePolicy", {}).get("supportType") == "STANDARD":
        yield _invalid(f"Kubernetes version {version} is not in standard support.")
    for missing in (subnet for subnet in subnets if subnet not in zones):
        yield _invalid(f"The subnet ID '{missing}' does not exist")
    if len({zones[subnet] for subnet in subnets}) < 2:  # noqa: PLR2004 (EKS's own limit)
        yield _invalid("Subnets specified must be in at least two different AZs")
    if request["roleArn"] not in roles:
        yield _invalid(f"Role with arn: {request['roleArn']}, could not be assumed because it does not exist")


def _invalid(message: str) -> Refusal:
    return Refusal(code="InvalidParameterException", message=message)
