"""
What is asked of AWS in a World, as the SDKs themselves tell it: each call, to the port that their environment names.

That is AWS's client-side monitoring. It hears S3 as well as the simulated account, and nothing of what the stand-in
providers ask. The names are IAM's: what was called is what a policy would have to allow.
"""

import json
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

from rehearsal import private
from rehearsal.ports import LOOPBACK

FILE = "calls.json"
"""In the World's folder: actions by who called."""

RUNS, WORKLOAD = "runs", "workload"
"""Who calls: what runs and people do, and the pods of runs."""

_NAMED_OTHERWISE = {
    # iann0036/iam-dataset, aws/map.json at cf9b6c5d, from the Service Authorization Reference
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:UploadPart": "s3:PutObject",
}
_FREE = frozenset({"sts:GetCallerIdentity"})
"""Whoever has credentials may ask this."""

_PREFIXES = {"autoscaling": "autoscaling", "resourcegroups": "resource-groups", "servicequotas": "servicequotas"}
_LONGEST = 16 * 1024
"""Bytes of an event: the SDKs end at 8 KiB."""


def action(service: str, operation: str) -> str:
    """By AWS's id of the service: `("EKS", "DescribeCluster")` is `eks:DescribeCluster`; empty for what is free."""
    plain = service.lower().replace(" ", "").replace("-", "")
    name = f"{_PREFIXES.get(plain, plain)}:{operation}"
    return "" if name in _FREE else _NAMED_OTHERWISE.get(name, name)


def called(folder: Path) -> Mapping[str, tuple[str, ...]]:
    """What was called so far in the World of this folder, by who called."""
    written = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return {who: tuple(actions) for who, actions in written.items()}


class Calls:
    """Hears from now on, and keeps in the folder what it has heard."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._heard: dict[str, set[str]] = {RUNS: set(), WORKLOAD: set()}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._write()
        self._thread = threading.Thread(target=self._hear, name="calls", daemon=True)
        self._thread.start()

    def environment(self, who: str) -> Mapping[str, str]:
        """By what the SDKs of a process find their way here."""
        return {
            "AWS_CSM_ENABLED": "true",
            "AWS_CSM_HOST": LOOPBACK,
            "AWS_CSM_PORT": str(self._port),
            "AWS_CSM_CLIENT_ID": who,
        }

    def stop(self) -> None:
        """Hear no more."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (LOOPBACK, self._port))
        self._thread.join()
        self._socket.close()

    @property
    def _port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def _hear(self) -> None:
        while said := self._socket.recv(_LONGEST):
            event = json.loads(said)
            name = action(event["Service"], event["Api"]) if event["Type"] == "ApiCall" else ""
            if name and name not in self._heard.setdefault(event["ClientId"], set()):
                self._heard[event["ClientId"]].add(name)
                self._write()

    def _write(self) -> None:
        content = {who: sorted(actions) for who, actions in self._heard.items()}
        private.write(self._folder / FILE, json.dumps(content, indent=1).encode())
