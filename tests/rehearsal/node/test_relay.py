"""TCP connections handed on, over real loopback sockets."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from rehearsal.node.relay import Backend, Relay
from rehearsal.ports import LOOPBACK, listens

SECONDS = 10.0
"""What nothing here takes, on any machine."""


@contextmanager
def backend(name: bytes) -> Iterator[Backend]:
    """Answers whatever it is sent, once that has ended, with its own name before it."""
    door = socket.create_server((LOOPBACK, 0))

    def serve() -> None:
        while True:
            try:
                client, _ = door.accept()
            except OSError:
                return
            with client:
                client.sendall(name + everything(client))

    thread = threading.Thread(target=serve)
    thread.start()
    yield door.getsockname()
    door.shutdown(socket.SHUT_RDWR)
    thread.join()
    door.close()


@contextmanager
def relay(backends: Sequence[Backend]) -> Iterator[Relay]:
    """One that ends with its test."""
    made = Relay(lambda: backends)
    yield made
    made.close()


def ask(port: int, text: bytes) -> bytes:
    """What a client hears."""
    with socket.create_connection((LOOPBACK, port), timeout=SECONDS) as client:
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        return everything(client)


def everything(end: socket.socket) -> bytes:
    """All that comes from the other side."""
    return b"".join(iter(lambda: end.recv(1000), b""))


def ended(client: socket.socket) -> bool:
    """Whether nothing more comes."""
    try:
        return client.recv(1000) == b""
    except ConnectionResetError:
        return True


def nobody() -> Backend:
    """An address where nobody listens."""
    with socket.create_server((LOOPBACK, 0)) as door:
        found: Backend = door.getsockname()
    return found


def test_everything_reaches_the_other_side() -> None:
    """Both ways, byte by byte, with the end of each."""
    text = bytes(range(256)) * 4000

    with backend(b"a") as a, relay([a]) as there:
        assert b"a" + text == ask(there.port, text)


def test_each_in_its_turn() -> None:
    """One connection after the other goes to the next one."""
    with backend(b"a") as a, backend(b"b") as b, relay([a, b]) as there:
        heard = [ask(there.port, b"") for _ in range(4)]

    assert heard in ([b"a", b"b"] * 2, [b"b", b"a"] * 2)


def test_who_does_not_listen_is_passed_over() -> None:
    """A connection goes to somebody who takes it, if there is one."""
    with backend(b"a") as a, relay([nobody(), a]) as there:
        assert {b"a"} == {ask(there.port, b"") for _ in range(3)}


@pytest.mark.parametrize("backends", [[], [nobody()]], ids=["there is none", "none listens"])
def test_nobody_takes_it(backends: list[Backend]) -> None:
    """The connection is broken off, as one to a port that nobody has."""
    with relay(backends) as there, pytest.raises(OSError, match="reset|closed|not connected|[Bb]roken"):
        ask(there.port, b"")


def test_end() -> None:
    """A relay that is closed listens no more, and breaks off what is under way."""
    with ExitStack() as around:
        a = around.enter_context(backend(b"a"))
        there = Relay(lambda: [a])
        client = around.enter_context(socket.create_connection((LOOPBACK, there.port), timeout=SECONDS))
        client.sendall(b"half a")
        there.close()

        assert not listens(there.port)
        assert ended(client)
