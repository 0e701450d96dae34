"""
A stand-in for Pulumi's aws provider: the engine's protocol over gRPC, in front of the simulated account.

The engine attaches to it by `PULUMI_DEBUG_PROVIDERS=aws:PORT` and cannot tell it from the plugin. It refuses what the
real one refuses: inputs that AWS's model does not allow when they are checked, and what the account does not allow when
they are applied. One server serves the engines of all runs, so nothing here belongs to one of them.
"""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

import grpc
from botocore.exceptions import ClientError
from google.protobuf import any_pb2, empty_pb2, json_format, struct_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from rehearsal.aws import model as aws_model
from rehearsal.aws.model import UNKNOWN
from rehearsal.aws.resource import Aws, Inputs, Interrupted, Kind, Outputs, Unfinished
from rehearsal.aws.types import KINDS
from rehearsal.ports import LOOPBACK

# ruff: noqa: N802 (the methods are named by the protocol)

VERSION = "7.51.1"
"""Of the provider that this one stands for: the engine compares it with the SDK's."""

_WORKERS = 32
"""Calls at once: creating and deleting wait, and many runs share the server."""


class Call(Protocol):
    """What of a gRPC call is used here."""

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """Answer with an error."""

    def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None:
        """What the error carries beside its text."""


class Provider:
    """The server: it answers from the moment it is made until it is stopped."""

    def __init__(self, aws: Aws) -> None:
        self._server = grpc.server(ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="provider"))
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(_Servicer(aws), self._server)
        self.port: int = self._server.add_insecure_port(f"{LOOPBACK}:0")
        self._server.start()

    def stop(self) -> None:
        """Answer no more; calls that are under way are given up."""
        self._server.stop(grace=None).wait()


class _Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The engine's calls, named by the protocol: what each is asked and answers is said there."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def Handshake(self, *_call: object) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, *_call: object) -> empty_pb2.Empty:
        """An engine that found the server running, instead of starting a plugin."""
        return empty_pb2.Empty()

    def GetPluginInfo(self, *_call: object) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    def CheckConfig(self, request: provider_pb2.CheckRequest, _context: Call) -> provider_pb2.CheckResponse:
        region = _plain(request.news).get("region", "")
        failures = [] if region == self._aws.region else [_failure(f"only {self._aws.region} is simulated", "region")]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, *_call: object) -> provider_pb2.DiffResponse:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, *_call: object) -> provider_pb2.ConfigureResponse:
        return provider_pb2.ConfigureResponse()

    def Check(self, request: provider_pb2.CheckRequest, context: Call) -> provider_pb2.CheckResponse:
        kind = _kind(request.type, context)
        inputs = {kind.name: f"{request.name}-{uuid.uuid4().hex[:7]}", "region": self._aws.region}
        inputs = {**inputs, **_plain(request.news)}
        violations = aws_model.violations(kind.service, kind.operation, kind.request(inputs))
        failures = [_failure(violation) for violation in violations]
        if inputs["region"] not in {self._aws.region, UNKNOWN}:
            failures.append(_failure(f"only {self._aws.region} is simulated", "region"))
        return provider_pb2.CheckResponse(inputs=_struct(inputs), failures=failures)

    def Diff(self, request: provider_pb2.DiffRequest, context: Call) -> provider_pb2.DiffResponse:
        kind = _kind(request.type, context)
        old, new = _plain(request.old_inputs), _plain(request.news)
        changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        answers = provider_pb2.DiffResponse
        return provider_pb2.DiffResponse(
            changes=answers.DIFF_SOME if changed else answers.DIFF_NONE,
            diffs=changed,
            replaces=[name for name in changed if _is_fixed(name, kind, old, new)],
            deleteBeforeReplace=True,  # names are given, and a name can be there only once
        )

    def Create(self, request: provider_pb2.CreateRequest, context: Call) -> provider_pb2.CreateResponse:
        kind, inputs = _kind(request.type, context), _plain(request.properties)
        if request.preview:
            unknown = {"id": UNKNOWN, "arn": UNKNOWN, "latestVersion": UNKNOWN}
            return provider_pb2.CreateResponse(properties=_struct({**unknown, **inputs}))
        try:
            with _spoken(context, kind, f"creating {kind.label} ({inputs[kind.name]})"):
                identity = kind.create(self._aws, kind.request(inputs))
        except Unfinished as outcome:
            self._keep_unfinished(kind, inputs, outcome, context)
        return provider_pb2.CreateResponse(id=identity, properties=self._state(kind, identity, inputs))

    def Read(self, request: provider_pb2.ReadRequest, context: Call) -> provider_pb2.ReadResponse:
        kind = _kind(request.type, context)
        with _spoken(context, kind, f"reading {kind.label} ({request.id})"):
            live = kind.read(self._aws, request.id)
        if live is None:
            return provider_pb2.ReadResponse()
        inputs = {name: live.get(name, value) for name, value in _plain(request.inputs).items()}
        state = {**_plain(request.properties), **live}
        return provider_pb2.ReadResponse(id=request.id, properties=_struct(state), inputs=_struct(inputs))

    def Update(self, request: provider_pb2.UpdateRequest, context: Call) -> provider_pb2.UpdateResponse:
        kind, inputs = _kind(request.type, context), _plain(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=_struct({**_plain(request.olds), **inputs}))
        with _spoken(context, kind, f"updating {kind.label} ({request.id})"):
            kind.update(self._aws, request.id, inputs)
        return provider_pb2.UpdateResponse(properties=self._state(kind, request.id, inputs))

    def Delete(self, request: provider_pb2.DeleteRequest, context: Call) -> empty_pb2.Empty:
        kind = _kind(request.type, context)
        with _spoken(context, kind, f"deleting {kind.label} ({request.id})"):
            kind.delete(self._aws, request.id)
        return empty_pb2.Empty()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: Call) -> provider_pb2.InvokeResponse:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{request.tok} is not simulated")

    def Cancel(self, *_call: object) -> empty_pb2.Empty:
        """One run's engine is told to stop; the others go on, so what is under way ends by itself."""
        return empty_pb2.Empty()

    def _state(self, kind: Kind, identity: str, inputs: Inputs) -> struct_pb2.Struct:
        return _struct({**inputs, **(kind.read(self._aws, identity) or {}), "id": identity})

    def _keep_unfinished(self, kind: Kind, inputs: Inputs, outcome: Unfinished, context: Call) -> None:
        """As the real provider does: the engine keeps the resource in its state, and calls it failed."""
        reason = _reported(str(outcome))
        detail = any_pb2.Any()
        detail.Pack(
            provider_pb2.ErrorResourceInitFailed(
                id=outcome.identity,
                properties=self._state(kind, outcome.identity, inputs),
                inputs=_struct(inputs),
                reasons=[reason],
            )
        )
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason, details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, reason)


@contextmanager
def _spoken(context: Call, kind: Kind, doing: str) -> Iterator[None]:
    """What AWS refused, in the sentence that the real provider makes of it."""
    try:
        yield
    except ClientError as error:
        context.abort(grpc.StatusCode.UNKNOWN, _reported(f"{doing}: {_as_go_says(error, kind)}"))
    except Interrupted as end:
        context.abort(grpc.StatusCode.CANCELLED, _reported(f"{doing}: {end}"))


def _reported(sentence: str) -> str:
    return f"1 error occurred:\n\t* {sentence}\n\n"


def _as_go_says(error: ClientError, kind: Kind) -> str:
    """The SDK that the real provider is built with names operation, status, request and code."""
    meta, refused = error.response["ResponseMetadata"], error.response["Error"]
    modelled = refused["Code"].endswith("Exception")
    code = refused["Code"] if modelled else f"api error {refused['Code']}"
    return (
        f"operation error {kind.service.upper()}: {error.operation_name}, https response error StatusCode:"
        f" {meta['HTTPStatusCode']}, RequestID: {meta.get('RequestId', uuid.uuid4())}, {code}: {refused['Message']}"
    )


def _kind(token: str, context: Call) -> Kind:
    if token not in KINDS:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{token} is not simulated")
    return KINDS[token]


def _is_fixed(name: str, kind: Kind, old: Inputs, new: Inputs) -> bool:
    if name == "launchTemplate":  # its version may change, the template itself may not
        return any(old.get(name, {}).get(key) != new.get(name, {}).get(key) for key in ("id", "name"))
    return name in kind.fixed


def _failure(reason: str, name: str = "") -> provider_pb2.CheckFailure:
    return provider_pb2.CheckFailure(property=name, reason=reason)


def _plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = json_format.MessageToDict(struct)
    return plain


def _struct(values: Outputs) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct
