"""
AWS by its API: boto3's clients, and the one place where its errors become ours.

Nothing here knows what a call is for.
"""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from mig.errors import Failed, Permanent, Temporary
from tasks.connect import Site, aws

BUSY = frozenset({
    "InternalError",
    "InternalFailure",
    "RequestLimitExceeded",
    "ResourceInUseException",
    "ServerException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
})  # fmt: skip
"""The same call may do later: AWS is busy, or what it is about is just being changed."""

MISSING = frozenset({"404", "NoSuchEntity", "NoSuchKey", "NotFoundException", "ResourceNotFoundException"})
DELAY = 10.0
"""Seconds before the next try."""


class Missing(Permanent):
    """What the call is about is not there."""


def call(site: Site, service: str, operation: str, **parameters: object) -> dict[str, Any]:
    """
    One call, by boto3's names: `call(site, "eks", "describe_cluster", name="mig")`.

    Raises Temporary, Missing, or Failed with AWS's code and sentence.
    """
    try:
        answer: dict[str, Any] = getattr(aws(site, service), operation)(**parameters)
    except ClientError as error:
        raise _ours(error, f"{service}.{operation}") from error
    except (
        BotoCoreError,
        ResponseParserError,
    ) as error:  # no answer of AWS's: no connection, no credentials, a time-out
        raise Temporary(f"AWS did not answer {service}.{operation}: {error}", delay=DELAY) from error
    return answer


def _ours(error: ClientError, called: str) -> Temporary | Missing | Failed:
    said = error.response["Error"]
    code, sentence = said.get("Code", ""), f"{said.get('Code')}: {said.get('Message')}"
    if code in BUSY:
        return Temporary(f"{called}: {sentence}", delay=DELAY)
    if code in MISSING or code.endswith(".NotFound"):
        return Missing(f"{called}: {sentence}")
    return Failed("aws", f"{called}: {sentence}")
