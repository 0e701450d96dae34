"""Free ports."""

import socket
import subprocess
import sys
from pathlib import Path

from rehearsal import ports
from rehearsal.ports import LOOPBACK, free, listens


def test_free() -> None:
    """So many different ports, none of which anybody listens on, or could get for an outgoing connection."""
    ports = free(20)

    assert 20 == len(set(ports))
    assert not any(listens(port) for port in ports)
    assert max(ports) < int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def test_taken_until_its_process_ends() -> None:
    """A port that another process was given is not free, though nobody listens on it yet; then it is."""
    program = "from rehearsal.ports import free; print(free(1)[0], flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        meanwhile = ports._take(port)
        other.communicate("\n")

    assert (False, True) == (meanwhile, ports._take(port))


def test_listens() -> None:
    """A port listens from the moment a server is bound to it."""
    with socket.create_server((LOOPBACK, 0)) as server:
        assert listens(server.getsockname()[1])
