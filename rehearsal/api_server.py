"""
The API server as its clients on the stage see it: JSON in, JSON out, and watches that do not end.

Models of objects would cost more than they tell here: a kubelet hands on most of what it reads. What an object means is
not known here.
"""

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes.client import Configuration
from kubernetes.config import load_kube_config
from urllib3.exceptions import HTTPError

Object = dict[str, Any]
"""One Kubernetes object, as JSON has it."""

STRATEGIC_MERGE = "application/strategic-merge-patch+json"
"""Lists that have a key are merged by it: conditions that others wrote stay."""

APPLY = "application/apply-patch+yaml"
"""JSON is YAML."""

_TIMEOUT = urllib3.Timeout(connect=5, read=30)
_WATCH_TIMEOUT = urllib3.Timeout(connect=5, read=330)
_WATCH_SECONDS = 300
"""How long the API server keeps one watch open; it is then asked again from where it was."""

_PAUSE_SECONDS = 0.5


class ApiError(Exception):
    """The API server refused, or did not answer: then `status` is 0."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class ApiServer:
    """One API server, and the right to speak to it."""

    def __init__(self, kubeconfig: Path, *, scratch: Path, connections: int = 16) -> None:
        """
        Read the kubeconfig.

        Args:
            kubeconfig: whose rights, and where.
            scratch: a private folder, for the keys that a kubeconfig may hold: TLS takes them from files only.
            connections: how many requests may be under way at once; more of them wait.
        """
        config = Configuration()
        load_kube_config(config_file=str(kubeconfig), client_configuration=config, temp_file_path=str(scratch))
        trust = ssl.create_default_context(cafile=config.ssl_ca_cert)
        trust.load_cert_chain(config.cert_file, config.key_file)
        self.address: str = config.host
        """Where it answers: `https://HOST:PORT`."""
        self._pool = urllib3.PoolManager(ssl_context=trust, maxsize=connections, block=True, retries=False)

    def get(self, path: str, **query: str) -> Object:
        """One object, or one list of them."""
        return self._ask("GET", path, query=query)

    def create(self, path: str, body: Object) -> Object:
        """A new object in the collection at `path`."""
        return self._ask("POST", path, body=body)

    def patch(self, path: str, body: Object) -> Object:
        """Change what `body` names, by strategic merge."""
        return self._ask("PATCH", path, body=body, content=STRATEGIC_MERGE)

    def apply(self, path: str, body: Object, **query: str) -> Object:
        """Server-side apply: the object is made, or brought to what `body` says; the query names the field manager."""
        return self._ask("PATCH", path, query=query, body=body, content=APPLY)

    def delete(self, path: str, options: Object | None = None, **query: str) -> None:
        """Delete an object or, by a query, several. What is not there is deleted already."""
        try:
            self._ask("DELETE", path, query=query, body=options)
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    def stream(self, path: str, **query: str) -> urllib3.BaseHTTPResponse:
        """The lines of an answer that does not end; whoever asked closes it."""
        return self._send("GET", path, query=query, timeout=_WATCH_TIMEOUT)

    def close(self) -> None:
        """Let go of all connections."""
        self._pool.clear()

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content: str = "application/json",
    ) -> Object:
        response = self._send(method, path, query=query, body=body, content=content)
        try:
            answer: Object = json.loads(response.data)
        except (HTTPError, ValueError) as error:
            raise ApiError(0, f"{method} {path}: half an answer: {error}") from error
        finally:
            response.release_conn()
        return answer

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content: str = "application/json",
        timeout: urllib3.Timeout = _TIMEOUT,
    ) -> urllib3.BaseHTTPResponse:
        url = f"{self.address}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", "Content-Type": content}
        data = None if body is None else json.dumps(body)
        try:
            response = self._pool.request(
                method, url, body=data, headers=headers, timeout=timeout, preload_content=False
            )
            if response.status < HTTPStatus.BAD_REQUEST:
                return response
            said = response.data.decode(errors="replace")
        except HTTPError as error:
            raise ApiError(0, f"{method} {path}: no answer: {error}") from error
        response.release_conn()
        raise ApiError(response.status, f"{method} {path}: {_sentence(said)}")


class Watch:
    """One collection, followed for as long as it is wanted, through disconnects and forgotten versions."""

    def __init__(self, api: ApiServer, path: str, **query: str) -> None:
        self._api = api
        self._path = path
        self._query = query
        self._stop = threading.Event()
        self._stream: urllib3.BaseHTTPResponse | None = None

    def run(self, listed: Callable[[list[Object]], None], changed: Callable[[str, Object], None]) -> None:
        """
        Tell of the collection until `stop`.

        Args:
            listed: told all objects, at the start and whenever the API server has forgotten where we were.
            changed: told `ADDED`, `MODIFIED` or `DELETED`, and the object.
        """
        version = ""
        while not self._stop.is_set():
            try:
                if not version:
                    answer = self._api.get(self._path, **self._query)
                    version = answer["metadata"]["resourceVersion"]
                    listed(answer["items"])
                version = self._follow(version, changed)
            except ApiError as error:
                if error.status == HTTPStatus.GONE:
                    version = ""
                else:
                    self._stop.wait(_PAUSE_SECONDS)

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._stop.set()
        stream = self._stream
        if stream is not None:
            with suppress(RuntimeError, ValueError):  # it has ended by itself meanwhile
                stream.shutdown()

    def _follow(self, version: str, changed: Callable[[str, Object], None]) -> str:
        """Tell of changes since a version; the version that was reached when the stream ended, or none if unknown."""
        query = {**self._query, "watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
        self._stream = self._api.stream(self._path, **query, timeoutSeconds=str(_WATCH_SECONDS))
        try:
            if self._stop.is_set():  # asked before there was a stream to shut down
                return version
            for line in self._stream:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return ""
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    changed(event["type"], event["object"])
        except (HTTPError, ValueError):
            self._stop.wait(_PAUSE_SECONDS)
        finally:
            stream, self._stream = self._stream, None
            stream.close()
        return version


def insist(ask: Callable[[], object], *, unless: threading.Event) -> bool:
    """Ask until the API server has answered; False when something happened that makes the question vain."""
    while not unless.is_set():
        try:
            ask()
        except ApiError as error:
            if HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.TOO_MANY_REQUESTS:
                raise
            unless.wait(_PAUSE_SECONDS)
        else:
            return True
    return False


def timestamp(at: float) -> str:
    """A moment as Kubernetes writes it in most fields: `2026-11-23T22:50:22Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(at: float) -> str:
    """A moment as Leases and container logs have it: `2026-11-23T22:50:22.123456Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _sentence(said: str) -> str:
    """The message of a Status object, or the text itself."""
    try:
        return str(json.loads(said)["message"])
    except (ValueError, KeyError, TypeError):
        return said.strip()
