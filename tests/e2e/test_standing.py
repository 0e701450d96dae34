"""From an account that has nothing: a run raises cluster and platform, works on them, and everything goes again."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_story import MIG, request, run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A World whose account has no cluster yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("MIG_WORLD", raising=False)
    address = mig("world", "open", "--bare").strip()
    monkeypatch.setenv("MIG_WORLD", address)
    yield address
    mig("world", "close", address)


def mig(*words: str) -> str:
    """What a command answers when it ends well."""
    done = subprocess.run([MIG, *words], capture_output=True, text=True, check=False, env=os.environ)
    assert 0 == done.returncode, done.stderr
    return done.stdout


@pytest.mark.usefixtures("bare")
def test_a_run_raises_what_it_stands_on_and_lowering_leaves_nothing(tmp_path: Path) -> None:
    """It says what it raises; what the stacks give is shown; lowering asks AWS, and ends well when nothing is left."""
    code, report, said = run(tmp_path, request())

    assert (0, "succeeded") == (code, report["status"]), said
    assert "platform: 34 to create" in said
    assert ["plan", "connect", "platform", "capacity"] == [phase["name"] for phase in report["phases"]][:4]
    file = str(tmp_path / "spec.yaml")
    assert "release: current" in mig("platform", "show", file)
    mig("platform", "down", file)
    assert "cluster-mig" not in mig("platform", "show", file)
