"""Promises of the Prefect server of our own: it is there when none is configured, and only then."""

import fcntl
import functools
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from flows.server import API, at_home, server
from mig.errors import Failed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Prefect keeps its profiles; the user's own are left alone."""
    monkeypatch.delenv(API, raising=False)
    monkeypatch.delenv("PREFECT_PROFILES_PATH", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    return tmp_path


class Healthy(BaseHTTPRequestHandler):
    """Somebody's server, which is well."""

    def do_GET(self) -> None:
        """Whatever is asked for is there."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """It keeps no log."""


def children() -> list[str]:
    """Processes that this one has started and not yet seen end."""
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [pid for task in found for pid in task.read_text(encoding="ascii").split()]


def test_one_that_the_environment_names_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started beside it, and its name stands afterwards."""
    with HTTPServer(("127.0.0.1", 0), Healthy) as theirs:
        threading.Thread(target=theirs.serve_forever, daemon=True).start()
        monkeypatch.setenv(API, f"http://127.0.0.1:{theirs.server_port}/api")
        before = children()
        with server() as own:
            within = children()
        theirs.shutdown()

    assert ("", before, f"http://127.0.0.1:{theirs.server_port}/api") == (own, within, os.environ[API])


@pytest.mark.parametrize("api", ["http://127.0.0.1:1/api", "nowhere"])
def test_one_that_does_not_answer_is_one_sentence(monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    """It names the address, and what to do."""
    monkeypatch.setenv(API, api)

    with pytest.raises(Failed, match=f"Prefect does not answer at {api}: start it, or unset {API}"), server():
        pass


@pytest.mark.e2e
def test_one_that_the_profile_names_is_used_also_where_it_has_our_port(home: Path) -> None:
    """Ours has looked, and left the run to Prefect's own settings."""
    home.joinpath("profiles.toml").write_text(
        'active = "ours"\n[profiles.ours]\nPREFECT_API_URL = "http://127.0.0.1:4200/api"\n', encoding="utf-8"
    )

    with socket.create_server(("127.0.0.1", 0)) as taken:
        own = at_home(home / "served", taken.getsockname()[1])
        with server(own) as answered:
            assert ("", False) == (answered, API in os.environ)


@pytest.mark.e2e
def test_a_port_that_is_taken_is_named(home: Path) -> None:
    """Also where another server answers there as ours would; nothing is left."""
    before = children()
    with HTTPServer(("127.0.0.1", 0), Healthy) as taken:
        threading.Thread(target=taken.serve_forever).start()
        port = taken.server_port
        with pytest.raises(Failed, match=f"port {port} is taken: .* --port"), server(at_home(home / "served", port)):
            pass
        taken.shutdown()

    assert before == children()


@pytest.mark.e2e
@pytest.mark.parametrize("why", ["port .* is taken", "another `mig serve` works in"], ids=["its port", "its home"])
def test_one_that_is_refused_leaves_the_others_log(home: Path, why: str) -> None:
    """Who has its port, or its home, still writes there."""
    served, log = home / "served", home / "server.log"
    log.write_text("the first one's\n", encoding="utf-8")
    with served.open("w") as held, socket.create_server(("127.0.0.1", 0)) as taken:
        fcntl.flock(held, fcntl.LOCK_EX)
        port = taken.getsockname()[1] if "port" in why else 0
        with pytest.raises(Failed, match=why), server(at_home(home, port)):
            pass

    assert "the first one's\n" == log.read_text(encoding="utf-8")


def test_what_a_server_of_ours_keeps_is_in_its_own_home(home: Path) -> None:
    """History, pages and leases are there at the next start; whose profile it reads is the person's."""
    home.joinpath("profiles.toml").touch()

    own = at_home(home / "served", 4200)

    assert str(home / "served") == own.settings["PREFECT_HOME"]
    assert str(home / "profiles.toml") == own.settings["PREFECT_PROFILES_PATH"]
    assert own.settings["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"].endswith("filesystem")


@pytest.mark.e2e
@pytest.mark.usefixtures("home")
def test_without_one_a_server_is_there_for_as_long_as_it_lasts() -> None:
    """It answers inside, and has ended afterwards."""
    before = children()

    with server():
        named, within = os.environ[API], children()

    assert named.startswith("http://127.0.0.1:")
    assert (1, before) == (len(within) - len(before), children())
    assert API not in os.environ


@pytest.mark.e2e
@pytest.mark.usefixtures("home")
def test_writers_that_meet_wait_for_each_other() -> None:
    """Nobody is refused: a person's click would do nothing, and a client would sleep for seconds."""
    with server() as api, ThreadPoolExecutor(8) as at_once:
        flow = httpx.post(f"{api}/flows/", json={"name": "written"}).json()["id"]
        asked = functools.partial(httpx.post, f"{api}/flow_runs/", json={"flow_id": flow}, timeout=60)
        answers = at_once.map(lambda _: asked().status_code, range(48))

        assert [HTTPStatus.CREATED] * 48 == list(answers)
