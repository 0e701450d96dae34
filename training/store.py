"""
S3, and nothing else of AWS: one prefix of a bucket, as a folder whose files are read and written whole.

Credentials, region and endpoint are boto3's own business: a pod has them from its pod identity, which may list and read
what it is told of. Whether a file is there yet is asked by listing: a read of nothing S3 may answer with "forbidden".
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from training.contract import OrdersError, WorkloadError

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 20},  # up to 20 s apart: a minute without S3 loses nothing
    s3={"addressing_style": "path"},  # an S3 server on a loopback port has no name for every bucket
    connect_timeout=5,
    read_timeout=60,
)


class StoreError(WorkloadError):
    """S3 did not do what it was asked, however often it was asked."""


class MissingError(StoreError):
    """There is no such file."""


class ConflictError(StoreError):
    """Somebody else has written the file meanwhile."""


_KINDS: Mapping[str, type[StoreError]] = {
    "NoSuchKey": MissingError,
    "PreconditionFailed": ConflictError,
    "ConditionalRequestConflict": ConflictError,
}
_BREAKS = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
"""How a download ends before its end."""
_BROKEN_OFF = 2
"""Downloads of one file that may break off before the next one has to come whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as it was when it was read."""

    content: bytes
    etag: str
    """Names this content: `Folder.read_newer` asks for another."""


class Folder:
    """All that lies under one `s3://bucket/prefix`."""

    def __init__(self, address: str) -> None:
        self._bucket, self._prefix = parse(address)
        self._client = boto3.client("s3", config=_CONFIG)

    def __str__(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def read(self, name: str) -> bytes:
        """What the file holds. Raises MissingError."""
        return self._get(name).content

    def read_newer(self, name: str, etag: str) -> File | None:
        """The file, or None while it is not there or still is the one that `etag` names."""
        key = self._prefix + name
        with self._told(name):
            listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1).get("Contents", [])
        changed = any(each["Key"] == key and each["ETag"] != etag for each in listed)
        return self._get(name) if changed else None

    def write(self, name: str, content: bytes) -> None:
        """Put the whole file there: readers see the old one or the new one, nothing between."""
        with self._told(name):
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=content)

    def replace(self, name: str, content: bytes, *, etag: str) -> str:
        """
        Put the file there if it is still the one that `etag` names (empty: if there is none); returns the new etag.

        Raises ConflictError when it is not. One of several who try it at once succeeds.
        """
        unless: dict[str, str] = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        try:
            with self._told(name):
                answer = self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=content, **unless)
        except ConflictError:
            there = self._get(name)
            if there.content != content:
                raise
            return there.etag  # our own: it was written, its answer was lost, and the client asked again
        return str(answer["ETag"])

    def remove(self, name: str) -> None:
        """Have no such file there."""
        with self._told(name):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    def _get(self, name: str) -> File:
        with self._told(name):
            for _ in range(_BROKEN_OFF):
                with suppress(*_BREAKS):  # the client asks again for an answer, but not for the rest of one
                    return self._got(name)
            return self._got(name)

    def _got(self, name: str) -> File:
        answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
        return File(content=answer["Body"].read(), etag=answer["ETag"])

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """What S3's client raises, as an error of ours: one sentence that begins with the address."""
        try:
            yield
        except ClientError as error:
            kind = _KINDS.get(error.response["Error"]["Code"], StoreError)
            raise kind(f"{self}/{name}: {error}") from error
        except BotoCoreError as error:
            raise StoreError(f"{self}/{name}: {error}") from error


def parse(address: str) -> tuple[str, str]:
    """Bucket and key prefix of an `s3://` address; the prefix is empty or ends with a slash."""
    scheme, _, rest = address.partition("://")
    bucket, _, path = rest.partition("/")
    prefix = path.strip("/")
    if scheme != "s3" or not bucket:
        raise OrdersError(f"{address!r} is no address of the form s3://bucket/prefix")
    return bucket, f"{prefix}/" if prefix else ""
