"""
A stand-in for Pulumi's aws provider, in front of the simulated account.

It refuses what the real one refuses: inputs that AWS's model does not allow when they are checked, and what the account
does not allow when they are applied.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from botocore.exceptions import ClientError
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2

from rehearsal.aws import model as aws_model
from rehearsal.aws.resource import Aws, Inputs, Interrupted, Kind, Unfinished
from rehearsal.aws.types import KINDS
from rehearsal.provider import (
    UNKNOWN,
    Call,
    Server,
    Servicer,
    changed,
    difference,
    failure,
    plain,
    refuse_unfinished,
    struct,
)

# ruff: noqa: N802 (the methods are named by the protocol)


class Provider(Server):
    """The server in front of one account."""

    def __init__(self, aws: Aws) -> None:
        super().__init__(_Servicer(aws))


class _Servicer(Servicer):
    """The calls that depend on the account and its types."""

    version = "7.51.1"

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def CheckConfig(self, request: provider_pb2.CheckRequest, _context: Call) -> provider_pb2.CheckResponse:
        region = plain(request.news).get("region", "")
        failures = [] if region == self._aws.region else [failure(f"only {self._aws.region} is simulated", "region")]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Check(self, request: provider_pb2.CheckRequest, context: Call) -> provider_pb2.CheckResponse:
        kind = _kind(request.type, context)
        named = {kind.name: f"{request.name}-{uuid.uuid4().hex[:7]}"} if kind.name else {}
        inputs = {**named, "region": self._aws.region, **plain(request.news)}
        violations = aws_model.violations(kind.service, kind.operation, kind.request(inputs))
        failures = [failure(violation) for violation in violations]
        if inputs["region"] not in {self._aws.region, UNKNOWN}:
            failures.append(failure(f"only {self._aws.region} is simulated", "region"))
        return provider_pb2.CheckResponse(inputs=struct(inputs), failures=failures)

    def Diff(self, request: provider_pb2.DiffRequest, context: Call) -> provider_pb2.DiffResponse:
        kind = _kind(request.type, context)
        old, new = plain(request.old_inputs), plain(request.news)
        names = changed(request)
        return difference(names, replaces=[name for name in names if _is_fixed(name, kind, old, new)])

    def Create(self, request: provider_pb2.CreateRequest, context: Call) -> provider_pb2.CreateResponse:
        kind, inputs = _kind(request.type, context), plain(request.properties)
        if request.preview:
            unknown = {"id": UNKNOWN, "arn": UNKNOWN, "latestVersion": UNKNOWN}
            return provider_pb2.CreateResponse(properties=struct({**unknown, **inputs}))
        try:
            with _spoken(context, kind, f"creating {kind.label} ({inputs[kind.name] if kind.name else request.name})"):
                identity = kind.create(self._aws, inputs)
        except Unfinished as outcome:
            self._keep_unfinished(kind, inputs, outcome, context)
        return provider_pb2.CreateResponse(id=identity, properties=self._state(kind, identity, inputs))

    def Read(self, request: provider_pb2.ReadRequest, context: Call) -> provider_pb2.ReadResponse:
        kind = _kind(request.type, context)
        with _spoken(context, kind, f"reading {kind.label} ({request.id})"):
            live = kind.read(self._aws, request.id)
        if live is None:
            return provider_pb2.ReadResponse()
        inputs = {name: live.get(name, value) for name, value in plain(request.inputs).items()}
        state = {**plain(request.properties), **live}
        return provider_pb2.ReadResponse(id=request.id, properties=struct(state), inputs=struct(inputs))

    def Update(self, request: provider_pb2.UpdateRequest, context: Call) -> provider_pb2.UpdateResponse:
        kind, inputs = _kind(request.type, context), plain(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=struct({**plain(request.olds), **inputs}))
        with _spoken(context, kind, f"updating {kind.label} ({request.id})"):
            kind.update(self._aws, request.id, inputs)
        return provider_pb2.UpdateResponse(properties=self._state(kind, request.id, inputs))

    def Delete(self, request: provider_pb2.DeleteRequest, context: Call) -> empty_pb2.Empty:
        kind = _kind(request.type, context)
        with _spoken(context, kind, f"deleting {kind.label} ({request.id})"):
            kind.delete(self._aws, request.id)
        return empty_pb2.Empty()

    def _state(self, kind: Kind, identity: str, inputs: Inputs) -> struct_pb2.Struct:
        return struct({**inputs, **(kind.read(self._aws, identity) or {}), "id": identity})

    def _keep_unfinished(self, kind: Kind, inputs: Inputs, outcome: Unfinished, context: Call) -> None:
        reason = _reported(str(outcome))
        kept = provider_pb2.ErrorResourceInitFailed(
            id=outcome.identity,
            properties=self._state(kind, outcome.identity, inputs),
            inputs=struct(inputs),
            reasons=[reason],
        )
        refuse_unfinished(context, reason, kept)


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
