"""
A Prefect server of our own, where none is configured: for one run in a shell, or for `mig serve`.

Prefect would start one by itself. This one is a session of its own, so that Ctrl-C reaches the run and leaves it the
server that its teardown reports to; it ends when its owner does, however that happens.
"""

import fcntl
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from flows.owned import owned, with_owner
from mig.errors import Failed

START_SECONDS = 120
"""It answers after about 15 s on two free cores, mostly imports; on busy ones after a minute."""

API = "PREFECT_API_URL"

_TAKEN = 3
"""How our server ends when its port is taken."""

_SERVED = 4
"""How our server ends when another one has its home."""

_QUIET: Mapping[str, str] = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """How a server of our own is started, where none is configured."""

    port: int = 0
    """On loopback. 0: one that is free."""
    home: str = ""
    """The folder that nobody else may serve from meanwhile. Empty: Prefect's usual one, shared."""
    settings: Mapping[str, str] = field(default_factory=lambda: {**_QUIET, "PREFECT_UI_ENABLED": "false"})
    """Prefect's settings of this server. Without them: one that nobody looks at."""


def at_home(home: Path, port: int) -> Own:
    """A server to click on, which keeps everything in a folder of its own; whose profile it reads is still ours."""
    home.mkdir(parents=True, exist_ok=True)
    usual = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser() / "profiles.toml"
    profiles = os.environ.get("PREFECT_PROFILES_PATH", str(usual))
    settings = {
        **_QUIET,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # In memory, the default, a killed server would never free the slot of a concurrency limit.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        **({"PREFECT_PROFILES_PATH": profiles} if Path(profiles).exists() else {}),
    }
    return Own(port=port, home=str(home), settings=settings)


@contextmanager
def server(own: Own | None = None) -> Iterator[str]:
    """
    A server to report to: the one that is configured (yields ""), else one of our own, by its address.

    Raises Failed where the one that the environment names does not answer, before Prefect asks it for half a minute.
    """
    if configured := os.environ.get(API):
        if not _there(configured):
            raise Failed("connect", f"Prefect does not answer at {configured}: start it, or unset {API}")
        yield ""
        return
    own = own or Own()
    with ExitStack() as ends:
        process, api = _started(own, ends)
        ours = _answers(process, api, own)
        if ours:
            os.environ[API] = api  # read when Prefect is imported, which is not before
            ends.callback(os.environ.pop, API, None)
        yield api if ours else ""


def _started(own: Own, ends: ExitStack) -> tuple["subprocess.Popen[bytes]", str]:
    """A server that has begun to start, and where it will answer; empty: nowhere, somebody else has its port."""
    with _bound(own.port) as (listening, port):
        settings = {**own.settings, "PREFECT_SERVER_API_PORT": str(port)}  # where its pages look for it
        handles = [listening.fileno()] if listening else []
        words = ["flows.server", own.home, *map(str, handles)]
        api = f"http://127.0.0.1:{port}/api" if listening else ""  # whoever answers there now is not ours
        # Appended to: what is in it may be another's, who still writes it.
        said = ends.enter_context((Path(own.home) / "server.log").open("ab")) if own.home else None
        process = ends.enter_context(owned(*words, settings=settings, handles=handles, said=said))
    return process, api


@contextmanager
def _bound(port: int) -> Iterator[tuple[socket.socket | None, int]]:
    """A socket that listens, and where; none when somebody else does: that may be the server that is configured."""
    try:
        listening = socket.create_server(("127.0.0.1", port))
    except OSError:
        yield None, port
        return
    with listening:
        yield listening, listening.getsockname()[1]


def _answers(process: "subprocess.Popen[bytes]", api: str, own: Own) -> bool:
    """Whether our server is up; False when it found another one configured, and left. Raises Failed otherwise."""
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        if api and _healthy(api):
            return True
        time.sleep(0.2)
    if process.returncode == 0:
        return False
    process.kill()
    raise Failed("connect", _why(process.returncode, own))


def _healthy(api: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{api}/health", timeout=5):  # noqa: S310 (ours)
        return True
    return False


def _there(api: str) -> bool:
    """Whether anybody answers: what it answers is for Prefect to judge."""
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=10):  # noqa: S310 (the person's own setting)
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False


def _why(code: int | None, own: Own) -> str:
    if code == _TAKEN:
        return f"port {own.port} is taken: end what listens there, or name another one with --port"
    if code == _SERVED:
        return f"another `mig serve` works in {own.home}: use that one, or end it first"
    why = f"; {own.home}/server.log says why" if own.home else ""
    return f"Prefect's server did not answer within {START_SECONDS} s{why}"


def _serve(home: str, handle: int | None) -> None:
    from prefect.settings import get_current_settings

    if get_current_settings().api.url is not None:
        return  # the person's profile names another; seen before the server itself is imported, which takes seconds
    if handle is None:
        sys.exit(_TAKEN)
    with _alone(home), socket.socket(fileno=handle) as listening:
        import uvicorn
        from prefect.server.api.server import create_app

        from flows.database import writers_in_turn

        writers_in_turn()
        serving = uvicorn.Server(uvicorn.Config(create_app(), log_level="error"))
        with_owner(lambda: setattr(serving, "should_exit", True))
        serving.run(sockets=[listening])


@contextmanager
def _alone(home: str) -> Iterator[None]:
    """Nobody else serves from this folder meanwhile: two would take each other's runs for those of a dead one."""
    if not home:
        yield
        return
    with (Path(home) / "served").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(_SERVED)
        os.ftruncate(sys.stdout.fileno(), 0)  # server.log, ours only now: it tells of one start
        yield


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else None)
