"""S3 as folders, against a real S3 server."""

import pytest
from botocore.exceptions import ClientError

from training.contract import OrdersError
from training.store import Folder, parse


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        pytest.param("s3://bucket/a/b", ("bucket", "a/b/"), id="a prefix"),
        pytest.param("s3://bucket/a/b/", ("bucket", "a/b/"), id="a prefix with its slash"),
        pytest.param("s3://bucket", ("bucket", ""), id="a whole bucket"),
    ],
)
def test_an_address_is_bucket_and_prefix(address: str, parts: tuple[str, str]) -> None:
    """The prefix ends where file names begin."""
    assert parts == parse(address)


@pytest.mark.parametrize("address", ["", "bucket/a", "s3://", "s3:///a", "https://bucket/a", "file:///tmp"])
def test_other_addresses_are_refused(address: str) -> None:
    """What is no S3 address is a wrong order, quoted."""
    with pytest.raises(OrdersError) as refused:
        parse(address)

    assert f"{address!r} is no address of the form s3://bucket/prefix" == str(refused.value)


def test_what_was_written_is_read(bucket: str) -> None:
    """A file comes back byte by byte, and lies under the folder's prefix."""
    Folder(f"{bucket}/runs/1").write("a/model.pt", b"\x00\xff")

    assert b"\x00\xff" == Folder(bucket).read("runs/1/a/model.pt")


def test_a_file_that_is_not_there_is_named(bucket: str) -> None:
    """The error is the one every file system has, with the whole address."""
    with pytest.raises(FileNotFoundError, match=f"{bucket}/runs/1/nothing"):
        Folder(f"{bucket}/runs/1").read("nothing")


def test_only_what_is_newer_is_read_again(bucket: str) -> None:
    """Nothing, a file, the same file, another one."""
    folder = Folder(bucket)
    folder.write("model.json.old", b"0")

    assert folder.read_newer("model.json", "") is None

    folder.write("model.json", b"1")
    first = folder.read_newer("model.json", "")
    assert first is not None
    assert b"1" == first.content
    assert folder.read_newer("model.json", first.etag) is None

    folder.write("model.json", b"2")
    second = folder.read_newer("model.json", first.etag)
    assert second is not None
    assert b"2" == second.content


def test_other_failures_stay_what_they_are(bucket: str) -> None:
    """A bucket that does not exist is not a file that is not there yet."""
    with pytest.raises(ClientError, match="NoSuchBucket"):
        Folder(f"{bucket}-of-nobody").read("model.json")
