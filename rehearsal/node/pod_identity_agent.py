"""
S3 access for pods as EKS's Pod Identity Agent gives it: an endpoint that trades a pod's own token for credentials.

The AWS SDKs find it by two variables in the process's environment. Which namespace and service account gets what is
decided by whoever made the agent; a token is neither logged nor written anywhere but the pod's own folder.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from rehearsal import private
from rehearsal.api_server import timestamp
from rehearsal.ports import LOOPBACK
from rehearsal.servers.bucket import Credentials

Grant = Callable[[str, str], Credentials | None]
"""What a namespace's service account may use; None: it has no pod identity association."""

_Answer = Callable[[str, str], tuple[HTTPStatus, Mapping[str, str]]]
"""What is answered, by path and token."""

_PATH = "/v1/credentials"
_LIFETIME_SECONDS = 6 * 3600.0
"""As on EKS: an SDK asks again when this is about to end."""


class PodIdentityAgent:
    """The credentials endpoint of all pods of a fleet."""

    def __init__(self, grant: Grant) -> None:
        self._ask = grant
        self._asking = threading.Lock()
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[str, str, str]] = {}
        """Pod, namespace and service account, by token."""
        self._server = ThreadingHTTPServer((LOOPBACK, 0), partial(_Handler, self._answer))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="pod-identity-agent", daemon=True
        )
        self._thread.start()

    def environment(self, pod: str, account: tuple[str, str], folder: Path) -> dict[str, str]:
        """
        What a pod's processes are told so that they find their credentials; nothing where there are none for them.

        Args:
            pod: its UID.
            account: its namespace and the name of its service account.
            folder: where the pod's token is kept.
        """
        granted = self._grant(*account)
        if granted is None:
            return {}
        token = secrets.token_urlsafe(32)
        file = private.write(folder / "eks-pod-identity-token", token.encode("ascii"))
        with self._lock:
            self._tokens[token] = (pod, *account)
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{LOOPBACK}:{self._server.server_port}{_PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file),
            **({"AWS_ENDPOINT_URL_S3": granted.endpoint} if granted.endpoint else {}),
        }

    def revoke(self, pod: str) -> None:
        """The pod's token is worth nothing any more."""
        with self._lock:
            self._tokens = {token: known for token, known in self._tokens.items() if known[0] != pod}

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _grant(self, namespace: str, account: str) -> Credentials | None:
        with self._asking:  # whoever grants has to be ready for one pod at a time only
            return self._ask(namespace, account)

    def _answer(self, path: str, token: str) -> tuple[HTTPStatus, Mapping[str, str]]:
        if path != _PATH:
            return HTTPStatus.NOT_FOUND, {"message": f"there is nothing at {path}"}
        with self._lock:
            known = self._tokens.get(token)
        if known is None:
            return HTTPStatus.UNAUTHORIZED, {"message": "the token is not one of a running pod"}
        _, namespace, account = known
        credentials = self._grant(namespace, account)
        if credentials is None:
            return HTTPStatus.NOT_FOUND, {"message": f"{namespace}/{account} has no pod identity association"}
        return HTTPStatus.OK, {
            "AccessKeyId": credentials.access_key,
            "SecretAccessKey": credentials.secret_key,
            "Token": "",
            "Expiration": timestamp(time.time() + _LIFETIME_SECONDS),
        }


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, answer: _Answer, *connection: Any) -> None:  # noqa: ANN401 (what the server hands on)
        self._answer = answer
        super().__init__(*connection)

    def do_GET(self) -> None:
        status, content = self._answer(self.path, self.headers.get("Authorization", ""))
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """Say nothing: requests are many."""
