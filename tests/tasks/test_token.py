"""A token for EKS is a presigned question to STS, in the format that the cluster's authenticator takes."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from kubernetes.client import Configuration

from mig.errors import Refused
from tasks.token import Bearer, credential

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)


def session(**keys: str) -> boto3.Session:
    """Credentials of nobody."""
    return boto3.Session(region_name="eu-west-1", **keys)


def test_the_token_asks_sts_who_we_are() -> None:
    """Decoded it is a URL of the region's STS that is valid for a minute and signed for one cluster alone."""
    held = session(aws_access_key_id="AKIA1", aws_secret_access_key="secret")
    answer = credential(held, "mig", now=NOW)
    prefix, _, encoded = answer["status"]["token"].partition(".")
    url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    asked = parse_qs(url.query)

    assert ("k8s-aws-v1", "sts.eu-west-1.amazonaws.com") == (prefix, url.netloc)
    assert (["GetCallerIdentity"], ["60"], ["host;x-k8s-aws-id"]) == (
        asked["Action"],
        asked["X-Amz-Expires"],
        asked["X-Amz-SignedHeaders"],
    )
    assert "secret" not in url.query


def test_the_answer_is_a_credential_plugins() -> None:
    """Whoever asked keeps the token for less than the 15 minutes that the cluster takes it for."""
    held = session(aws_access_key_id="AKIA1", aws_secret_access_key="secret")
    answer = credential(held, "mig", now=NOW)

    assert ("client.authentication.k8s.io/v1", "ExecCredential") == (answer["apiVersion"], answer["kind"])
    assert "2026-11-24T20:14:00Z" == answer["status"]["expirationTimestamp"]


def test_a_client_keeps_its_token_until_shortly_before_its_end() -> None:
    """No call is made with a token that ends on the way, and none waits for a new one while the old one is taken."""
    held, clock = session(aws_access_key_id="AKIA1", aws_secret_access_key="secret"), [NOW]
    configuration, bearer = Configuration(), Bearer(held, "mig", now=lambda: clock[0])
    seen = []
    for minutes in (0, 12, 13):
        clock[0] = NOW + timedelta(minutes=minutes)
        bearer(configuration)
        seen.append(configuration.api_key["BearerToken"].partition(".")[0])
        configuration.api_key["BearerToken"] = "kept"

    assert ["Bearer k8s-aws-v1", "kept", "Bearer k8s-aws-v1"] == seen


def test_without_credentials_there_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what would be accepted."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    with pytest.raises(Refused, match="AWS: there are no credentials; accepted: "):
        credential(session(), "mig", now=NOW)
