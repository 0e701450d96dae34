"""
A token for an EKS cluster's API server, from AWS credentials alone; no aws CLI is needed.

The token is a presigned question to STS, "who am I?", which the cluster's authenticator asks in our name. Its format is
kubernetes-sigs/aws-iam-authenticator's (README, "API Authorization from Outside a Cluster") and that of aws-cli's
`eks get-token` (awscli/customizations/eks/get_token.py): prefix, base64 without padding, the cluster's name as a signed
header. The authenticator takes one for 15 minutes; told is a minute less, as aws-cli does.
"""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError
from botocore.signers import RequestSigner

from mig.errors import Refused
from mig.kubeconfig import EXEC_API

LIFE = timedelta(minutes=14)
"""For how long whoever asked may use the token."""

_PREFIX = "k8s-aws-v1."
_HEADER = "x-k8s-aws-id"
_URL_SECONDS = 60


def credential(session: boto3.Session, cluster: str, *, now: datetime) -> dict[str, Any]:
    """The answer of a credential plugin. Raises Refused where the session finds no credentials."""
    expires = now.astimezone(UTC) + LIFE
    status = {"token": _token(session, cluster), "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return {"apiVersion": EXEC_API, "kind": "ExecCredential", "spec": {"interactive": False}, "status": status}


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
