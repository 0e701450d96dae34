"""
A Prefect server for one run in a shell, where none is configured.

Prefect would start one by itself. This one is a session of its own, so that Ctrl-C reaches the run and leaves it the
server that its teardown reports to; it ends when its owner does, however that happens: its standard input ends then.
"""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mig.errors import Failed

START_SECONDS = 120
"""It answers after about 15 s on two free cores, mostly imports; on busy ones after a minute."""

SETTINGS = {"PREFECT_UI_ENABLED": "false", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
API = "PREFECT_API_URL"


@contextmanager
def server() -> Iterator[None]:
    """A server to report to: the one that is configured, else one of our own for as long as this lasts."""
    if os.environ.get(API):
        yield
        return
    own, api = _started()
    with own:
        try:
            if _answers(own, api):
                os.environ[API] = api  # read when Prefect is imported, which is not before
            yield
        finally:
            if own.poll() is None:
                os.environ.pop(API, None)
            own.communicate()  # closes its input, and waits for its end


def _started() -> tuple["subprocess.Popen[bytes]", str]:
    """A server that has begun to start, and the address at which it will answer: its port is taken from now on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        handle = listening.fileno()
        own = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(handle)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **SETTINGS},
            pass_fds=[handle],
        )
        return own, f"http://127.0.0.1:{listening.getsockname()[1]}/api"


def _answers(own: "subprocess.Popen[bytes]", api: str) -> bool:
    """Whether our server is up; False when it found another one configured, and left. Raises Failed otherwise."""
    end = time.monotonic() + START_SECONDS
    while own.poll() is None and time.monotonic() < end:
        with suppress(OSError), urllib.request.urlopen(f"{api}/health", timeout=5):  # noqa: S310 (ours)
            return True
        time.sleep(0.2)
    if own.returncode == 0:
        return False
    own.kill()
    raise Failed("connect", f"Prefect's server did not answer within {START_SECONDS} s")


def _serve(handle: int) -> None:
    from prefect.settings import get_current_settings

    if get_current_settings().api.url is not None:
        return  # the person's profile names another; seen before the server itself is imported, which takes seconds
    import uvicorn
    from prefect.server.api.server import create_app

    serving = uvicorn.Server(uvicorn.Config(create_app(), log_level="error"))
    threading.Thread(target=_end_with_owner, args=(serving,), daemon=True).start()
    with socket.socket(fileno=handle) as listening:
        serving.run(sockets=[listening])


def _end_with_owner(serving: "uvicorn.Server") -> None:  # type: ignore[name-defined]  # noqa: F821 (imported late)
    sys.stdin.read()
    serving.should_exit = True


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
