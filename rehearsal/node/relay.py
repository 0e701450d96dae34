"""A port of loopback that hands TCP connections on, each to the next of those who can take it."""

import socket
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from rehearsal.ports import LOOPBACK

Backend = tuple[str, int]
"""Address and port of somebody who takes connections."""

_CONNECT_SECONDS = 2.0
_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for no time. What is closed then is not ended in order but broken off, as nobody's port would."""


class Relay:
    """One port."""

    def __init__(self, backends: Callable[[], Sequence[Backend]]) -> None:
        """Listen from now on; `backends` is asked anew for each connection."""
        self._backends = backends
        self._turn = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = False
        self._door = socket.create_server((LOOPBACK, 0))
        self.port: int = self._door.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name=f"relay {self.port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more, and break off what is under way."""
        with self._lock:
            self._closed = True
            for each in self._open:
                _shut(each, socket.SHUT_RDWR)
        _shut(self._door, socket.SHUT_RDWR)  # wakes who waits there for the next connection
        self._thread.join()
        self._door.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(client,), name=f"relay {self.port}", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            backend = self._connected()
            if backend is None:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                return
            with backend:
                self._exchange(client, backend)

    def _connected(self) -> socket.socket | None:
        """A connection to the one whose turn it is, or to the next that takes one."""
        backends = self._backends()
        self._turn += 1
        for number in range(len(backends)):
            with suppress(OSError):
                backend = socket.create_connection(
                    backends[(self._turn + number) % len(backends)], timeout=_CONNECT_SECONDS
                )
                backend.settimeout(None)
                return backend
        return None

    def _exchange(self, client: socket.socket, backend: socket.socket) -> None:
        with self._lock:
            if self._closed:
                return
            self._open |= {client, backend}
        answers = threading.Thread(target=_copy, args=(backend, client), name=f"relay {self.port}", daemon=True)
        answers.start()
        _copy(client, backend)
        answers.join()
        with self._lock:
            self._open -= {client, backend}


def _copy(source: socket.socket, sink: socket.socket) -> None:
    """All that comes, until it ends; then say so. When one side breaks off, so is the other."""
    try:
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    except OSError:
        _shut(source, socket.SHUT_RDWR)
        _shut(sink, socket.SHUT_RDWR)
    else:
        _shut(sink, socket.SHUT_WR)


def _shut(end: socket.socket, how: int) -> None:
    with suppress(OSError):  # it has ended already
        end.shutdown(how)
