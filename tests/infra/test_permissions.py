"""What the worker may do is what the flow does: no call without a right, no right without a call."""

import ast
from collections.abc import Iterator
from pathlib import Path

from botocore import xform_name
from botocore.session import get_session

from infra.permissions import Scope, worker

TASKS = Path(__file__).parents[2] / "tasks"
SCOPE = Scope(region="us-east-1", account="123456789012", cluster="lab", bucket="lab-state")
BEFORE_RUNS = {"account.py", "bootstrap.py", "lowering.py", "pending.py", "platform.py"}
"""What people do with rights of their own: prepare an account, raise and lower what is long-lived."""

OTHER_NAMES = {"s3:HeadObject": "s3:GetObject", "s3:ListObjectsV2": "s3:ListBucket"}
"""Calls whose action has another name (Service Authorization Reference, Amazon S3)."""

BY_PULUMI = {
    "ec2:CreateLaunchTemplate",
    "ec2:CreateLaunchTemplateVersion",
    "ec2:CreateTags",
    "ec2:DescribeLaunchTemplateVersions",
    "eks:CreateNodegroup",
    "eks:TagResource",
}
"""What the aws provider calls besides, for a launch template and a node group."""

BY_EKS = {"ec2:RunInstances", "iam:PassRole"}
"""What EKS asks of whoever makes a node group with a template of his own, and a role."""

OF_THE_STATE = {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "s3:DeleteObject"}
"""What Pulumi's engine does with its state and the secrets in it."""


def called() -> Iterator[str]:
    """The actions of the calls that stand in the tasks of a run, by `call(site, "eks", "describe_cluster")`."""
    for file in TASKS.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if file.name not in BEFORE_RUNS else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "call":
                words = [each.value for each in node.args if isinstance(each, ast.Constant)]
                if len(words) == 2:
                    yield action(str(words[0]), str(words[1]))


def action(service: str, operation: str) -> str:
    """`("eks", "describe_cluster")` is `eks:DescribeCluster`."""
    names = get_session().get_service_model(service).operation_names
    (name,) = (each for each in names if xform_name(each) == operation)
    return OTHER_NAMES.get(f"{service}:{name}", f"{service}:{name}")


def allowed() -> set[str]:
    """The actions of the worker's policy."""
    return {each for statement in worker(SCOPE)["Statement"] for each in statement["Action"]}


def test_every_call_is_allowed() -> None:
    """Whatever the tasks of a run call on AWS, the worker's role may do."""
    assert set() == set(called()) - allowed()


def test_nothing_else_is_allowed() -> None:
    """Whatever the worker's role may do, a task calls, or Pulumi and EKS are known to need."""
    assert set() == allowed() - set(called()) - BY_PULUMI - BY_EKS - OF_THE_STATE


def test_the_calls_are_found() -> None:
    """The reading of the tasks finds what surely stands there."""
    assert {"autoscaling:DescribeScalingActivities", "eks:DeleteNodegroup", "s3:ListBucket"} <= set(called())
