"""Free ports on loopback, so that two Worlds can stand side by side."""

import random
import socket
from itertools import islice
from pathlib import Path

LOOPBACK = "127.0.0.1"
_LOWEST, _HIGHEST = 10_000, 30_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free(count: int) -> list[int]:
    """
    So many different ports that nothing listens on.

    They are taken from below the range that the system gives to outgoing connections: a port found free there cannot
    be lost to a client's socket before the server that it is meant for has bound it. Nor to another World that opens
    at the same time: a name says whose it is, until this process ends.
    """
    candidates = random.sample(range(_LOWEST, max(_first_ephemeral(), _HIGHEST)), k=100 * count)
    return list(islice(filter(_take, candidates), count))


def _take(port: int) -> bool:
    """Whether it is ours now: no socket has it, and its name was free."""
    name = socket.socket(socket.AF_UNIX)
    try:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, port))
        name.bind(f"\0mig-pipeline-port-{port}")
    except OSError:
        name.close()
        return False
    name.detach()  # left open: the system closes it with this process
    return True


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _first_ephemeral() -> int:
    return int(_EPHEMERAL.read_text(encoding="ascii").split()[0])
