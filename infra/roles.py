"""The IAM roles of a cluster: what each may do stands in infra.permissions, who takes it and under which name here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra import permissions
from infra.permissions import Document, Scope

if TYPE_CHECKING:
    from pulumi_aws import iam

AWS_MANAGED = "arn:aws:iam::aws:policy/"
"""Before the names of the policies that AWS keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """One role as it is declared."""

    trust: Document
    managed: tuple[str, ...] = ()
    """Policies that AWS keeps, by name."""
    own: Document | None = None
    """What it may do besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The roles, and what must stand before one of them is of use."""

    role: "Mapping[str, iam.Role]"
    """By what it is for: cluster, node, ebs-csi, workload, worker, reaper."""
    policies: "Mapping[str, list[iam.RolePolicyAttachment | iam.RolePolicy]]"
    """Before these a role can do nothing, and after them it is deleted: IAM keeps a role that has any."""


def declare(scope: Scope, tags: Mapping[str, str]) -> Roles:
    """Declare them, inside a Pulumi program; each is called `CLUSTER-PURPOSE`."""
    from pulumi_aws import iam

    made = _made(scope)
    roles = {
        purpose: iam.Role(
            purpose, name=f"{scope.cluster}-{purpose}", assume_role_policy=json.dumps(wanted.trust), tags=dict(tags)
        )
        for purpose, wanted in made.items()
    }
    return Roles(role=roles, policies={name: _policies(name, roles[name], wanted) for name, wanted in made.items()})


def purposes(scope: Scope) -> tuple[str, ...]:
    """What the roles are for: the last part of their names."""
    return tuple(_made(scope))


def managed(scope: Scope) -> tuple[str, ...]:
    """The policies of AWS's own that some of them have, by name."""
    return tuple(sorted(name for wanted in _made(scope).values() for name in wanted.managed))


def _policies(purpose: str, role: "iam.Role", wanted: _Made) -> "list[iam.RolePolicyAttachment | iam.RolePolicy]":
    from pulumi_aws import iam

    attached: list[iam.RolePolicyAttachment | iam.RolePolicy] = [
        iam.RolePolicyAttachment(
            f"{purpose}-{policy.rpartition('/')[2]}", role=role.name, policy_arn=AWS_MANAGED + policy
        )
        for policy in wanted.managed
    ]
    if wanted.own is not None:
        attached.append(iam.RolePolicy(purpose, name=purpose, role=role.name, policy=json.dumps(wanted.own)))
    return attached


def _made(scope: Scope) -> Mapping[str, _Made]:
    pods = permissions.pods_trust(scope)
    return {
        "cluster": _Made(trust=permissions.trust("eks.amazonaws.com"), managed=("AmazonEKSClusterPolicy",)),
        "node": _Made(
            trust=permissions.trust("ec2.amazonaws.com"),
            # The least that a node joins with: itself, its pods' addresses, images.
            managed=("AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"),
        ),
        "ebs-csi": _Made(trust=pods, managed=("service-role/AmazonEBSCSIDriverPolicy",)),
        "workload": _Made(trust=pods, own=permissions.workload(scope)),
        "worker": _Made(trust=pods, own=permissions.worker(scope)),
        "reaper": _Made(trust=permissions.scheduler_trust(scope), own=permissions.reaper(scope)),
    }
