"""The real S3 server: what a run's pods may do there, and what stays when the World has ended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal import private
from rehearsal.aws.account import REGION
from rehearsal.servers.bucket import BUCKET, Bucket, Credentials

pytestmark = pytest.mark.e2e

OWN = "runs/ours/workloads/train/0/metrics.json"
OTHER = "runs/other/workloads/train/0/metrics.json"
REPORT = "runs/ours/report.json"
DATA = "datasets/fashion-mnist/abc/SHA256SUMS"


@contextmanager
def served(folder: Path, data: Path) -> Iterator[Bucket]:
    """The server of one World, with data that stays."""
    bucket = Bucket(folder, private.folder(data))
    try:
        bucket.wait()
        yield bucket
    finally:
        bucket.stop()


def client(bucket: Bucket, credentials: Credentials, service: str = "s3") -> Any:
    """As somebody."""
    return boto3.client(
        service,
        endpoint_url=bucket.endpoint,
        region_name=REGION,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """A bucket with something of two runs in it."""
    folder = tmp_path_factory.mktemp("bucket")
    with served(folder / "world", folder / "data") as bucket:
        owner = client(bucket, bucket.owner)
        for key in (OWN, OTHER, REPORT, DATA):
            owner.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
        yield bucket


@pytest.fixture(scope="module")
def pod(bucket: Bucket) -> Any:
    """S3 as a pod of our run reaches it."""
    return client(bucket, bucket.grant("ours"))


Ask = Callable[[Any], object]
"""One request, made with an S3 client."""


def get(key: str) -> Ask:
    """Read an object."""
    return lambda s3: s3.get_object(Bucket=BUCKET, Key=key)


def put(key: str) -> Ask:
    """Write an object."""
    return lambda s3: s3.put_object(Bucket=BUCKET, Key=key, Body=b"")


def listing(prefix: str) -> Ask:
    """List what is there."""
    return lambda s3: s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(get(DATA), id="read a data set"),
        pytest.param(listing("datasets/fashion-mnist/"), id="list a data set"),
        pytest.param(get(OWN), id="read its own run's workloads"),
        pytest.param(put("runs/ours/workloads/train/0/model-1.pt"), id="write its own run's workloads"),
        pytest.param(listing("runs/ours/workloads/train/"), id="list its own run's workloads"),
        pytest.param(
            lambda s3: s3.create_multipart_upload(Bucket=BUCKET, Key="runs/ours/workloads/train/0/big"),
            id="write something big",
        ),
    ],
)
def test_allowed(pod: Any, ask: Ask) -> None:
    """A pod reads data sets, and reads and writes what its run's workloads have put out."""
    ask(pod)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(get(OTHER), id="read another run's"),
        pytest.param(put(OTHER), id="write another run's"),
        pytest.param(listing("runs/other/workloads/"), id="list another run's"),
        pytest.param(lambda s3: s3.delete_object(Bucket=BUCKET, Key=OTHER), id="delete another run's"),
        pytest.param(
            lambda s3: s3.copy_object(
                Bucket=BUCKET, Key="runs/ours/workloads/copy", CopySource={"Bucket": BUCKET, "Key": OTHER}
            ),
            id="copy another run's",
        ),
        pytest.param(listing("runs/"), id="list all runs"),
        pytest.param(listing(""), id="list everything"),
        pytest.param(listing("runs/our"), id="list what begins like its own run"),
        pytest.param(put(DATA), id="write a data set"),
        pytest.param(get(REPORT), id="read its run's report"),
        pytest.param(put(REPORT), id="write its run's report"),
        pytest.param(lambda s3: s3.create_bucket(Bucket="mine"), id="make a bucket"),
        pytest.param(lambda s3: s3.delete_bucket(Bucket=BUCKET), id="delete the bucket"),
    ],
)
def test_forbidden(pod: Any, ask: Ask) -> None:
    """Everything else is answered with 403."""
    with pytest.raises(ClientError) as refused:
        ask(pod)

    assert HTTPStatus.FORBIDDEN == refused.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_nothing_was_harmed(bucket: Bucket, pod: Any) -> None:
    """A deletion by list answers 200 whatever happens: what it must not reach is still there."""
    pod.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": OTHER}, {"Key": DATA}]})

    owner = client(bucket, bucket.owner)
    assert [OTHER, DATA] == [owner.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in (OTHER, DATA)]


def test_no_rights_by_oneself(bucket: Bucket) -> None:
    """A pod cannot give itself the right to more."""
    iam = client(bucket, bucket.grant("ours"), "iam")
    everything = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
    ways = [
        partial(iam.put_user_policy, UserName="run-ours", PolicyName="more", PolicyDocument=everything),
        partial(iam.create_user, UserName="another"),
        partial(iam.create_access_key, UserName="run-other"),
    ]

    for way in ways:
        with pytest.raises(ClientError):
            way()


@pytest.mark.parametrize("door", ["filer", "volume"])
def test_back_doors(bucket: Bucket, door: str) -> None:
    """The ports behind the S3 port answer nobody who comes without a key of this World."""
    url = f"http://127.0.0.1:{bucket._ports[f'{door}.port']}/buckets/{BUCKET}/{OTHER}"

    with pytest.raises(HTTPError) as refused:
        urlopen(url, timeout=10)

    assert HTTPStatus.UNAUTHORIZED == refused.value.code
    refused.value.close()


def test_once_granted(bucket: Bucket) -> None:
    """All pods of a run have the same credentials."""
    assert bucket.grant("ours") == bucket.grant("ours") != bucket.grant("another")


def test_a_pattern_is_no_run(bucket: Bucket) -> None:
    """A name that would open other runs' parts is refused."""
    with pytest.raises(ValueError, match="no run id"):
        bucket.grant("*")


def test_data_outlives_the_world(tmp_path: Path) -> None:
    """What is in the bucket is there in the next World; who was granted something in this one is not."""
    with served(tmp_path / "first", tmp_path / "data") as bucket:
        client(bucket, bucket.owner).put_object(Bucket=BUCKET, Key=REPORT, Body=b"{}")
        former, former_owner = bucket.grant("ours"), bucket.owner
    with served(tmp_path / "second", tmp_path / "data") as bucket:
        found = client(bucket, bucket.owner).get_object(Bucket=BUCKET, Key=REPORT)["Body"].read()
        again = bucket.grant("ours")
        for stranger in (former, former_owner):
            with pytest.raises(ClientError, match="InvalidAccessKeyId"):
                client(bucket, stranger).list_objects_v2(Bucket=BUCKET, Prefix="datasets/")

    assert b"{}" == found
    assert former != again
