"""What the code calls is what the table of actions has: no call without a right, no right without a call."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import get_session

from infra.actions import Caller, table
from rehearsal.aws.calls import action

TASKS = Path(__file__).parents[2] / "tasks"
STANDING = {"lowering.py", "pending.py"}
"""What people do with rights of their own: lower what is long-lived, put right what was interrupted."""

BOTH = {"account.py", "connect.py", "platform.py", "traces.py"}
"""What people and runs do: look at the account, find the place, look for what runs have left."""

BOOTSTRAP = {"bootstrap.py"}
TRANSFERRED = {"s3:GetObject", "s3:ListBucket", "s3:PutObject"}
"""What boto3's transfers and paginators call by themselves; a World hears it."""


def called(files: set[str]) -> Iterator[str]:
    """The actions of the calls in these tasks, as in `call(site, "eks", "describe_cluster")`."""
    for file in files:
        for node in ast.walk(ast.parse((TASKS / file).read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name("call"), args=[_, ast.Constant(service), ast.Constant(name), *_]):
                    yield operations(str(service))[str(name)]
                case ast.Call(args=[ast.Name("call"), _, ast.Constant(service), ast.Constant(name)]):  # a partial
                    yield operations(str(service))[str(name)]
                case ast.Attribute(ast.Call(func=ast.Name("aws"), args=[_, ast.Constant(service)]), attr=name):
                    yield operations(str(service)).get(name, "")  # a paginator is no call


@cache
def operations(service: str) -> dict[str, str]:
    """The actions of a service by boto3's names: `describe_cluster` is `eks:DescribeCluster`."""
    model = get_session().get_service_model(service)
    return {xform_name(each): action(model.service_id, each) for each in model.operation_names}


@pytest.mark.parametrize(
    ("caller", "files"),
    [
        pytest.param("runs", {path.name for path in TASKS.glob("*.py")} - STANDING - BOOTSTRAP, id="runs"),
        pytest.param("platform", STANDING | BOTH, id="the platform"),
    ],
)
def test_calls(caller: Caller, files: set[str]) -> None:
    """Whatever the tasks call is in the table, and whatever is in the table some task calls."""
    calls = set(called(files)) - {""}

    assert calls - TRANSFERRED == table().calls[caller] - TRANSFERRED


def test_the_calls_are_found() -> None:
    """The reading of the tasks finds what surely stands there, in either form."""
    found = set(called({"capacity.py", "account.py"}))

    assert {"autoscaling:DescribeScalingActivities", "s3:ListBucket", "servicequotas:GetServiceQuota"} <= found
