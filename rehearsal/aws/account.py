"""
What the simulated AWS account has where a cluster is there already: a network over three zones, roles, the cluster.

It is as much of what the stack `cluster-NAME` makes, and under the same names, as a run looks at; what runs stand on
inside the cluster is `rehearsal.furnishing`'s.
"""

import json
from dataclasses import dataclass
from typing import Any

REGION = "us-east-1"
CLUSTER = "mig"
KUBERNETES = "1.35"
NODE_ROLE = f"{CLUSTER}-node"
WORKLOAD_ROLE = f"{CLUSTER}-workload"

USER = "rehearsal"
"""Whoever asks the account is this user of it."""

_SUBNETS = {"us-east-1a": "10.0.0.0/19", "us-east-1b": "10.0.32.0/19", "us-east-1c": "10.0.64.0/19"}
"""The zones that between them offer every instance type known here that AWS offers in the region at all."""

_TRUSTED = {
    f"{CLUSTER}-cluster": "eks.amazonaws.com",
    NODE_ROLE: "ec2.amazonaws.com",
    WORKLOAD_ROLE: "pods.eks.amazonaws.com",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """boto3 clients of the simulated account."""

    ec2: Any
    eks: Any
    iam: Any


def user_arn(account: str) -> str:
    """The user, as IAM names him."""
    return f"arn:aws:iam::{account}:user/{USER}"


def zones() -> tuple[str, ...]:
    """Where the cluster has subnets."""
    return tuple(_SUBNETS)


def furnish(clients: Clients) -> None:
    """Make it all, by the calls that a real account would get."""
    roles = {name: _role(clients.iam, name, service) for name, service in _TRUSTED.items()}
    vpc = clients.ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[_tagged("vpc", CLUSTER)])["Vpc"]["VpcId"]
    subnets = [_subnet(clients.ec2, vpc, zone) for zone in _SUBNETS]
    clients.eks.create_cluster(
        name=CLUSTER,
        version=KUBERNETES,
        roleArn=roles[f"{CLUSTER}-cluster"],
        resourcesVpcConfig={"subnetIds": subnets},
        upgradePolicy={"supportType": "STANDARD"},
        accessConfig={"authenticationMode": "API"},
    )


def _role(iam: Any, name: str, service: str) -> str:  # noqa: ANN401 (boto3 has no types)
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    return arn


def _subnet(ec2: Any, vpc: str, zone: str) -> str:  # noqa: ANN401 (boto3 has no types)
    made = ec2.create_subnet(
        VpcId=vpc,
        AvailabilityZone=zone,
        CidrBlock=_SUBNETS[zone],
        TagSpecifications=[_tagged("subnet", f"{CLUSTER}-{zone}")],
    )
    subnet: str = made["Subnet"]["SubnetId"]
    return subnet


def _tagged(kind: str, name: str) -> dict[str, Any]:
    return {"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}
