"""Promises of the Prefect server of a run: it is there when none is configured, and only then."""

import os
from pathlib import Path

import pytest

from flows.server import API, server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Prefect keeps its profiles; the user's own are left alone."""
    monkeypatch.delenv(API, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    return tmp_path


def children() -> list[str]:
    """Processes that this one has started and not yet seen end."""
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [pid for task in found for pid in task.read_text(encoding="ascii").split()]


def test_one_that_the_environment_names_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started beside it, and its name stands afterwards."""
    monkeypatch.setenv(API, "http://127.0.0.1:4200/api")
    before = children()

    with server():
        within = children()

    assert (before, "http://127.0.0.1:4200/api") == (within, os.environ[API])


@pytest.mark.e2e
def test_one_that_the_profile_names_is_used(home: Path) -> None:
    """Ours has looked, and left the run to Prefect's own settings."""
    home.joinpath("profiles.toml").write_text(
        'active = "ours"\n[profiles.ours]\nPREFECT_API_URL = "http://127.0.0.1:4200/api"\n', encoding="utf-8"
    )

    with server():
        assert API not in os.environ


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
