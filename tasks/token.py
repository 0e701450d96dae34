"""
A token for an EKS cluster's API server, from AWS credentials alone; no aws CLI is needed.

The token is a presigned question to STS, "who am I?", which the cluster's authenticator asks in our name. Its format is
kubernetes-sigs/aws-iam-authenticator's (README, "API Authorization from Outside a Cluster") and that of aws-cli's
`eks get-token` (awscli/customizations/eks/get_token.py): prefix, base64 without padding, the cluster's name as a signed
header. The authenticator takes one for 15 minutes; told is a minute less, as aws-cli does.
"""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError
from botocore.signers import RequestSigner
from kubernetes.client import Configuration

from mig.errors import Refused
from mig.kubeconfig import EXEC_API

LIFE = timedelta(minutes=14)
"""For how long whoever asked may use the token."""

_MARGIN = timedelta(minutes=1)
"""Before its end a token is not used any more: a call takes its time."""

_PREFIX = "k8s-aws-v1."
_HEADER = "x-k8s-aws-id"
_URL_SECONDS = 60


def credential(session: boto3.Session, cluster: str, *, now: datetime) -> dict[str, Any]:
    """The answer of a credential plugin. Raises Refused where the session finds no credentials."""
    expires = now.astimezone(UTC) + LIFE
    status = {"token": _token(session, cluster), "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return {"apiVersion": EXEC_API, "kind": "ExecCredential", "spec": {"interactive": False}, "status": status}


class Bearer:
    """A client's token: the client asks before each call, and gets the one it has until a minute before its end."""

    def __init__(
        self, session: boto3.Session, cluster: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._session, self._cluster, self._now = session, cluster, now
        self._renewing = Lock()
        self._until = datetime.min.replace(tzinfo=UTC)

    def __call__(self, configuration: Configuration) -> None:
        """See to it that the configuration holds a token that is taken. Raises Refused without credentials."""
        with self._renewing:
            if self._now() >= self._until:
                configuration.api_key["BearerToken"] = f"Bearer {_token(self._session, self._cluster)}"
                self._until = self._now() + LIFE - _MARGIN


def _token(session: boto3.Session, cluster: str) -> str:
    try:
        held = session.get_credentials()
        client = session.client("sts")
    except BotoCoreError as error:  # a profile that is not there, no region
        raise Refused("AWS", str(error), accepted="a profile or keys that boto3's default chain finds") from error
    if held is None:
        raise Refused("AWS", "there are no credentials", accepted="a profile or keys that boto3's default chain finds")
    region = client.meta.region_name
    signer = RequestSigner(client.meta.service_model.service_id, region, "sts", "v4", held, session.events)
    question = {
        "method": "GET",
        "url": f"https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {_HEADER: cluster},
        "context": {},
    }
    url = signer.generate_presigned_url(question, region_name=region, expires_in=_URL_SECONDS, operation_name="")
    return _PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
