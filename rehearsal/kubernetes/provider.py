"""
A stand-in for Pulumi's kubernetes provider, in front of one cluster's real API server.

What the API server refuses is refused here, in a preview where it can be known by then; releases of Helm are recorded,
and their charts are not rendered.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import grpc
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from rehearsal.api_server import ApiServer
from rehearsal.kubernetes.helm import Releases
from rehearsal.kubernetes.objects import Objects
from rehearsal.kubernetes.resource import Inputs, Interrupted, Kind, Refused
from rehearsal.provider import UNKNOWN, Call, Server, Servicer, changed, difference, plain, struct

# ruff: noqa: N802 (the methods are named by the protocol)

RELEASE = "kubernetes:helm.sh/v3:Release"
_NOT_OBJECTS = ("kubernetes:helm.sh/", "kubernetes:yaml", "kubernetes:kustomize", "kubernetes:index")
"""Types of the provider that are no objects of the API server."""


class Provider(Server):
    """The server in front of one cluster."""

    def __init__(self, api: ApiServer, closed: Event, releases: Releases) -> None:
        super().__init__(_Servicer(api, closed, releases))


class _Servicer(Servicer):
    """The calls that depend on the cluster and its kinds."""

    version = "4.34.2"

    def __init__(self, api: ApiServer, closed: Event, releases: Releases) -> None:
        self._address = api.address
        self._objects = Objects(api=api, closed=closed)
        self._releases = releases
        self._astray: set[str] = set()
        """Connections whose kubeconfig leads elsewhere."""

    def CheckConfig(self, request: provider_pb2.CheckRequest, _context: Call) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Configure(self, request: provider_pb2.ConfigureRequest, context: Call) -> provider_pb2.ConfigureResponse:
        given = plain(request.args).get("kubeconfig", "")
        if given != UNKNOWN and self._address not in _servers(given):
            self._astray.add(context.peer())
        return provider_pb2.ConfigureResponse()

    def Check(self, request: provider_pb2.CheckRequest, context: Call) -> provider_pb2.CheckResponse:
        kind = self._kind(request.type, context)
        inputs = kind.named(plain(request.news), f"{request.name}-{uuid.uuid4().hex[:7]}")
        return provider_pb2.CheckResponse(inputs=struct(inputs))

    def Diff(self, request: provider_pb2.DiffRequest, context: Call) -> provider_pb2.DiffResponse:
        kind = self._kind(request.type, context)
        old, new = (kind.identity(plain(inputs)) for inputs in (request.old_inputs, request.news))
        names = changed(request)
        return difference(names, replaces=names if old != new else ())

    def Create(self, request: provider_pb2.CreateRequest, context: Call) -> provider_pb2.CreateResponse:
        kind, inputs = self._kind(request.type, context), plain(request.properties)
        with _spoken(context):
            if request.preview:
                # Pulumi's own previews in front of no cluster, too: as what is declared (v4.34.2, provider.go, Create).
                if UNKNOWN not in str(inputs) and context.peer() not in self._astray:
                    kind.rehearse(inputs)
                return provider_pb2.CreateResponse(properties=request.properties)
            self._reach(context)
            made = kind.create(inputs)
        return provider_pb2.CreateResponse(id=kind.identity(inputs), properties=struct({**inputs, **made}))

    def Read(self, request: provider_pb2.ReadRequest, context: Call) -> provider_pb2.ReadResponse:
        kind, inputs = self._kind(request.type, context), plain(request.inputs)
        self._reach(context)
        with _spoken(context):
            live = kind.read(inputs)
        if live is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id, properties=struct({**inputs, **live}), inputs=struct(_declared(inputs, live))
        )

    def Update(self, request: provider_pb2.UpdateRequest, context: Call) -> provider_pb2.UpdateResponse:
        kind, inputs = self._kind(request.type, context), plain(request.news)
        self._reach(context)
        with _spoken(context):
            if request.preview:
                kind.rehearse(inputs)
                return provider_pb2.UpdateResponse(properties=request.news)
            made = kind.update(inputs)
        return provider_pb2.UpdateResponse(properties=struct({**inputs, **made}))

    def Delete(self, request: provider_pb2.DeleteRequest, context: Call) -> empty_pb2.Empty:
        kind = self._kind(request.type, context)
        self._reach(context)
        with _spoken(context):
            kind.delete(plain(request.old_inputs))
        return empty_pb2.Empty()

    def _reach(self, context: Call) -> None:
        """What has to be asked of a cluster is asked of this one, or of none."""
        if context.peer() in self._astray:
            why = f"configured Kubernetes cluster is unreachable: only the one at {self._address} is simulated"
            context.abort(grpc.StatusCode.UNKNOWN, why)

    def _kind(self, token: str, context: Call) -> Kind:
        if token == RELEASE:
            return self._releases
        if token.startswith(_NOT_OBJECTS):
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{token} is not simulated")
        return self._objects


@contextmanager
def _spoken(context: Call) -> Iterator[None]:
    """What the cluster refused, as the engine is told."""
    try:
        yield
    except Refused as refusal:
        context.abort(grpc.StatusCode.UNKNOWN, str(refusal))
    except Interrupted as end:
        context.abort(grpc.StatusCode.CANCELLED, str(end))


def _declared(inputs: Inputs, live: Inputs) -> Inputs:
    """The inputs with what has changed meanwhile: of the live object only what was declared counts as drift."""
    return {name: _overlap(value, live.get(name, value)) for name, value in inputs.items()}


def _overlap(declared: object, live: object) -> object:
    if isinstance(declared, dict) and isinstance(live, dict):
        return {name: _overlap(value, live[name]) for name, value in declared.items() if name in live}
    return live


def _servers(kubeconfig: str) -> list[str]:
    """The API servers that a kubeconfig names; it is given as its content or as its path."""
    text = kubeconfig if "\n" in kubeconfig or "{" in kubeconfig else Path(kubeconfig).read_text(encoding="utf-8")
    return [cluster["cluster"]["server"] for cluster in yaml.safe_load(text)["clusters"]]
