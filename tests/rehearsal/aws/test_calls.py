"""A World hears what the SDKs call, from whichever process, by the names that a policy has."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.aws.calls import RUNS, WORKLOAD, Calls, action, called


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Calls]:
    """One who hears."""
    made = Calls(tmp_path)
    yield made
    made.stop()


def heard(folder: Path, who: str) -> tuple[str, ...]:
    """What has come through at last; the test's time limit is the deadline."""
    while not called(folder)[who]:
        time.sleep(0.01)
    return called(folder)[who]


def test_what_boto3_calls_is_heard(calls: Calls, tmp_path: Path) -> None:
    """Also a call that fails, told apart by who calls, as the caller's environment says."""
    asked = """
import boto3, contextlib
client = boto3.client("s3", endpoint_url="http://127.0.0.1:9", region_name="us-east-1")
with contextlib.suppress(Exception):
    client.head_object(Bucket="bucket", Key="key")
"""
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_MAX_ATTEMPTS": "1"}
    environment = {**os.environ, **keys, **calls.environment(WORKLOAD)}
    subprocess.run([sys.executable, "-c", asked], env=environment, check=True)

    assert ("s3:GetObject",) == heard(tmp_path, WORKLOAD)
    assert () == called(tmp_path)[RUNS]


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        pytest.param("EKS", "DescribeCluster", "eks:DescribeCluster", id="most are called as the operation is"),
        pytest.param("Auto Scaling", "DescribeScalingActivities", "autoscaling:DescribeScalingActivities", id="spaced"),
        pytest.param("Resource Groups", "GetGroup", "resource-groups:GetGroup", id="with a hyphen"),
        pytest.param("Service Quotas", "GetServiceQuota", "servicequotas:GetServiceQuota", id="in one word"),
        pytest.param("S3", "UploadPart", "s3:PutObject", id="S3 has fewer actions than operations"),
        pytest.param("STS", "GetCallerIdentity", "", id="what needs no right"),
    ],
)
def test_names(service: str, operation: str, expected: str) -> None:
    """They are IAM's."""
    assert expected == action(service, operation)
