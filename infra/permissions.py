"""
Who may do what: the IAM documents of a cluster's roles, as plain values.

Each role may do its own work and no more. The names of what a run makes begin with `gpu-`, and carry its tag: that is
how a policy tells them from everything else in the account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.registry import reservations_group
from mig import labels

Document = Mapping[str, Any]
"""A policy, as IAM reads it."""

STATE_KEY: Document = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": labels.STATE_KEY}}
"""The key that bootstrap made for Pulumi's secrets, known by its alias."""

_VERSION = "2012-10-17"
_NAMESPACE = "${aws:PrincipalTag/kubernetes-namespace}"
"""EKS Pod Identity puts it on every session: the namespace of the pod, which is the name of its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a role has its rights."""

    region: str
    account: str
    cluster: str
    bucket: str
    """Of state and results."""

    def eks(self, kind: str, name: str = "") -> str:
        """Something of this cluster: `arn:aws:eks:us-east-1:123456789012:nodegroup/mig/gpu-*/*`."""
        return f"arn:aws:eks:{self.region}:{self.account}:{kind}/{self.cluster}{f'/{name}' if name else ''}"

    def ec2(self, kind: str) -> str:
        """All of one kind in EC2; `*` is every kind."""
        return f"arn:aws:ec2:{self.region}:{self.account}:{kind}{'/*' if kind != '*' else ''}"

    def role(self, name: str) -> str:
        """One role of this cluster."""
        return f"arn:aws:iam::{self.account}:role/{self.cluster}-{name}"

    def kms(self, what: str) -> str:
        """A key, or an alias of one."""
        return f"arn:aws:kms:{self.region}:{self.account}:{what}"

    @property
    def bucket_arn(self) -> str:
        """The bucket."""
        return f"arn:aws:s3:::{self.bucket}"

    def objects(self, keys: str) -> str:
        """Objects in the bucket."""
        return f"{self.bucket_arn}/{keys}"


def trust(service: str) -> Document:
    """One AWS service takes the role."""
    return document(statement("sts:AssumeRole", principal=service))


def pods_trust(scope: Scope) -> Document:
    """Pods of this cluster take the role, by EKS Pod Identity."""
    ours = {"StringEquals": {"aws:RequestTag/eks-cluster-name": scope.cluster}}
    actions = ("sts:AssumeRole", "sts:TagSession")
    return document(statement(*actions, principal="pods.eks.amazonaws.com", condition=ours))


def scheduler_trust(scope: Scope) -> Document:
    """EventBridge Scheduler takes the role, for schedules of this account only."""
    ours = {"StringEquals": {"aws:SourceAccount": scope.account}}
    return document(statement("sts:AssumeRole", principal="scheduler.amazonaws.com", condition=ours))


def workload(scope: Scope) -> Document:
    """A run's pods: the data sets, and the workloads of the run whose namespace they are in."""
    own = f"runs/{_NAMESPACE}/workloads/*"
    listed = {"StringLike": {"s3:prefix": ["datasets/*", own]}}
    return document(
        statement("s3:GetObject", on=[scope.objects("datasets/*"), scope.objects(own)]),
        statement("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", on=[scope.objects(own)]),
        statement("s3:ListBucket", on=[scope.bucket_arn], condition=listed),
    )


def worker(scope: Scope) -> Document:
    """The pod in which the flow itself runs: it raises and lowers GPU nodes, and neither the cluster nor its roles."""
    return document(*_looking(), *_raising(scope), *_lowering(scope), *_identities(scope), *_keeping(scope))


def reaper(scope: Scope) -> Document:
    """
    What still acts when everything of ours is dead: it takes node groups of runs to zero and away, and makes nothing.

    IAM cannot tell a smaller size from a larger one: that it only lowers stands in the schedule, whose input is fixed.
    """
    return document(
        statement("eks:UpdateNodegroupConfig", "eks:DeleteNodegroup", on=[scope.eks("nodegroup", "gpu-*/*")]),
        statement(
            "ec2:CancelCapacityReservation", on=[scope.ec2("capacity-reservation")], condition=_of_a_run("Resource")
        ),
    )


def _looking() -> Sequence[Document]:
    """What has no resource to be limited to."""
    return [
        statement(
            "autoscaling:DescribeScalingActivities",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeInstances",
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSpotPriceHistory",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "pricing:GetProducts",
            "servicequotas:GetServiceQuota",
        )
    ]


def _raising(scope: Scope) -> Sequence[Document]:
    """A launch template and a node group; EKS tries the template with the caller's own rights before it takes it."""
    launched = [scope.ec2(kind) for kind in ("instance", "volume", "network-interface", "launch-template")]
    used = [scope.ec2(kind) for kind in ("subnet", "security-group")]
    return [
        statement("ec2:CreateLaunchTemplate", on=[scope.ec2("launch-template")], condition=_of_a_run("Request")),
        statement("ec2:CreateTags", on=launched, condition=_of_a_run("Request")),
        statement("ec2:RunInstances", on=[*launched, *used, f"arn:aws:ec2:{scope.region}::image/*"]),
        statement("eks:DescribeCluster", "eks:ListNodegroups", "eks:CreateNodegroup", on=[scope.eks("cluster")]),
        statement("eks:TagResource", on=[scope.eks("nodegroup", "gpu-*/*")]),
        statement("iam:GetRole", on=[scope.role("node"), scope.role("workload")]),
        statement("iam:ListAttachedRolePolicies", on=[scope.role("node")]),
        _passing(scope, "node", "eks.amazonaws.com", "ec2.amazonaws.com"),
        _passing(scope, "workload", "pods.eks.amazonaws.com"),
        statement(
            "resource-groups:GetGroup",
            on=[f"arn:aws:resource-groups:{scope.region}:{scope.account}:group/{reservations_group(scope.cluster)}"],
        ),
    ]


def _lowering(scope: Scope) -> Sequence[Document]:
    """Who sweeps looks at every group, also those that are nobody's run."""
    return [
        statement("eks:DescribeNodegroup", on=[scope.eks("nodegroup", "*/*")]),
        statement("eks:UpdateNodegroupConfig", "eks:DeleteNodegroup", on=[scope.eks("nodegroup", "gpu-*/*")]),
        statement("ec2:DeleteLaunchTemplate", on=[scope.ec2("launch-template")], condition=_of_a_run("Resource")),
    ]


def _identities(scope: Scope) -> Sequence[Document]:
    """The tie between a run's service account and the workloads' role."""
    return [
        statement("eks:CreatePodIdentityAssociation", "eks:ListPodIdentityAssociations", on=[scope.eks("cluster")]),
        statement(
            "eks:DeletePodIdentityAssociation",
            on=[scope.eks("podidentityassociation", "*")],
        ),
    ]


def _keeping(scope: Scope) -> Sequence[Document]:
    """State and results, and the key that encrypts the secrets in the state."""
    return [
        statement("s3:ListBucket", on=[scope.bucket_arn]),
        statement("s3:GetObject", "s3:PutObject", "s3:DeleteObject", on=[scope.objects("*")]),
        statement("kms:Decrypt", "kms:Encrypt", on=[scope.kms("key/*")], condition=STATE_KEY),
    ]


def _passing(scope: Scope, role: str, *services: str) -> Document:
    to = {"StringEquals": {"iam:PassedToService": list(services)}}
    return statement("iam:PassRole", on=[scope.role(role)], condition=to)


def _of_a_run(whose: str) -> Document:
    """Only what carries, or is given, the tag of a run."""
    return {"Null": {f"aws:{whose}Tag/{labels.TAG_RUN}": "false"}}


def statement(
    *actions: str, on: Sequence[str] = (), condition: Document | None = None, principal: str = ""
) -> Document:
    """One Allow: `on` resources, or by a principal in a trust policy; without either, on everything."""
    where: Document = {"Principal": {"Service": principal}} if principal else {"Resource": list(on) or "*"}
    when: Document = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": list(actions), **where, **when}


def document(*statements: Document) -> Document:
    """The whole of a policy."""
    return {"Version": _VERSION, "Statement": list(statements)}
