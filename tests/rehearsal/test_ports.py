"""Free ports."""

import socket
from pathlib import Path

from rehearsal.ports import LOOPBACK, free, listens


def test_free() -> None:
    """So many different ports, none of which anybody listens on, or could get for an outgoing connection."""
    ports = free(20)

    assert 20 == len(set(ports))
    assert not any(listens(port) for port in ports)
    assert max(ports) < int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def test_listens() -> None:
    """A port listens from the moment a server is bound to it."""
    with socket.create_server((LOOPBACK, 0)) as server:
        assert listens(server.getsockname()[1])
