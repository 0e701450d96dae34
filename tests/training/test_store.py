"""S3 as folders, against a real S3 server."""

import random
import socket
from dataclasses import dataclass, field
from types import SimpleNamespace

import boto3
import botocore.endpoint
import pytest
from botocore.response import StreamingBody
from moto.server import ThreadedMotoServer

from training.contract import OrdersError
from training.store import ConflictError, Folder, MissingError, StoreError, parse


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
    """By its whole address."""
    with pytest.raises(MissingError, match=f"{bucket}/runs/1/nothing"):
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
    with pytest.raises(StoreError, match=r"model\.json: .*NoSuchBucket"):
        Folder(f"{bucket}-of-nobody").read("model.json")


def test_a_file_is_replaced_by_whoever_knew_it(bucket: str) -> None:
    """First where there was none, then over the one that its writer has seen."""
    folder = Folder(bucket)

    first = folder.replace("checkpoint.json", b"1", etag="")
    second = folder.replace("checkpoint.json", b"2", etag=first)

    assert (b"2", True) == (folder.read("checkpoint.json"), first != second)


@pytest.mark.parametrize("known", [False, True], ids=["nothing was seen", "an older one was seen"])
def test_a_file_is_not_replaced_by_whoever_did_not_know_it(known: bool, bucket: str) -> None:  # noqa: FBT001 - a table
    """Of two writers one goes on, and the other is told."""
    folder = Folder(bucket)
    etag = folder.replace("checkpoint.json", b"1", etag="")
    folder.replace("checkpoint.json", b"2", etag=etag)

    with pytest.raises(ConflictError, match=r"checkpoint\.json: "):
        folder.replace("checkpoint.json", b"3", etag=etag if known else "")

    assert b"2" == folder.read("checkpoint.json")


def test_a_writing_whose_answer_was_lost_is_not_a_conflict(bucket: str) -> None:
    """The client asks again, and finds its own content there."""
    folder = Folder(bucket)
    etag = folder.replace("checkpoint.json", b"1", etag="")

    assert etag == folder.replace("checkpoint.json", b"1", etag="")


def test_what_was_removed_is_not_there(bucket: str) -> None:
    """As often as one likes."""
    folder = Folder(bucket)
    folder.write("old", b"1")

    folder.remove("old")
    folder.remove("old")

    with pytest.raises(MissingError):
        folder.read("old")


@dataclass
class Outage:
    """An S3 server that is away until those who ask it have waited so long; their waiting takes no time."""

    port: int
    seconds: float
    waited: float = 0.0
    server: ThreadedMotoServer | None = field(default=None)

    def sleep(self, seconds: float) -> None:
        """Wait, and be back when it is time."""
        self.waited += seconds
        if self.server is None and self.waited >= self.seconds:
            self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
            self.server.start()
            boto3.client("s3").create_bucket(Bucket="back-again")


def test_a_minute_without_s3_loses_nothing(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was to be written is there when the server is back."""
    assert bucket  # the environment of a pod
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
    outage = Outage(port=port, seconds=60)
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=outage.sleep))
    random.seed(1)  # of the pauses between two tries
    folder = Folder("s3://back-again")

    folder.write("model.json", b"1")

    assert (b"1", True) == (folder.read("model.json"), outage.waited >= 60)
    assert outage.server is not None
    outage.server.stop()


@pytest.mark.parametrize("breaks", [1, 2])
def test_a_download_that_breaks_off_is_begun_again(breaks: int, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a file is never taken for a whole one."""
    Folder(bucket).write("model.pt", b"0123456789")
    cut = iter(range(breaks))
    whole = StreamingBody.read

    def read(body: StreamingBody, amt: int | None = None) -> bytes:
        if next(cut, None) is not None:
            body._amount_read = -1  # as if one byte had not come
        return bytes(whole(body, amt))

    monkeypatch.setattr(StreamingBody, "read", read)

    assert b"0123456789" == Folder(bucket).read("model.pt")


def test_a_download_that_never_comes_whole_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence, with the address."""
    Folder(bucket).write("model.pt", b"0123456789")
    whole = StreamingBody.read

    def read(body: StreamingBody, amt: int | None = None) -> bytes:
        body._amount_read = -1
        return bytes(whole(body, amt))

    monkeypatch.setattr(StreamingBody, "read", read)

    with pytest.raises(StoreError, match=f"{bucket}/model.pt: 9 read, but total bytes expected is 10"):
        Folder(bucket).read("model.pt")
