"""A server on loopback whose answers a test decides."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rehearsal.ports import LOOPBACK


class Scripted:
    """Answers with one status after the other, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        self._server = ThreadingHTTPServer((LOOPBACK, 0), partial(_Handler, list(statuses)))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.port = self._server.server_port

    def stop(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, statuses: list[int], *connection: Any) -> None:
        self._statuses = statuses
        super().__init__(*connection)

    def do_GET(self) -> None:
        self.send_response(self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0])
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """Say nothing."""


@pytest.fixture
def answering() -> Iterator[Callable[..., Scripted]]:
    """Starts servers that end with their test."""
    with ExitStack() as ends:

        def start(*statuses: int) -> Scripted:
            server = Scripted(*statuses)
            ends.callback(server.stop)
            return server

        yield start
