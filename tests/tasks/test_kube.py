"""Promises of the one place where the API server's answers become ours."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import ProtocolError

from mig.errors import Permanent, Temporary
from tasks import kube


class Answer:
    """One HTTP answer."""

    def __init__(self, status: int, body: Mapping[str, Any] | str) -> None:
        self.status = status
        self._body = body if isinstance(body, str) else json.dumps(body)

    def read(self) -> bytes:
        """Its body."""
        return self._body.encode()


class FakeClient:
    """An API server that gives one answer and remembers what it was asked."""

    def __init__(self, answer: Answer | Exception) -> None:
        self._answer = answer
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def param_serialize(self, method: str, path: str, **details: Any) -> tuple[str, str, dict[str, Any]]:
        """As the official client does: what `call_api` will be given."""
        return method, path, details

    def call_api(self, method: str, path: str, details: dict[str, Any], **_: Any) -> Answer:
        """The answer."""
        self.asked.append((method, path, details))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Answer(503, "shutting down"), Temporary, id="a server that goes down is asked again"),
        pytest.param(Answer(429, {"message": "too many requests"}), Temporary, id="a throttling server is asked again"),
        pytest.param(ApiException(status=0, reason="no route"), Temporary, id="a server that is away is asked again"),
        pytest.param(ProtocolError("reset by peer"), Temporary, id="a broken connection is tried again"),
        pytest.param(Answer(404, {"message": "not found"}), kube.Missing, id="what is not there is missing"),
        pytest.param(Answer(403, {"message": "forbidden"}), kube.Denied, id="what is forbidden stays forbidden"),
        pytest.param(Answer(422, {"message": "invalid"}), kube.Denied, id="what is invalid stays invalid"),
    ],
)
def test_every_refusal_is_one_of_ours(answer: Answer | Exception, expected: type[Exception]) -> None:
    """No error of the client's library gets past the adapter."""
    with pytest.raises(expected):
        kube.get(FakeClient(answer), "/api/v1/nodes")  # type: ignore[arg-type]  # a fake


def test_a_refusal_carries_the_servers_own_sentence() -> None:
    """A person reads the message of the Status object, not its JSON."""
    client = FakeClient(Answer(422, {"kind": "Status", "message": "spec.completions: must be positive"}))

    with pytest.raises(kube.Denied, match="422 spec.completions: must be positive$"):
        kube.get(client, "/apis/batch/v1/jobs")  # type: ignore[arg-type]  # a fake


def test_errors_of_the_library_are_not_ours() -> None:
    """Nobody above can come to depend on the library's exceptions."""
    assert not issubclass(kube.Denied, ApiException)
    assert issubclass(kube.Denied, Permanent)


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        pytest.param(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mig-a"}},
            "/api/v1/namespaces/mig-a",
            id="a namespace lies in no namespace",
        ),
        pytest.param(
            {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "large", "namespace": "mig-a"}},
            "/apis/batch/v1/namespaces/mig-a/jobs/large",
            id="a Job lies in its namespace",
        ),
        pytest.param(
            {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "mig-1g.5gb.nvidia.com"}},
            "/apis/resource.k8s.io/v1/deviceclasses/mig-1g.5gb.nvidia.com",
            id="a DeviceClass serves the whole cluster",
        ),
    ],
)
def test_a_manifest_is_applied_where_it_says(manifest: dict[str, Any], expected: str) -> None:
    """The path follows from apiVersion, kind, namespace and name alone, and the field manager is ours."""
    client = FakeClient(Answer(200, manifest))

    kube.apply(client, manifest)  # type: ignore[arg-type]  # a fake

    method, path, details = client.asked[0]
    assert (method, path) == ("PATCH", expected)
    assert ("fieldManager", "mig-pipeline") in details["query_params"]


def test_deleting_what_is_gone_is_no_error() -> None:
    """A deletion can be repeated: the second one says that nothing was there."""
    assert kube.delete(FakeClient(Answer(404, {"message": "not found"})), "/api/v1/pods/x") is False  # type: ignore[arg-type]
