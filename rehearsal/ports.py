"""Free ports on loopback, so that two Worlds can stand side by side."""

import random
import socket
from contextlib import ExitStack
from pathlib import Path

LOOPBACK = "127.0.0.1"
_LOWEST, _HIGHEST = 10_000, 30_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free(count: int) -> list[int]:
    """
    So many different ports that nothing listens on.

    They are taken from below the range that the system gives to outgoing connections: a port found free there cannot
    be lost to a client's socket before the server that it is meant for has bound it.
    """
    candidates = random.sample(range(_LOWEST, max(_first_ephemeral(), _HIGHEST)), k=100 * count)
    found: list[int] = []
    with ExitStack() as held:
        for port in candidates:
            probe = held.enter_context(socket.socket())
            if len(found) == count:
                break
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            found.append(port)
    return found


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _first_ephemeral() -> int:
    return int(_EPHEMERAL.read_text(encoding="ascii").split()[0])
