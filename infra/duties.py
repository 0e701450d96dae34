"""
What a person must be allowed to do who prepares an account, raises a platform, or runs: IAM documents, by duty.

Which actions are in them is not written here: that follows from the table (infra.actions). Written here is where each
may act. What only looks may look everywhere; a change that has no place is an error, not a right.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from infra import permissions
from infra.actions import NETWORK_TYPES, ROLE_TYPES, table
from infra.permissions import Document, Scope, document, statement
from infra.registry import reservations_group
from infra.roles import AWS_MANAGED, managed, purposes
from mig import labels

Duty = Literal["bootstrap", "network", "roles", "cluster", "runs"]

MOST_CHARACTERS = 6144
"""Of a managed policy, white space apart (IAM user guide, quotas)."""

_LOOKS = ("Describe", "Get", "List")
_CONTENT = ("s3:",)
"""Services where to look is to read what somebody keeps there."""

_GIVEN = ("cluster", "ebs-csi", "node", "worker")
"""Roles that the cluster's program passes on: that of the workloads is passed by each run, the reaper's by nobody."""

_GIVEN_TO = ("eks.amazonaws.com", "ec2.amazonaws.com", "pods.eks.amazonaws.com")
"""Services that they are passed to."""

_LINKED = ("eks.amazonaws.com", "eks-nodegroup.amazonaws.com")
"""Services that make a role of their own in an account, the first time that they are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where some actions may act."""

    actions: tuple[str, ...]
    """Patterns, `kms:*`: what no place above has taken."""
    on: tuple[str, ...] = ()
    """ARNs. None: AWS knows no resource for these."""
    when: Document | None = None
    again: bool = False
    """Whether a place below is for the same actions, too."""


def bootstrap(scope: Scope) -> Document:
    """Who runs `mig bootstrap`: the bucket, and the key for Pulumi's secrets."""
    owned = _equal(f"aws:RequestTag/{labels.TAG_OWNER}", labels.OWNER)
    return _placed(
        table().calls["bootstrap"],
        Place(actions=("s3:*",), on=(scope.bucket_arn,)),
        Place(actions=("kms:CreateKey",), when=owned),
        Place(actions=("kms:TagResource",), on=(scope.kms("key/*"),), when=owned),
        Place(actions=("kms:CreateAlias",), on=(scope.kms(labels.STATE_KEY), scope.kms("key/*"))),
        Place(actions=("kms:*",), on=(scope.kms("key/*"),)),
    )


def network(scope: Scope) -> Document:
    """Who raises and lowers a cluster's network: makes what is ours from its birth, and changes only that."""
    everything = scope.ec2("*")
    # The NAT gateway's interface is AWS's, those that the CNI plugin leaves behind are its own: none has our tag.
    untagged = ("ec2:DeleteNetworkInterface", "ec2:DetachNetworkInterface", "ec2:DisassociateAddress")
    made = tuple(f"ec2:{each}" for each in ("AllocateAddress", "CreateInternetGateway", "CreateNatGateway"))
    made += tuple(f"ec2:Create{each}" for each in ("RouteTable", "Subnet", "Vpc", "VpcEndpoint"))
    return _placed(
        table().of_types(NETWORK_TYPES),
        Place(actions=(*made, *untagged), on=(everything,)),
        *_tagged(scope, everything),
    )


def roles(scope: Scope) -> Document:
    """
    Who makes and deletes a cluster's roles, by their names; of AWS's policies only those that they are meant to have.

    Whoever writes what a role may do can give it anything: a permissions boundary is what would limit that.
    """
    ours = tuple(scope.role(purpose) for purpose in purposes(scope))
    meant = [AWS_MANAGED + name for name in managed(scope)]
    return _placed(
        table().of_types(ROLE_TYPES),
        Place(actions=("iam:*tachRolePolicy",), on=ours, when={"ArnEquals": {"iam:PolicyARN": meant}}),
        Place(actions=("iam:*",), on=ours),
    )


def cluster(scope: Scope) -> Document:
    """Who raises and lowers the cluster and what stands in it, with a network and roles that are there."""
    known = table()
    types = set(known.types) - {*NETWORK_TYPES, *ROLE_TYPES}
    actions = known.calls["platform"] | known.state | known.of_types(types)
    return _placed(actions, *_kept(scope), *_passed(scope), *_secrets(scope), *_eks(scope), *_nodes(scope))


DOCUMENTS: Mapping[Duty, Callable[[Scope], Document]] = {
    "bootstrap": bootstrap,
    "network": network,
    "roles": roles,
    "cluster": cluster,
    "runs": permissions.worker,
}
"""By what somebody does. `mig platform` needs network, roles and cluster; runs need what the worker needs."""


def size(policy: Document) -> int:
    """How many characters IAM counts."""
    return len(json.dumps(policy, separators=(",", ":")))


def _kept(scope: Scope) -> Iterator[Place]:
    """State, and the key of the secrets in it."""
    yield Place(actions=("s3:ListBucket",), on=(scope.bucket_arn,))
    yield Place(actions=("s3:*",), on=(scope.objects("*"),))
    yield Place(actions=("kms:Decrypt", "kms:Encrypt"), on=(scope.kms("key/*"),), when=permissions.STATE_KEY)


def _passed(scope: Scope) -> Iterator[Place]:
    """Roles are given to EKS, to its nodes and pods; EKS makes its own the first time."""
    linked = f"arn:aws:iam::{scope.account}:role/aws-service-role/*"
    given = tuple(scope.role(purpose) for purpose in _GIVEN)
    yield Place(actions=("iam:PassRole",), on=given, when=_equal("iam:PassedToService", *_GIVEN_TO))
    yield Place(actions=("iam:CreateServiceLinkedRole",), on=(linked,), when=_equal("iam:AWSServiceName", *_LINKED))


def _secrets(scope: Scope) -> Iterator[Place]:
    """The cluster's key. KMS may take minutes to know a new key by its tags: what comes right after does not ask."""
    keys = scope.kms("key/*")
    yield Place(actions=("kms:CreateKey",), when=_ours(scope, "Request"))
    yield Place(actions=("kms:TagResource",), on=(keys,), when=_ours(scope, "Request"))
    yield Place(actions=("kms:*Alias",), on=(scope.kms(f"alias/{scope.cluster}-secrets"), keys))
    yield Place(actions=("kms:CreateGrant",), on=(keys,), when={"Bool": {"kms:GrantIsForAWSResource": "true"}})
    yield Place(actions=("kms:EnableKeyRotation",), on=(keys,))
    yield Place(actions=("kms:*",), on=(keys,), when=_ours(scope, "Resource"))


def _eks(scope: Scope) -> Iterator[Place]:
    """EKS, and what keeps logs, images and reservations for it, by their names."""
    at = f"{scope.region}:{scope.account}"
    parts = tuple(scope.eks(kind, "*") for kind in ("access-entry", "addon", "nodegroup", "podidentityassociation"))
    group = f"arn:aws:resource-groups:{at}:group/{reservations_group(scope.cluster)}"
    yield Place(actions=("eks:CreateCluster", "resource-groups:CreateGroup"), when=_ours(scope, "Request"))
    yield Place(actions=("eks:*",), on=(scope.eks("cluster"), *parts))
    yield Place(actions=("logs:*",), on=(f"arn:aws:logs:{at}:log-group:/aws/eks/{scope.cluster}/cluster*",))
    yield Place(actions=("ecr:*",), on=(f"arn:aws:ecr:{at}:repository/{scope.cluster}/*",))
    yield Place(actions=("resource-groups:*",), on=(group,))


def _nodes(scope: Scope) -> Iterator[Place]:
    """The template of the system nodes; EKS tries it with the caller's own rights before it takes it."""
    template = scope.ec2("launch-template")
    yield Place(actions=("ec2:RunInstances",), on=(scope.ec2("*"), f"arn:aws:ec2:{scope.region}::image/*"))
    yield Place(actions=("ec2:CreateLaunchTemplate",), on=(template,), when=_ours(scope, "Request"))
    yield from _tagged(scope, scope.ec2("*"))


def _tagged(scope: Scope, what: str) -> Iterator[Place]:
    """Tags are given at birth; whatever has ours may be changed and deleted."""
    yield Place(actions=("ec2:CreateTags",), on=(what,), when={"Null": {"ec2:CreateAction": "false"}}, again=True)
    yield Place(actions=("ec2:*",), on=(what,), when=_ours(scope, "Resource"))


def _placed(actions: Iterable[str], *places: Place) -> Document:
    """Each action in its place; what only looks, on everything."""
    looks = {each for each in actions if each.partition(":")[2].startswith(_LOOKS) and not each.startswith(_CONTENT)}
    left = set(actions) - looks
    statements = [statement(*sorted(looks))] if looks else []
    for place in places:
        taken = {each for each in left if any(fnmatchcase(each, pattern) for pattern in place.actions)}
        assert taken, f"nothing is for {place.actions}"  # noqa: S101 (a programmer's mistake)
        statements.append(statement(*sorted(taken), on=place.on, condition=place.when))
        left -= set() if place.again else taken
    assert not left, f"no place for {sorted(left)}"  # noqa: S101 (the same)
    return document(*statements)


def _ours(scope: Scope, whose: Literal["Request", "Resource"]) -> Document:
    """What carries, or is given, the cluster's tag."""
    return _equal(f"aws:{whose}Tag/{labels.TAG_CLUSTER}", scope.cluster)


def _equal(key: str, *values: str) -> Document:
    return {"StringEquals": {key: values[0] if len(values) == 1 else list(values)}}
