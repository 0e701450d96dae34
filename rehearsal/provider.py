"""
What Pulumi's engine and a provider say to one another, as far as it is the same for every stand-in.

The engine attaches to the servers that `PULUMI_DEBUG_PROVIDERS=aws:PORT,kubernetes:PORT` names, and cannot tell them
from the plugins. One server serves the engines of all runs, so nothing here belongs to one of them. What a type means
is not known here.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, Protocol

import grpc
from google.protobuf import any_pb2, empty_pb2, json_format, struct_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from rehearsal.ports import LOOPBACK

# ruff: noqa: N802 (the methods are named by the protocol)

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes, while it previews, for a string that is not known yet."""

_WORKERS = 32
"""Calls at once: creating and deleting wait, and many runs share the server."""


class Call(Protocol):
    """What of a gRPC call is used here."""

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """Answer with an error."""

    def peer(self) -> str:
        """Whose connection it comes by: each engine has one of its own for each provider of its program."""

    def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None:
        """What the error carries beside its text."""


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The engine's calls that every provider answers alike; what each is asked and answers is said by the protocol."""

    version: str
    """Of the provider that this one stands for: the engine compares it with the SDK's."""

    def Handshake(self, *_call: object) -> provider_pb2.ProviderHandshakeResponse:
        """The engine introduces itself; nothing of what it can do is used."""
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, *_call: object) -> empty_pb2.Empty:
        """An engine that found the server running, instead of starting a plugin."""
        return empty_pb2.Empty()

    def GetPluginInfo(self, *_call: object) -> plugin_pb2.PluginInfo:
        """Which version this one stands for."""
        return plugin_pb2.PluginInfo(version=self.version)

    def DiffConfig(self, *_call: object) -> provider_pb2.DiffResponse:
        """Another configuration of the provider concerns no resource."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, _request: provider_pb2.ConfigureRequest, _context: Call) -> provider_pb2.ConfigureResponse:
        """The server is configured already; secrets, being none of its business, are kept by the engine."""
        return provider_pb2.ConfigureResponse()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: Call) -> provider_pb2.InvokeResponse:
        """No function is called by our programs."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{request.tok} is not simulated")

    def Cancel(self, *_call: object) -> empty_pb2.Empty:
        """One run's engine is told to stop; the others go on, so what is under way ends by itself."""
        return empty_pb2.Empty()


class Server:
    """A provider that answers from the moment it is made until it is stopped."""

    def __init__(self, servicer: Servicer) -> None:
        self._server = grpc.server(ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="provider"))
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, self._server)
        self.port: int = self._server.add_insecure_port(f"{LOOPBACK}:0")
        self._server.start()

    def stop(self) -> None:
        """Answer no more; calls that are under way are given up."""
        self._server.stop(grace=None).wait()


def changed(request: provider_pb2.DiffRequest) -> list[str]:
    """The inputs that are not what they were, by name."""
    old, new = plain(request.old_inputs), plain(request.news)
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def difference(names: Iterable[str], *, replaces: Iterable[str]) -> provider_pb2.DiffResponse:
    """What a change of these inputs means: an update, or another resource in the place of the old one."""
    answers = provider_pb2.DiffResponse
    diffs = list(names)
    return provider_pb2.DiffResponse(
        changes=answers.DIFF_SOME if diffs else answers.DIFF_NONE,
        diffs=diffs,
        replaces=list(replaces),
        deleteBeforeReplace=True,  # names are given, and a name can be there only once
    )


def refuse_unfinished(context: Call, reason: str, kept: provider_pb2.ErrorResourceInitFailed) -> NoReturn:
    """As real providers do for what exists and has failed: the engine keeps it in its state, and calls it failed."""
    detail = any_pb2.Any()
    detail.Pack(kept)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason, details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, reason)


def failure(reason: str, name: str = "") -> provider_pb2.CheckFailure:
    """An input that is refused before anything is created; without a name it is the whole."""
    return provider_pb2.CheckFailure(property=name, reason=reason)


def plain(values: struct_pb2.Struct) -> dict[str, Any]:
    """What the protocol carries, as JSON has it."""
    as_json: dict[str, Any] = json_format.MessageToDict(values)
    return as_json


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """JSON, as the protocol carries it."""
    carried = struct_pb2.Struct()
    carried.update(values)
    return carried
