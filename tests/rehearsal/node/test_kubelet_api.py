"""The log endpoint, over real TLS on loopback."""

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.node.container_log import Logs
from rehearsal.node.kubelet_api import KubeletApi
from rehearsal.ports import LOOPBACK
from rehearsal.servers.certificates import Authority, Certificate


class Stage:
    """An endpoint with one log, and an authority that it trusts."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "ca", "kubernetes-ca")
        serving = self.authority.issue("kubelet", hosts=(LOOPBACK,))
        logs = Logs(folder / "logs", lambda _: False)
        logs.path(("ns", "pod", "uid"), "main", 0).write_bytes(b"2026-11-23T10:00:00.000000001Z stdout F hello\n")
        self.api = KubeletApi(logs, serving=(serving.certificate, serving.key), client_ca=self.authority.certificate)

    def ask(self, path: str, identity: Certificate) -> tuple[int, str]:
        """Status and text of the answer that this client gets."""
        tls = ssl.create_default_context(cafile=str(self.authority.certificate))
        tls.load_cert_chain(identity.certificate, identity.key)
        connection = http.client.HTTPSConnection(LOOPBACK, self.api.port, context=tls, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One endpoint for all tests."""
    made = Stage(tmp_path_factory.mktemp("stage"))
    yield made
    made.api.close()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/containerLogs/ns/pod/main", (200, "hello\n"), id="a log"),
        pytest.param("/containerLogs/ns/pod/main?limitBytes=2", (200, "he"), id="part of it"),
        pytest.param(
            "/containerLogs/ns/pod/other",
            (400, 'container "other" in pod "pod" waits to start, or is simulated'),
            id="a container that says nothing",
        ),
        pytest.param(
            "/containerLogs/ns/pod/main?previous=true",
            (400, 'container "main" in pod "pod" has no run before this one'),
            id="a run that was not",
        ),
        pytest.param("/exec/ns/pod/main", (404, "/exec/ns/pod/main is not known to a rehearsal's kubelet"), id="exec"),
    ],
)
def test_answers(stage: Stage, path: str, expected: tuple[int, str]) -> None:
    """The API server gets logs, and a sentence where there is none."""
    assert expected == stage.ask(path, stage.authority.issue("kube-apiserver-kubelet-client"))


def test_nonsense(stage: Stage) -> None:
    """A query that says nothing is refused."""
    status, why = stage.ask("/containerLogs/ns/pod/main?tailLines=x", stage.authority.issue("client"))

    assert status == 400
    assert "'x'" in why


def test_strangers(stage: Stage, tmp_path: Path) -> None:
    """Nobody whom another authority vouches for is answered."""
    stranger = Authority(tmp_path, "other-ca").issue("kube-apiserver-kubelet-client")

    with pytest.raises((ssl.SSLError, ConnectionError)):
        stage.ask("/containerLogs/ns/pod/main", stranger)
