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
        """All of one kind in EC2."""
        return f"arn:aws:ec2:{self.region}:{self.account}:{kind}/*"

    def role(self, name: str) -> str:
        """One role of this cluster."""
        return f"arn:aws:iam::{self.account}:role/{self.cluster}-{name}"

    def objects(self, keys: str) -> str:
        """Objects in the bucket."""
        return f"arn:aws:s3:::{self.bucket}/{keys}"


def trust(service: str) -> Document:
    """One AWS service takes the role."""
    return _document(_statement("sts:AssumeRole", principal=service))


def pods_trust(scope: Scope) -> Document:
    """Pods of this cluster take the role, by EKS Pod Identity."""
    ours = {"StringEquals": {"aws:RequestTag/eks-cluster-name": scope.cluster}}
    actions = ("sts:AssumeRole", "sts:TagSession")
    return _document(_statement(*actions, principal="pods.eks.amazonaws.com", condition=ours))


def scheduler_trust(scope: Scope) -> Document:
    """EventBridge Scheduler takes the role, for schedules of this account only."""
    ours = {"StringEquals": {"aws:SourceAccount": scope.account}}
    return _document(_statement("sts:AssumeRole", principal="scheduler.amazonaws.com", condition=ours))


def workload(scope: Scope) -> Document:
    """A run's pods: the data sets, and the workloads of the run whose namespace they are in."""
    own = f"runs/{_NAMESPACE}/workloads/*"
    listed = {"StringLike": {"s3:prefix": ["datasets/*", own]}}
    bucket = f"arn:aws:s3:::{scope.bucket}"
    return _document(
        _statement("s3:GetObject", on=[scope.objects("datasets/*"), scope.objects(own)]),
        _statement("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", on=[scope.objects(own)]),
        _statement("s3:ListBucket", on=[bucket], condition=listed),
    )


def worker(scope: Scope) -> Document:
    """The pod in which the flow itself runs: it raises and lowers GPU nodes, and neither the cluster nor its roles."""
    return _document(*_looking(), *_raising(scope), *_lowering(scope), *_identities(scope), *_keeping(scope))


def reaper(scope: Scope) -> Document:
    """
    What still acts when everything of ours is dead: it takes node groups of runs to zero and away, and makes nothing.

    IAM cannot tell a smaller size from a larger one: that it only lowers stands in the schedule, whose input is fixed.
    """
    return _document(
        _statement("eks:UpdateNodegroupConfig", "eks:DeleteNodegroup", on=[scope.eks("nodegroup", "gpu-*/*")]),
        _statement(
            "ec2:CancelCapacityReservation", on=[scope.ec2("capacity-reservation")], condition=_of_a_run("Resource")
        ),
    )


def _looking() -> Sequence[Document]:
    """What has no resource to be limited to."""
    return [
        _statement(
            "autoscaling:DescribeScalingActivities",
            "ec2:DescribeInstances",
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:DescribeSubnets",
        )
    ]


def _raising(scope: Scope) -> Sequence[Document]:
    """A launch template and a node group; EKS tries the template with the caller's own rights before it takes it."""
    launched = [scope.ec2(kind) for kind in ("instance", "volume", "network-interface", "launch-template")]
    used = [scope.ec2(kind) for kind in ("subnet", "security-group")]
    return [
        _statement("ec2:CreateLaunchTemplate", on=[scope.ec2("launch-template")], condition=_of_a_run("Request")),
        _statement("ec2:CreateTags", on=launched, condition=_of_a_run("Request")),
        _statement("ec2:RunInstances", on=[*launched, *used, f"arn:aws:ec2:{scope.region}::image/*"]),
        _statement("eks:DescribeCluster", "eks:ListNodegroups", "eks:CreateNodegroup", on=[scope.eks("cluster")]),
        _statement("eks:TagResource", on=[scope.eks("nodegroup", "gpu-*/*")]),
        _statement("iam:GetRole", on=[scope.role("node"), scope.role("workload")]),
        _passing(scope, "node", "eks.amazonaws.com", "ec2.amazonaws.com"),
        _passing(scope, "workload", "pods.eks.amazonaws.com"),
        _statement(
            "resource-groups:GetGroup",
            on=[f"arn:aws:resource-groups:{scope.region}:{scope.account}:group/{reservations_group(scope.cluster)}"],
        ),
    ]


def _lowering(scope: Scope) -> Sequence[Document]:
    changes = ("eks:DescribeNodegroup", "eks:UpdateNodegroupConfig", "eks:DeleteNodegroup")
    templates = ("ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplate")
    return [
        _statement(*changes, on=[scope.eks("nodegroup", "gpu-*/*")]),
        _statement(*templates, on=[scope.ec2("launch-template")], condition=_of_a_run("Resource")),
    ]


def _identities(scope: Scope) -> Sequence[Document]:
    """The tie between a run's service account and the workloads' role."""
    return [
        _statement("eks:CreatePodIdentityAssociation", "eks:ListPodIdentityAssociations", on=[scope.eks("cluster")]),
        _statement(
            "eks:DeletePodIdentityAssociation",
            on=[scope.eks("podidentityassociation", "*")],
        ),
    ]


def _keeping(scope: Scope) -> Sequence[Document]:
    """State and results; the key is the one that bootstrap made for Pulumi's secrets, known by its alias."""
    ours = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": labels.STATE_KEY}}
    keys = f"arn:aws:kms:{scope.region}:{scope.account}:key/*"
    return [
        _statement("s3:ListBucket", on=[f"arn:aws:s3:::{scope.bucket}"]),
        _statement("s3:GetObject", "s3:PutObject", "s3:DeleteObject", on=[scope.objects("*")]),
        _statement("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", on=[keys], condition=ours),
    ]


def _passing(scope: Scope, role: str, *services: str) -> Document:
    to = {"StringEquals": {"iam:PassedToService": list(services)}}
    return _statement("iam:PassRole", on=[scope.role(role)], condition=to)


def _of_a_run(whose: str) -> Document:
    """Only what carries, or is given, the tag of a run."""
    return {"Null": {f"aws:{whose}Tag/{labels.TAG_RUN}": "false"}}


def _statement(
    *actions: str, on: Sequence[str] = (), condition: Document | None = None, principal: str = ""
) -> Document:
    """One Allow: `on` resources, or by a principal in a trust policy; without either, on everything."""
    where: Document = {"Principal": {"Service": principal}} if principal else {"Resource": list(on) or "*"}
    when: Document = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": list(actions), **where, **when}


def _document(*statements: Document) -> Document:
    return {"Version": _VERSION, "Statement": list(statements)}
