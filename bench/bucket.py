"""The S3 server of a rehearsal, for what is measured of speaking to one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rehearsal import private
from rehearsal.aws.account import REGION
from rehearsal.servers.bucket import BUCKET, Bucket


@contextmanager
def bucket() -> Iterator[str]:
    """An empty `s3://BUCKET` on loopback, which this process and those that it starts reach as a pod does."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = Bucket(Path(folder, "world"), private.folder(Path(folder, "data")))
        try:
            server.wait()
            os.environ |= {
                "AWS_ENDPOINT_URL_S3": server.endpoint,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": server.owner.access_key,
                "AWS_SECRET_ACCESS_KEY": server.owner.secret_key,
            }
            yield f"s3://{BUCKET}"
        finally:
            server.stop()
