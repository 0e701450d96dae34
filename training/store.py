"""
S3, and nothing else of AWS: one prefix of a bucket, as a folder whose files are read and written whole.

Credentials, region and endpoint are boto3's own business: a pod has them from its pod identity, which may list and read
what it is told of. Whether a file is there yet is asked by listing: a read of nothing S3 may answer with "forbidden".
"""

from dataclasses import dataclass

import boto3
from botocore.config import Config

from training.contract import OrdersError

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 20},  # up to 20 s apart: a minute without S3 loses nothing
    s3={"addressing_style": "path"},  # an S3 server on a loopback port has no name for every bucket
    connect_timeout=5,
    read_timeout=60,
)


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
        """What the file holds. Raises FileNotFoundError."""
        return self._get(name).content

    def read_newer(self, name: str, etag: str) -> File | None:
        """The file, or None while it is not there or still is the one that `etag` names."""
        key = self._prefix + name
        listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1).get("Contents", [])
        changed = any(each["Key"] == key and each["ETag"] != etag for each in listed)
        return self._get(name) if changed else None

    def write(self, name: str, content: bytes) -> None:
        """Put the whole file there: readers see the old one or the new one, nothing between."""
        self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=content)

    def _get(self, name: str) -> File:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
        except self._client.exceptions.NoSuchKey as error:
            raise FileNotFoundError(f"{self}/{name}") from error
        return File(content=answer["Body"].read(), etag=answer["ETag"])


def parse(address: str) -> tuple[str, str]:
    """Bucket and key prefix of an `s3://` address; the prefix is empty or ends with a slash."""
    scheme, _, rest = address.partition("://")
    bucket, _, path = rest.partition("/")
    prefix = path.strip("/")
    if scheme != "s3" or not bucket:
        raise OrdersError(f"{address!r} is no address of the form s3://bucket/prefix")
    return bucket, f"{prefix}/" if prefix else ""
