"""The platform on a real API server, raised by the real engine: what stands, what is refused, and that nothing stays."""

import base64
import gc
import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

from infra import guardrail, stacks
from infra.backend import Backend
from infra.platform import PlatformArgs, Team, program, stack_name
from mig import admission, labels
from mig.release import RELEASES
from rehearsal import private
from rehearsal.api_server import ApiError, ApiServer
from rehearsal.kubernetes.helm import release_of
from rehearsal.kubernetes.provider import Provider
from rehearsal.servers import binaries
from rehearsal.servers.control_plane import ControlPlane

pytestmark = [
    pytest.mark.e2e,
    # What the SDK leaves behind complains when it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

STACK = stack_name("mig")
CONFIG = f"/api/v1/namespaces/{labels.OPERATOR_NAMESPACE}/configmaps/{labels.MIG_PARTED_CONFIG}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A control plane, and the engine attached to the stand-in before it."""

    api: ApiServer
    backend: Backend
    args: PlatformArgs

    def raised(self, tell: Any = lambda _: None) -> dict[str, Any]:
        """The platform, raised."""
        return stacks.raise_stack(self.backend, STACK, program(self.args), region="us-east-1", tell=tell)

    def names(self, path: str, **query: str) -> set[str]:
        """What a collection holds."""
        return {item["metadata"]["name"] for item in self.api.get(path, **query)["items"]}

    def ours(self) -> set[str]:
        """What the platform has left where its objects lie outside of namespaces, namespaces included."""
        ours = {"labelSelector": "app.kubernetes.io/managed-by=mig-pipeline"}
        groups = ("/api/v1/namespaces", "/apis/resource.k8s.io/v1/deviceclasses")
        policies = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
        admissions = (f"/apis/admissionregistration.k8s.io/v1/{name}" for name in policies)
        return {name for path in (*groups, *admissions) for name in self.names(path, **ours)}


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
        provider = Provider(api, closed)
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
        yield Stage(api=api, backend=backend, args=args)
    gc.collect()  # the SDK leaves sockets and coroutines behind, which would complain during a later test


def test_life_of_the_platform(stage: Stage) -> None:
    """Raised it stands, raised again nothing changes but what runs have added stays, destroyed nothing is left."""
    import time
    t=time.time()
    outputs = stage.raised()
    print("up", time.time()-t); t=time.time()
    print(outputs, stage.ours())
    stage.raised()
    print("up2", time.time()-t); t=time.time()
    stacks.destroy(stage.backend, STACK, tell=print)
    print("destroy", time.time()-t); t=time.time()
    assert stage.ours()==set()
