"""What bootstrap makes in an account, and what it lets be, against the simulated one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from typer.testing import CliRunner

from flows.cli import app
from infra.actions import table
from mig.errors import Failed, Refused
from rehearsal.aws.calls import action
from rehearsal.aws.cloud import Cloud
from rehearsal.clock import Clock
from rehearsal.node.instance import Instance
from tasks import account, aws
from tasks.bootstrap import Prepared, prepare, site
from tasks.caller import asked_who

NAME = f"mig-pipeline-{DEFAULT_ACCOUNT_ID}-us-east-1"


class Nowhere:
    """Machines that nobody asks about."""

    def boot(self, instance: Instance) -> None:
        """It has launched."""

    def terminate(self, instance_id: str) -> None:
        """It ends."""


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """An account in which nothing of ours is yet."""
    made = Cloud(folder=tmp_path, clock=Clock(1200))
    made.start(Nowhere())
    for module in (account, aws):
        monkeypatch.setattr(module, "aws", lambda _place, service: made.client(service))
    yield made
    made.stop()


def prepared(bucket: str = "") -> Prepared:
    """What bootstrap leaves."""
    return prepare(site("us-east-1", bucket))


def keys(cloud: Cloud) -> list[Any]:
    """All keys of the account."""
    listed: list[Any] = cloud.client("kms").list_keys()["Keys"]
    return listed


def test_twice_is_once(cloud: Cloud) -> None:
    """The first time both are made, the second time both are there, and nothing is made again."""
    first, second = prepared(), prepared()

    assert ([True, True], [False, False]) == ([p.made for p in first.parts], [p.made for p in second.parts])
    assert f"s3://{NAME}" == first.state == second.state
    assert 1 == len(keys(cloud))


def test_it_calls_what_its_policy_allows(cloud: Cloud) -> None:
    """Making and finding both, it calls each action that its policy has, and no other; a key's tags come with it."""
    heard: set[str] = set()
    for service in ("kms", "s3", "sts"):
        cloud.client(service).meta.events.register(
            "before-call", lambda model, **_: heard.add(action(model.service_model.service_id, model.name))
        )
    prepared()
    prepared()

    assert table().calls["bootstrap"] == heard - {""} | {"kms:TagResource"}


def test_bucket(cloud: Cloud) -> None:
    """The bucket is closed to the public, encrypted and versioned, and what is left over does not stay for ever."""
    prepared()
    s3 = cloud.client("s3")
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]
    (encryption,) = s3.get_bucket_encryption(Bucket=NAME)["ServerSideEncryptionConfiguration"]["Rules"]
    policy = json.loads(s3.get_bucket_policy(Bucket=NAME)["Policy"])

    assert {True} == set(s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"].values())
    assert "AES256" == encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
    assert "Enabled" == s3.get_bucket_versioning(Bucket=NAME)["Status"]
    assert (30, 7) == (
        rule["NoncurrentVersionExpiration"]["NoncurrentDays"],
        rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"],
    )
    assert [("Deny", {"Bool": {"aws:SecureTransport": "false"}})] == [
        (statement["Effect"], statement["Condition"]) for statement in policy["Statement"]
    ]


def test_what_is_put_there_can_be_had_back(cloud: Cloud) -> None:
    """The policy that refuses whoever comes without TLS refuses nobody else."""
    prepared()
    s3 = cloud.client("s3")
    s3.put_object(Bucket=NAME, Key="runs/r-1/report.json", Body=b"{}")

    assert b"{}" == s3.get_object(Bucket=NAME, Key="runs/r-1/report.json")["Body"].read()


def test_nobodys_credentials(cloud: Cloud) -> None:
    """A key that the account does not know is refused by STS, as AWS does it."""
    stranger = boto3.client(
        "sts",
        endpoint_url=cloud.endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIAOFSOMEBODYELSE00",
        aws_secret_access_key="secret",
    )

    assert ("", "InvalidClientTokenId") == asked_who(stranger)


def test_key(cloud: Cloud) -> None:
    """The key is found by its alias, and AWS renews it."""
    prepared()
    kms = cloud.client("kms")
    identity = kms.describe_key(KeyId="alias/mig-pipeline")["KeyMetadata"]["KeyId"]

    assert kms.get_key_rotation_status(KeyId=identity)["KeyRotationEnabled"]


def test_a_key_that_is_going(cloud: Cloud) -> None:
    """A key that waits for its deletion encrypts nothing: said in one sentence, and no other is made in its place."""
    prepared()
    kms = cloud.client("kms")
    identity = kms.describe_key(KeyId="alias/mig-pipeline")["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=identity, PendingWindowInDays=7)
    with pytest.raises(Failed, match="alias/mig-pipeline is PendingDeletion"):
        prepared()

    assert 1 == len(keys(cloud))


@pytest.mark.usefixtures("cloud")
def test_somebody_elses_bucket() -> None:
    """A name that another account has is refused in one sentence, with what would be accepted."""
    s3_backends["999999999999"]["aws"].create_bucket("theirs", "us-east-1")
    with pytest.raises(Refused) as refused:
        prepared("theirs")

    assert "--bucket" in str(refused.value)
    assert "theirs is a bucket of somebody else" in str(refused.value)


@pytest.mark.usefixtures("cloud")
def test_shell() -> None:
    """The shell says what it made, what that costs, and the address that a request needs."""
    said = CliRunner().invoke(app, ["bootstrap"]).stdout.splitlines()

    assert ["made", "made", "costs", "state"] == [line.split()[0] for line in said]
    assert f"s3://{NAME}" in said[-1]
    assert "1.00 USD a month" in said[2]
