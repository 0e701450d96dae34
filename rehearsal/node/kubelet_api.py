"""
The part of the kubelet's own API that the API server calls: the logs of containers, over TLS, for those it knows.

One server stands for all nodes of a fleet: they share an address, and a pod's namespace and name are enough.
"""

import ssl
import threading
import time
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rehearsal.node.container_log import Logs, Wanted
from rehearsal.ports import LOOPBACK

_REQUEST_SECONDS = 30.0


class KubeletApi:
    """The server."""

    def __init__(self, logs: Logs, *, serving: tuple[Path, Path], client_ca: Path) -> None:
        """
        Serve from now on.

        Args:
            logs: what it serves.
            serving: its certificate and key.
            client_ca: who vouches for those who may ask.
        """
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(client_ca))
        tls.load_cert_chain(*map(str, serving))
        tls.verify_mode = ssl.CERT_REQUIRED
        self._server = _Server((LOOPBACK, 0), partial(_Handler, logs))
        # The handshake is left to each connection's own thread: one that says nothing holds up nobody.
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="kubelet-api", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked has gone away, or may not ask: nothing to be done, or said."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _REQUEST_SECONDS

    def __init__(self, logs: Logs, *connection: Any) -> None:  # noqa: ANN401 (what the server hands on)
        self._logs = logs
        super().__init__(*connection)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        match url.path.strip("/").split("/"):
            case ["containerLogs", namespace, pod, container]:
                try:
                    wanted = Wanted.read(parse_qs(url.query), time.time())
                except ValueError as error:
                    self._refuse(HTTPStatus.BAD_REQUEST, str(error))
                else:
                    self._log(namespace, pod, container, wanted)
            case _:
                self._refuse(HTTPStatus.NOT_FOUND, f"{url.path} is not known to a rehearsal's kubelet")

    def _log(self, namespace: str, pod: str, container: str, wanted: Wanted) -> None:
        path = self._logs.find(namespace, pod, container, previous=wanted.previous)
        if path is None:
            why = "has no run before this one" if wanted.previous else "waits to start, or is simulated"
            self._refuse(HTTPStatus.BAD_REQUEST, f'container "{container}" in pod "{pod}" {why}')
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for text in self._logs.read(path, wanted):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.write(b"0\r\n\r\n")

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        body = why.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """Say nothing: who reads logs is no news."""
