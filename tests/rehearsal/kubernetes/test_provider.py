"""The stand-in before a fake API server, spoken to as the engine does; the engine itself is tried in tests/e2e."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from rehearsal.api_server import ApiError, ApiServer
from rehearsal.kubernetes.helm import Release, Releases, record, release_of, releases
from rehearsal.kubernetes.objects import Objects
from rehearsal.kubernetes.provider import RELEASE, Provider
from rehearsal.kubernetes.resource import Interrupted
from rehearsal.provider import UNKNOWN, struct

Object = dict[str, Any]
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
CONFIG: Object = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "c", "namespace": "n"},
    "data": {"a": "1"},
}
CHART: Object = {"chart": "gpu-operator", "name": "gpu-operator", "namespace": "n", "version": "v1", "values": {"a": 1}}
PATH = "/api/v1/namespaces/n/configmaps/c"
ADDRESS = "https://127.0.0.1:1"


class FakeApi(ApiServer):
    """Objects by path, ConfigMaps and Secrets in namespaces; it knows no other kind."""

    def __init__(self) -> None:
        self.address = ADDRESS
        self.there: dict[str, Object] = {}
        self.dry: list[str] = []

    def get(self, path: str, **query: str) -> Object:
        """An object, the kinds of a version, or the Secrets of a namespace."""
        if path == "/api/v1":
            return {"resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]}
        if path.endswith("/secrets"):
            return {"items": [body for known, body in self.there.items() if known.startswith(f"{path}/") and query]}
        if path not in self.there:
            raise ApiError(404, "not found")
        return self.there[path]

    def create(self, path: str, body: Object) -> Object:
        """A new Secret."""
        self.there[f"{path}/{body['metadata']['name']}"] = body
        return body

    def apply(self, path: str, body: Object, **query: str) -> Object:
        """Kept as it is, with what an API server adds."""
        if query.get("dryRun"):
            self.dry.append(path)
            raise ApiError(404, 'namespaces "n" not found')
        self.there[path] = {**body, "metadata": {**body["metadata"], "uid": "u", "managedFields": []}}
        return self.there[path]

    def delete(self, path: str, options: Object | None = None, **query: str) -> None:  # noqa: ARG002 (the real one's)
        """One, or all of a collection: there is one release in a test."""
        self.there = {known: body for known, body in self.there.items() if not known.startswith(path)}


class Lingering(FakeApi):
    """Its one object stays, whoever deletes it."""

    def __init__(self) -> None:
        super().__init__()
        self.there = {PATH: CONFIG}

    def delete(self, path: str, options: Object | None = None, **query: str) -> None:
        """Noted, and not done."""


@pytest.fixture
def api() -> FakeApi:
    """An empty cluster."""
    return FakeApi()


@pytest.fixture
def stub(api: FakeApi) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """A channel to the provider."""
    refusal = lambda release: "it cannot be" if release.version == "v13" else ""  # noqa: E731 (a chart's own check)
    provider = Provider(api, threading.Event(), Releases(api=api, refusal=refusal))
    with grpc.insecure_channel(f"127.0.0.1:{provider.port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    provider.stop()


def create(stub: Any, token: str, inputs: Object, *, preview: bool = False) -> provider_pb2.CreateResponse:
    """Make it."""
    asked = provider_pb2.CreateRequest(type=token, name="x", properties=struct(inputs), preview=preview)
    made: provider_pb2.CreateResponse = stub.Create(asked)
    return made


def configured(stub: Any, server: str, folder: Path | None = None) -> None:
    """Give it a kubeconfig that leads to a server: its content, or its path in a folder."""
    given = json.dumps({"clusters": [{"cluster": {"server": server}}]})
    if folder:
        (folder / "kubeconfig").write_text(given, encoding="utf-8")
        given = str(folder / "kubeconfig")
    stub.Configure(provider_pb2.ConfigureRequest(args=struct({"kubeconfig": given})))


def test_life_of_an_object(api: FakeApi, stub: Any) -> None:
    """Applied, changed by others, read, applied anew, deleted twice: the engine sees what it declared, and no more."""
    made = create(stub, CONFIG_MAP, CONFIG)
    api.there[PATH]["data"] = {"a": "2", "b": "theirs"}
    seen = stub.Read(provider_pb2.ReadRequest(type=CONFIG_MAP, id=made.id, inputs=struct(CONFIG)))
    changed = {**CONFIG, "data": {"a": "3"}}
    stub.Update(provider_pb2.UpdateRequest(type=CONFIG_MAP, id=made.id, olds=struct(CONFIG), news=struct(changed)))
    updated = api.there[PATH]["data"]
    for _ in range(2):
        stub.Delete(provider_pb2.DeleteRequest(type=CONFIG_MAP, id=made.id, old_inputs=struct(CONFIG)))

    assert ("n/c", "u") == (made.id, made.properties["metadata"]["uid"])
    assert {**CONFIG, "data": {"a": "2"}} == json_format.MessageToDict(seen.inputs)
    assert {"a": "3"} == updated
    assert {} == api.there


def test_what_does_not_go() -> None:
    """A namespace takes its time, and is waited for until the World ends."""
    closed = threading.Event()
    closed.set()
    objects = Objects(api=Lingering(), closed=closed)

    with pytest.raises(Interrupted, match="the World was closed"):
        objects.delete(CONFIG)


def test_preview(api: FakeApi, stub: Any) -> None:
    """A preview asks the API server and changes nothing; a namespace that is not there yet is no objection."""
    create(stub, CONFIG_MAP, CONFIG, preview=True)
    create(stub, CONFIG_MAP, {**CONFIG, "data": {"a": UNKNOWN}}, preview=True)

    assert ([PATH], {}) == (api.dry, api.there)


@pytest.mark.parametrize(
    ("token", "inputs", "sentence"),
    [
        pytest.param(
            "kubernetes:monitoring.coreos.com/v1:ServiceMonitor",
            {**CONFIG, "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor"},
            'no matches for kind "ServiceMonitor" in version "monitoring.coreos.com/v1"',
            id="a kind whose definition nobody has installed",
        ),
        pytest.param("kubernetes:helm.sh/v4:Chart", {}, "kubernetes:helm.sh/v4:Chart is not simulated", id="a chart"),
    ],
)
def test_what_there_is_not(stub: Any, token: str, inputs: Object, sentence: str) -> None:
    """What the cluster or the stand-in does not know is refused by name."""
    with pytest.raises(grpc.RpcError) as refused:
        create(stub, token, inputs)

    assert sentence == refused.value.details()


@pytest.mark.parametrize(
    ("change", "replaces"),
    [
        pytest.param({"data": {"a": "2"}}, [], id="content changes in place"),
        pytest.param({"metadata": {"name": "d", "namespace": "n"}}, ["metadata"], id="another name is another object"),
        pytest.param({}, [], id="nothing"),
    ],
)
def test_diff(stub: Any, change: Object, replaces: list[str]) -> None:
    """What an object is called cannot change."""
    asked = provider_pb2.DiffRequest(
        type=CONFIG_MAP, old_inputs=struct(CONFIG), news=struct(json.loads(json.dumps({**CONFIG, **change})))
    )
    found = stub.Diff(asked)

    assert (list(change), replaces) == (list(found.diffs), list(found.replaces))


def test_a_name_where_there_is_none(stub: Any) -> None:
    """The provider names what the program does not."""
    answer = stub.Check(provider_pb2.CheckRequest(type=CONFIG_MAP, name="gpu", news=struct({"data": {}})))

    assert json_format.MessageToDict(answer.inputs)["metadata"]["name"].startswith("gpu-")


@pytest.mark.parametrize("by_path", [True, False], ids=["by its path", "by its content"])
@pytest.mark.parametrize("asked", ["Create", "Read", "Update", "Delete"])
def test_a_kubeconfig_that_leads_elsewhere(
    api: FakeApi, stub: Any, tmp_path: Path, *, asked: str, by_path: bool
) -> None:
    """Nothing is asked of the cluster that is simulated, and nobody is told that it were another."""
    configured(stub, "https://192.0.2.1", tmp_path if by_path else None)
    request = {
        "Create": provider_pb2.CreateRequest(type=CONFIG_MAP, properties=struct(CONFIG)),
        "Read": provider_pb2.ReadRequest(type=CONFIG_MAP, inputs=struct(CONFIG)),
        "Update": provider_pb2.UpdateRequest(type=CONFIG_MAP, news=struct(CONFIG)),
        "Delete": provider_pb2.DeleteRequest(type=CONFIG_MAP, old_inputs=struct(CONFIG)),
    }[asked]

    with pytest.raises(grpc.RpcError, match=f"cluster is unreachable: only the one at {ADDRESS} is simulated"):
        getattr(stub, asked)(request)

    assert {} == api.there


def test_a_preview_needs_no_cluster(api: FakeApi, stub: Any) -> None:
    """What is not there yet is foreseen as it is declared: the API server has no say."""
    configured(stub, "https://not.there.yet")

    seen = create(stub, CONFIG_MAP, CONFIG, preview=True)

    assert (CONFIG, []) == (json_format.MessageToDict(seen.properties), api.dry)


@pytest.mark.parametrize("by_path", [True, False], ids=["by its path", "by its content"])
def test_a_kubeconfig_that_leads_here(api: FakeApi, stub: Any, tmp_path: Path, *, by_path: bool) -> None:
    """The one of the World."""
    configured(stub, ADDRESS, tmp_path if by_path else None)

    create(stub, CONFIG_MAP, CONFIG)

    assert [PATH] == list(api.there)


def test_life_of_a_release(api: FakeApi, stub: Any) -> None:
    """Each change is a revision of its own; the newest is what is read; deleted, all are gone."""
    made = create(stub, RELEASE, CHART)
    changed = {**CHART, "version": "v2", "values": {"a": 2}}
    stub.Update(provider_pb2.UpdateRequest(type=RELEASE, id=made.id, olds=struct(CHART), news=struct(changed)))
    recorded = {(r.revision, r.version, r.values["a"]) for r in releases(api, "n")}
    seen = stub.Read(provider_pb2.ReadRequest(type=RELEASE, id=made.id, inputs=struct(CHART)))
    stub.Delete(provider_pb2.DeleteRequest(type=RELEASE, id=made.id, old_inputs=struct(changed)))

    assert "n/gpu-operator" == made.id
    assert {(1, "v1", 1), (2, "v2", 2)} == recorded
    assert changed == json_format.MessageToDict(seen.inputs)
    assert {} == api.there


def test_name_in_use(stub: Any) -> None:
    """Helm installs nothing over a release that is there."""
    create(stub, RELEASE, CHART)
    with pytest.raises(grpc.RpcError) as refused:
        create(stub, RELEASE, CHART)

    assert "cannot re-use a name that is still in use" == refused.value.details()


def test_record() -> None:
    """A revision lies where Helm looks for it, under its labels, and can be read again."""
    release = Release(name="r", namespace="n", revision=3, chart="c", version="1.2.3", values={"a": [1]})
    secret = record(release)

    assert "sh.helm.release.v1.r.v3" == secret["metadata"]["name"]
    assert {"owner": "helm", "name": "r", "status": "deployed", "version": "3"} == secret["metadata"]["labels"]
    assert release == release_of(secret)
