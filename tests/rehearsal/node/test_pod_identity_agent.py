"""Credentials for pods, by token."""

import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from rehearsal.node.pod_identity_agent import PodIdentityAgent
from rehearsal.servers.bucket import Credentials


def grant(namespace: str, account: str) -> Credentials | None:
    """One service account has credentials."""
    return Credentials(access_key=f"AKIA-{namespace}", secret_key="hush") if account == "workload" else None


@pytest.fixture
def agent() -> Iterator[PodIdentityAgent]:
    """An agent that ends with its test."""
    made = PodIdentityAgent(grant)
    yield made
    made.close()


def ask(environment: Mapping[str, str], *, token: str | None = None) -> tuple[int, dict[str, Any]]:
    """What a pod with this environment is answered, or somebody with another token."""
    url = urlsplit(environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    file = Path(environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=5)
    try:
        connection.request("GET", url.path, headers={"Authorization": file.read_text() if token is None else token})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_credentials(agent: PodIdentityAgent, tmp_path: Path) -> None:
    """A pod gets what its namespace's service account was granted."""
    status, credentials = ask(agent.environment("pod", ("mig-a", "workload"), tmp_path))

    assert status == 200
    assert (credentials["AccessKeyId"], credentials["SecretAccessKey"]) == ("AKIA-mig-a", "hush")
    assert set(credentials) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}


def test_no_association(agent: PodIdentityAgent, tmp_path: Path) -> None:
    """A service account without an association is told nothing, and gets no token."""
    assert agent.environment("pod", ("mig-a", "default"), tmp_path) == {}
    assert not list(tmp_path.iterdir())


def test_token_is_private(agent: PodIdentityAgent, tmp_path: Path) -> None:
    """A token is a file that only its owner may read."""
    environment = agent.environment("pod", ("mig-a", "workload"), tmp_path)

    assert Path(environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("token", ["", "guessed"], ids=["no token", "a guessed one"])
def test_strangers(agent: PodIdentityAgent, tmp_path: Path, token: str) -> None:
    """Nobody else gets anything."""
    status, answer = ask(agent.environment("pod", ("mig-a", "workload"), tmp_path), token=token)

    assert status == 401
    assert "hush" not in str(answer)


def test_a_token_ends_with_its_pod(agent: PodIdentityAgent, tmp_path: Path) -> None:
    """A revoked token is worth nothing."""
    environment = agent.environment("pod", ("mig-a", "workload"), tmp_path)
    agent.revoke("pod")

    assert ask(environment)[0] == 401


def test_another_s3(tmp_path: Path) -> None:
    """Where the credentials open another S3 than the World's own, the pod is told that one's address."""
    elsewhere = PodIdentityAgent(
        lambda *_: Credentials(access_key="A", secret_key="hush", endpoint="http://127.0.0.1:1")
    )
    environment = elsewhere.environment("pod", ("mig-a", "workload"), tmp_path)
    elsewhere.close()

    assert "http://127.0.0.1:1" == environment["AWS_ENDPOINT_URL_S3"]
