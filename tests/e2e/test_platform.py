"""The platform, raised by the real engine on a real API server: what stands, what is refused, what is left of it."""

import base64
import gc
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from infra import monitoring, stacks
from infra.backend import Backend
from infra.guardrail import guarded
from infra.monitoring import GRAFANA_SECRET
from infra.objects import declare
from infra.platform import PlatformArgs, Team, contents, program, stack_name
from mig import labels
from mig.device_class import device_class
from mig.errors import Failed
from mig.release import RELEASES
from rehearsal import private
from rehearsal.api_server import ApiError, ApiServer
from rehearsal.kubernetes.helm import Release, Releases, releases
from rehearsal.kubernetes.objects import Objects
from rehearsal.kubernetes.provider import Provider
from rehearsal.nvidia.chart_rules import refusal
from rehearsal.ports import LOOPBACK
from rehearsal.provider import struct
from rehearsal.servers import binaries
from rehearsal.servers.control_plane import ControlPlane
from tests.mig.test_guardrail import ALLOWED, REFUSED, claim, request, template

pytestmark = [
    pytest.mark.e2e,
    # What the SDK leaves behind complains when it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

STACK = stack_name("mig")
CONFIG = f"/api/v1/namespaces/{labels.OPERATOR_NAMESPACE}/configmaps/{labels.MIG_PARTED_CONFIG}"


SPACES = (labels.MONITORING_NAMESPACE, labels.OPERATOR_NAMESPACE, labels.DRA_NAMESPACE)
ADMISSIONS = tuple(
    f"/apis/admissionregistration.k8s.io/v1/{plural}"
    for plural in ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
)
PLACE = "admins"
"""A namespace that may ask for adminAccess at all: else the API server refuses that without asking any policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """The platform, when the engine was done with it."""

    outputs: dict[str, Any]
    told: list[str]
    """What was done, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A control plane, and the engine attached to the stand-in before it."""

    api: ApiServer
    backend: Backend
    args: PlatformArgs
    port: int
    """Of the stand-in provider."""

    def run(self, args: PlatformArgs) -> Raised:
        """Raise the platform."""
        told: list[str] = []
        outputs = stacks.raise_stack(self.backend, STACK, program(args), region="us-east-1", tell=told.append)
        return Raised(outputs=outputs, told=told)

    def installed(self) -> dict[str, Release]:
        """The newest revision of each release of Helm's."""
        found = [release for name in SPACES for release in releases(self.api, name)]
        return {release.name: release for release in sorted(found, key=lambda release: release.revision)}

    def names(self, path: str) -> set[str]:
        """What a collection holds of ours."""
        ours = {"labelSelector": "app.kubernetes.io/managed-by=mig-pipeline"}
        return {item["metadata"]["name"] for item in self.api.get(path, **ours)["items"]}

    def asked(self, manifest: dict[str, Any]) -> str:
        """What the API server says to a claim or a template; nothing when it takes it."""
        plural = f"{manifest['kind'].lower()}s"
        placed = {**manifest, "metadata": {"generateName": "asked-", "namespace": PLACE}}
        try:
            self.api.create(f"/apis/resource.k8s.io/v1/namespaces/{PLACE}/{plural}?dryRun=All", placed)
        except ApiError as error:
            return str(error)
        return ""

    def entries(self) -> dict[str, Any]:
        """What MIG Manager can be asked for."""
        found: dict[str, Any] = json.loads(self.api.get(CONFIG)["data"]["config.yaml"])["mig-configs"]
        return found

    def admin(self) -> dict[str, str]:
        """Grafana's first user."""
        found = self.api.get(f"/api/v1/namespaces/{labels.MONITORING_NAMESPACE}/secrets/{GRAFANA_SECRET}")["data"]
        return {name: base64.b64decode(value).decode() for name, value in found.items()}


def quiet(_: str) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One control plane for all tests here."""
    folder = private.folder(tmp_path_factory.mktemp("platform"))
    engine = binaries.resolve(os.environ, print)
    with ExitStack() as parts:
        plane = ControlPlane(folder / "kubernetes", engine)
        parts.callback(plane.stop)
        plane.start()
        api = ApiServer(plane.kubeconfig, scratch=private.folder(folder / "keys"))
        parts.callback(api.close)
        closed = threading.Event()
        provider = Provider(api, closed, Releases(api=api, refusal=refusal))
        parts.callback(provider.stop)
        parts.callback(closed.set)
        backend = Backend(
            url=f"file://{private.folder(folder / 'state')}",
            home=str(folder / "home"),
            passphrase="correct horse",
            pulumi_root=str(engine.root),
            environment={
                "PULUMI_DEBUG_PROVIDERS": f"kubernetes:{provider.port}",
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            },
        )
        args = PlatformArgs(
            cluster="mig",
            release=RELEASES["current"],
            kubeconfig=str(plane.kubeconfig),
            teams=(Team(namespace="mig-shared", most={"7g.40gb": 1}),),
        )
        admins = {"name": PLACE, "labels": {"resource.kubernetes.io/admin-access": "true"}}
        api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": admins})
        yield Stage(api=api, backend=backend, args=args, port=provider.port)
    gc.collect()  # the SDK leaves sockets and coroutines behind, which would complain during a later test


def test_preview(stage: Stage) -> None:
    """A preview lists all that would be made and no more, the rule lets it through, and nothing is there afterwards."""
    of = contents(stage.args)
    with guarded(stage.backend) as backend:
        changes = stacks.preview(backend, STACK, program(stage.args), region="us-east-1")

    assert 35 == len(of.objects) + len(of.charts)
    assert {"create": 35, "update": 0, "replace": 0, "delete": 0} == changes.counts()
    assert () == stacks.names(stage.backend)


def test_policy_pack(stage: Stage) -> None:
    """The engine refuses a program that declares a claim for a whole GPU, before anything is made."""

    def greedy() -> None:
        import pulumi
        import pulumi_kubernetes

        provider = pulumi_kubernetes.Provider("cluster", kubeconfig=stage.args.kubeconfig)
        wanted = template(request(deviceClassName="gpu.nvidia.com"))
        declare({**wanted, "metadata": {"name": "whole"}}, pulumi.ResourceOptions(provider=provider))

    sentence = "preview: ResourceClaimTemplate whole: request slice must name a class of MIG slices"
    with guarded(stage.backend) as backend, pytest.raises(Failed, match=sentence):
        stacks.preview(backend, "greedy", greedy, region="us-east-1")


@pytest.fixture(scope="module")
def platform(stage: Stage) -> Iterator[Raised]:
    """It stands; what tests leave of it goes."""
    raised = stage.run(stage.args)
    while not stage.asked(claim(request(allocationMode="All"))):  # a policy holds a moment after it is made
        time.sleep(0.1)
    yield raised
    stacks.destroy(stage.backend, STACK, tell=quiet)


def test_releases(stage: Stage, platform: Raised) -> None:
    """The charts are asked for in the versions of the release, with the values that make MIG Manager ours."""
    found = stage.installed()

    assert "current" == platform.outputs["release"]
    assert {"gpu-operator": "v26.7.0", "dra-driver": "0.4.1", "kube-prometheus-stack": monitoring.VERSION} == {
        name: release.version for name, release in found.items()
    }
    assert labels.MIG_PARTED_CONFIG == found["gpu-operator"].values["migManager"]["config"]["name"]


@pytest.mark.usefixtures("platform")
def test_a_world_that_is_furnished_has_the_same(stage: Stage) -> None:
    """What a World may have from the start is what the engine makes: every object, field by field, and every chart."""
    of, objects = contents(stage.args), Objects(api=stage.api, closed=threading.Event())
    random = labels.MONITORING_NAMESPACE, GRAFANA_SECRET
    live = {objects.identity(each): (each, objects.read(each)) for each in of.objects}
    differ = [name for name, (wanted, found) in live.items() if name != "/".join(random) and not within(wanted, found)]
    made = stage.installed()
    charts = {each.name: (each.namespace, each.chart, each.version, dict(each.values)) for each in of.charts}

    assert [] == differ
    assert charts == {name: (r.namespace, r.chart, r.version, dict(r.values)) for name, r in made.items()}


def within(wanted: Any, found: Any) -> bool:
    """Whether everything that is declared is there as it is declared."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(within(value, found.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(wanted) == len(found) and all(map(within, wanted, found))
    return bool(wanted == found)


def test_order(platform: Raised) -> None:
    """What is watched comes after the kinds for watching it, and MIG Manager after its geometries."""
    wanted = [
        "creating Secret monitoring/grafana-admin",
        "creating Release kube-prometheus-stack",
        "creating ConfigMap gpu-operator/mig-pipeline-mig-parted",
        "creating Release gpu-operator",
        "creating Release dra-driver",
    ]

    assert wanted == [said for said in platform.told if said in wanted]


def test_password(stage: Stage, platform: Raised) -> None:
    """Grafana's password is random, and stands in no output and in clear in no file of the state."""
    password = stage.admin()["admin-password"]
    state = Path(stage.backend.url.removeprefix("file://"))
    files = [path for path in state.rglob("*") if path.is_file()]

    assert 32 == len(password)
    assert password not in str(platform)
    assert [] == [path for path in files if password.encode() in path.read_bytes()]
    assert [] == [path for path in files if base64.b64encode(password.encode()) in path.read_bytes()]


@pytest.mark.usefixtures("platform")
def test_another_pair(stage: Stage) -> None:
    """Raised with the article's pair, both charts change; what runs have told MIG Manager, and the password, stay."""
    config, before = stage.api.get(CONFIG), stage.admin()
    added = {"version": "v1", "mig-configs": {**stage.entries(), "mig-0123456789": []}}
    config["data"]["config.yaml"] = json.dumps(added)
    stage.api.patch(CONFIG, {"data": config["data"]})
    raised = stage.run(replace(stage.args, release=RELEASES["article"]))
    found = stage.installed()

    assert {"updating Release gpu-operator", "updating Release dra-driver"} == set(raised.told)
    assert ("v25.10.1", "25.8.1") == (found["gpu-operator"].version, found["dra-driver"].version)
    assert {"mig-0123456789", "all-balanced", "all-disabled"} <= stage.entries().keys()
    assert before == stage.admin()


@pytest.mark.usefixtures("platform")
def test_others_help_themselves(stage: Stage) -> None:
    """A team finds a template for every slice, and what it holds is counted by class."""
    shared = "/namespaces/mig-shared"
    templates = stage.names(f"/apis/resource.k8s.io/v1{shared}/resourceclaimtemplates")
    (quota,) = stage.api.get(f"/api/v1{shared}/resourcequotas")["items"]

    assert {"mig-1g.5gb", "mig-1g.5gb.me", "mig-7g.40gb", "mig-small", "mig-full"} <= templates
    assert {"mig-7g.40gb.nvidia.com.deviceclass.resource.k8s.io/devices": "1"} == quota["spec"]["hard"]


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("wanted", ALLOWED)
@pytest.mark.parametrize("kind", [claim, template])
def test_claim_allowed(stage: Stage, wanted: dict[str, Any], kind: Any) -> None:
    """The API server takes what the guardrail lets through."""
    assert "" == stage.asked(kind(wanted))


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize(("wanted", "sentence"), REFUSED)
@pytest.mark.parametrize("kind", [claim, template])
def test_claim_refused(stage: Stage, wanted: dict[str, Any], sentence: str, kind: Any) -> None:
    """And refuses what the guardrail refuses, with the same sentence, whoever asks."""
    assert f"denied request: a request {sentence}" in stage.asked(kind({**request(), "name": "right"}, wanted))


def test_object_refused(stage: Stage) -> None:
    """What the API server does not take ends in its sentence, in a preview already."""
    wrong = device_class("1g.5gb")
    wrong["spec"]["selectors"][0]["cel"]["expression"] = "device.driver =="
    asked = provider_pb2.CreateRequest(
        type="kubernetes:resource.k8s.io/v1:DeviceClass", name="wrong", properties=struct(wrong), preview=True
    )
    with grpc.insecure_channel(f"{LOOPBACK}:{stage.port}") as channel, pytest.raises(grpc.RpcError) as refused:
        provider_pb2_grpc.ResourceProviderStub(channel).Create(asked)

    sentence = "resource mig-1g.5gb.nvidia.com was not successfully created by the Kubernetes API server: "
    assert refused.value.details().startswith(sentence)
    assert "mismatched input '<EOF>'" in refused.value.details()


@pytest.mark.usefixtures("platform")
def test_destroyed(stage: Stage) -> None:
    """Taken down, it leaves nothing in the cluster: counted where its objects lie, namespaces first."""
    groups = ("/api/v1/namespaces", "/apis/resource.k8s.io/v1/deviceclasses", *ADMISSIONS)
    before = [len(stage.names(path)) for path in groups]
    stacks.destroy(stage.backend, STACK, tell=quiet)

    assert [4, 11, 1, 1] == before
    assert [set()] * 4 == [stage.names(path) for path in groups]
