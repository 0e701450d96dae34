"""
Under which id a resource is to be found whose creation was interrupted: by its name, or by the tags it was to carry.

What neither tells is left to whoever sweeps: an id that is guessed would delete somebody else's.
"""

from collections.abc import Callable, Mapping
from typing import Any

from infra.recovery import Pending
from mig import labels
from tasks.aws import call
from tasks.connect import Site

Inputs = Mapping[str, Any]

_NAMED: Mapping[str, Callable[[Inputs], str]] = {
    "aws:cloudwatch/logGroup:LogGroup": lambda asked: str(asked["name"]),
    "aws:ecr/repository:Repository": lambda asked: str(asked["name"]),
    "aws:eks/accessEntry:AccessEntry": lambda asked: f"{asked['clusterName']}:{asked['principalArn']}",
    "aws:eks/addon:Addon": lambda asked: f"{asked['clusterName']}:{asked['addonName']}",
    "aws:eks/cluster:Cluster": lambda asked: str(asked["name"]),
    "aws:eks/nodeGroup:NodeGroup": lambda asked: f"{asked['clusterName']}:{asked['nodeGroupName']}",
    "aws:iam/role:Role": lambda asked: str(asked["name"]),
    "aws:kms/alias:Alias": lambda asked: str(asked["name"]),
}
"""Ids that follow from what was declared: "Import" in the registry's page of each type (registry.terraform.io, aws)."""

_TAGGED: Mapping[str, str] = {
    "aws:ec2/eip:Eip": "elastic-ip",
    "aws:ec2/internetGateway:InternetGateway": "internet-gateway",
    "aws:ec2/launchTemplate:LaunchTemplate": "launch-template",
    "aws:ec2/natGateway:NatGateway": "natgateway",
    "aws:ec2/routeTable:RouteTable": "route-table",
    "aws:ec2/subnet:Subnet": "subnet",
    "aws:ec2/vpc:Vpc": "vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "vpc-endpoint",
}
"""Ids that EC2 gives: found by what is tagged at birth. EC2's words for its types, as DescribeTags has them."""


def identify(site: Site, pending: Pending) -> str:
    """Its id; empty where nobody knows whether it exists."""
    if known := _NAMED.get(pending.kind):
        return known(pending.inputs)
    if kind := _TAGGED.get(pending.kind):
        return _by_tags(site, kind, pending.inputs.get("tags", {}))
    return ""


def _by_tags(site: Site, kind: str, tags: Mapping[str, str]) -> str:
    """The one that carries our tag and its own name; where there are several, none can be told from the others."""
    if labels.TAG_CLUSTER not in tags:
        return ""
    ours = _carrying(site, kind, labels.TAG_CLUSTER, tags[labels.TAG_CLUSTER])
    found = ours & _carrying(site, kind, "Name", tags["Name"]) if "Name" in tags else ours
    return found.pop() if len(found) == 1 else ""


def _carrying(site: Site, kind: str, key: str, value: str) -> set[str]:
    wanted = [
        {"Name": name, "Values": [said]} for name, said in (("resource-type", kind), ("key", key), ("value", value))
    ]
    return {tag["ResourceId"] for tag in call(site, "ec2", "describe_tags", Filters=wanted)["Tags"]}
