"""
The Kubernetes API in JSON: the official client's transport, and the one place where its errors become ours.

Nothing here knows what an object means.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from mig.errors import Permanent, Temporary

MANAGER = "mig-pipeline"
"""Field manager of everything this project applies."""

PLURALS = {
    "ConfigMap": "configmaps",
    "DeviceClass": "deviceclasses",
    "Job": "jobs",
    "Namespace": "namespaces",
    "Pod": "pods",
    "ResourceClaimTemplate": "resourceclaimtemplates",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
}
"""The kinds that are applied, by the name their collection has in a path."""

CLUSTER_SCOPED = {"DeviceClass", "Namespace"}
BUSY = {0, 429, 500, 502, 503, 504}
"""Answers after which another try makes sense; 0 is no answer at all."""

TIMEOUT = 30
"""Seconds after which one call is given up: an API server that is up answers a list in well under one."""


def get(client: ApiClient, path: str, **query: str) -> dict[str, Any]:
    """One object, or one list of them."""
    found: dict[str, Any] = json.loads(_call(client, "GET", path, query=query))
    return found


def items(client: ApiClient, path: str, **query: str) -> list[dict[str, Any]]:
    """All objects of a collection."""
    found: list[dict[str, Any]] = get(client, path, **query)["items"]
    return found


def apply(client: ApiClient, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Server-side apply: made when it is not there, brought to what the manifest says when it is."""
    query = {"fieldManager": MANAGER, "force": "true"}
    path = f"{_collection(manifest)}/{manifest['metadata']['name']}"
    answer = _call(client, "PATCH", path, query=query, body=dict(manifest), content="application/apply-patch+yaml")
    applied: dict[str, Any] = json.loads(answer)
    return applied


def write(client: ApiClient, manifest: Mapping[str, Any]) -> bool:
    """
    Create an object, or replace the version of it that the manifest's `resourceVersion` names.

    False when somebody else was faster: read again, and decide anew.
    """
    known = "resourceVersion" in manifest["metadata"]
    path = _collection(manifest) + (f"/{manifest['metadata']['name']}" if known else "")
    try:
        _call(client, "PUT" if known else "POST", path, query={"fieldManager": MANAGER}, body=dict(manifest))
    except Conflict:
        return False
    return True


def delete(client: ApiClient, path: str) -> bool:
    """Ask for the deletion of one object and what it owns; False when it was not there."""
    try:
        _call(client, "DELETE", path, query={"propagationPolicy": "Background"})
    except Missing:
        return False
    return True


def text(client: ApiClient, path: str, **query: str) -> str:
    """What a text endpoint, such as a pod's log, answers."""
    return _call(client, "GET", path, query=query)


class Missing(Permanent):
    """The object is not there."""


class Denied(Permanent):
    """The API server refused: not allowed, or not valid."""


class Conflict(Denied):
    """It is there already, or was changed since it was read."""


def _collection(manifest: Mapping[str, Any]) -> str:
    version, kind = manifest["apiVersion"], manifest["kind"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    if kind in CLUSTER_SCOPED:
        return f"{root}/{PLURALS[kind]}"
    return f"{root}/namespaces/{manifest['metadata']['namespace']}/{PLURALS[kind]}"


def _call(
    client: ApiClient,
    method: str,
    path: str,
    *,
    query: Mapping[str, str],
    body: dict[str, Any] | None = None,
    content: str = "application/json",
) -> str:
    headers = {"Accept": "application/json, */*", "Content-Type": content}
    request = client.param_serialize(
        method, path, query_params=list(query.items()), header_params=headers, body=body, auth_settings=["BearerToken"]
    )
    try:
        answer = client.call_api(*request, _request_timeout=TIMEOUT)
        status, said = answer.status, str(answer.read(), encoding="utf-8")
    except ApiException as error:
        status, said = error.status, str(error.reason)
    except HTTPError as error:
        raise Temporary(f"the API server did not answer {method} {path}: {error}", delay=2) from error
    if status in BUSY:
        raise Temporary(f"the API server is not able to answer {method} {path}: {_sentence(said)}", delay=2)
    if status == HTTPStatus.NOT_FOUND:
        raise Missing(f"{path}: {_sentence(said)}")
    if status == HTTPStatus.CONFLICT:
        raise Conflict(f"{method} {path}: {_sentence(said)}")
    if not 200 <= status < 300:  # noqa: PLR2004 (the range HTTP calls success)
        raise Denied(f"{method} {path}: {status} {_sentence(said)}")
    return said


def _sentence(said: str) -> str:
    """The message of a Status object, or the text itself."""
    try:
        return str(json.loads(said)["message"])
    except (ValueError, KeyError, TypeError):
        return said.strip()
