"""
A service as its clients see it: two addresses over HTTP, on waitress.

`POST /predict` takes the bytes of grey images, one after the other, and answers their classes as JSON, with the model
that told them; `GET /healthz` says whether there is one. Whatever is wrong with a request is told in one sentence. It
knows no network: what is asked goes into the inbox.
"""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from waitress import create_server, wasyncore

from training.contract import HEALTH, PREDICT, WorkloadError
from training.inbox import ClosedError, Inbox

MOST_IMAGES = 4096
"""Of one request: it is answered whole, by one model, and all others wait for that long."""
THREADS = 64
"""Requests that can be in the inbox at once, so many a batch has at most; further ones wait before it."""
CONNECTIONS = 1024
"""Open at once; further ones wait to be accepted."""
QUIET_SECONDS = 0.2
"""When nobody has waited for an answer for so long, it is believed that no request is on its way."""

Environ = Mapping[str, Any]
_METHODS: Mapping[str, str] = {PREDICT: "POST", HEALTH: "GET"}
_NOT_EVEN_READ = 16
"""Times the largest body: what is longer is refused before it has come, which some clients take for a broken line."""


class ListenError(WorkloadError):
    """The port is somebody else's, or the address is not this pod's."""


class App:
    """The WSGI application."""

    def __init__(self, inbox: Inbox, shape: tuple[int, int]) -> None:
        """`shape` is that of an image: rows and columns, with a byte for each pixel."""
        self.ending = False
        """Whether each connection ends with its next answer."""
        self._inbox = inbox
        self._shape = shape

    @property
    def largest(self) -> int:
        """Bytes that a body has at most."""
        return MOST_IMAGES * self._shape[0] * self._shape[1]

    def __call__(self, environ: Environ, start_response: Callable[..., object]) -> Iterable[bytes]:
        """Answer one request."""
        status, said = self._answer(environ)
        body = said.encode() + b"\n"
        headers = [("Content-Type", "application/json" if said.startswith("{") else "text/plain")]
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Allow", _METHODS[environ["PATH_INFO"]]))
        if not self.ending:  # a connection whose answer has no length is closed after it, and waitress says so
            headers.append(("Content-Length", str(len(body))))
        start_response(f"{status.value} {status.phrase}", headers)
        return iter([body])

    def _answer(self, environ: Environ) -> tuple[HTTPStatus, str]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path not in _METHODS:
            there = " and ".join(f"{_METHODS[known]} {known}" for known in _METHODS)
            return HTTPStatus.NOT_FOUND, f"there is nothing but {there}"
        if method != _METHODS[path]:
            return HTTPStatus.METHOD_NOT_ALLOWED, f"{path} takes {_METHODS[path]} only"
        return self._health() if path == HEALTH else self._predict(environ)

    def _health(self) -> tuple[HTTPStatus, str]:
        if self.ending:
            return HTTPStatus.SERVICE_UNAVAILABLE, "the service is about to end"
        if not self._inbox.serving:
            return HTTPStatus.SERVICE_UNAVAILABLE, "there is no model to answer by yet"
        return HTTPStatus.OK, "serving"

    def _predict(self, environ: Environ) -> tuple[HTTPStatus, str]:
        rows, columns = self._shape
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > self.largest:
            why = f"a body of {length} bytes is too large; accepted: {MOST_IMAGES} images, {self.largest} bytes"
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why
        images, rest = divmod(length, rows * columns)
        if rest or not images:
            why = f"a body of {length} bytes is not one or more images of {rows * columns} bytes, {rows} x {columns}"
            return HTTPStatus.BAD_REQUEST, why
        try:
            answer = self._inbox.ask(environ["wsgi.input"].read(length), images)
        except ClosedError:
            return HTTPStatus.SERVICE_UNAVAILABLE, "the service has ended without an answer"
        return HTTPStatus.OK, json.dumps(asdict(answer))


class Endpoint:
    """The application on a port, served by threads of its own from now on."""

    def __init__(self, app: App, host: str, port: int) -> None:
        self._app = app
        self._server = create_server(
            app,
            sockets=[_listening(host, port)],
            threads=THREADS,
            connection_limit=CONNECTIONS,
            asyncore_use_poll=True,  # select() knows no more than 1024 files
            max_request_body_size=_NOT_EVEN_READ * app.largest,
            inbuf_overflow=app.largest,  # no body that is taken goes by way of a file
            ident=None,
        )
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of each request that waits its turn
        self.address = f"{host}:{self._server.effective_port}"
        self._busy_at = time.monotonic()
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)
        self._thread.start()

    def close_door(self) -> None:
        """Accept nobody any more; who has been accepted is still answered, and hung up on then."""
        self._in_its_thread(self._accept_last)
        self._app.ending = True  # only now: who is hung up on will try to connect anew
        self._busy_at = time.monotonic()

    def quiet(self) -> bool:
        """Whether for a while nobody has been sending a request, waiting for its answer, or reading one."""
        now = time.monotonic()
        channels = list(self._server.active_channels.values())
        if any(each.request or each.requests or each.total_outbufs_len for each in channels):
            self._busy_at = now
        return now - self._busy_at > QUIET_SECONDS

    def close(self) -> None:
        """End all connections and threads. The inbox must have been closed before: they may wait for it."""
        self._server.task_dispatcher.shutdown()
        self._in_its_thread(self._hang_up)
        self._thread.join()

    def _accept_last(self) -> None:
        """Those whom the system has accepted already are not sent away."""
        known = -1
        while known != len(self._server.active_channels):
            known = len(self._server.active_channels)
            self._server.handle_accept()
        wasyncore.dispatcher.close(self._server)

    def _hang_up(self) -> None:
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        self._server.close()

    def _in_its_thread(self, act: Callable[[], None]) -> None:
        """Only the server's own thread may touch its connections."""
        done = threading.Event()

        def do() -> None:
            try:
                act()
            finally:
                done.set()

        self._server.trigger.pull_trigger(do)
        done.wait()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ListenError(f"cannot listen on port {port} of {host}: {error.strerror}") from error
