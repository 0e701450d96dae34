"""Promises of a command of Prefect's that is begun before it is known: it hears what to be, and ends with its owner."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.command import command, told


def said(path: Path, *words: str) -> tuple[int, str]:
    """Exit code and words of a command that is told so; of one that is told nothing where there are none."""
    with path.open("w+b") as file:
        with command(said=file, settings={}) as process:
            if words:
                told(process, *words)
                process.wait()
        file.seek(0)
        return process.returncode, file.read().decode()


@pytest.mark.e2e
def test_it_is_the_command_that_it_is_told_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the environment of that moment: the address of a server that was not there when it was begun."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    path = tmp_path / "said"
    with path.open("w+b") as file, command(said=file, settings={}) as process:
        monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4299/api")
        told(process, "config", "view", "--hide-sources")
        process.wait()

    assert "PREFECT_API_URL='http://127.0.0.1:4299/api'" in path.read_text(encoding="utf-8")


@pytest.mark.e2e
def test_its_exit_code_is_the_commands(tmp_path: Path) -> None:
    """And what that said is kept."""
    code, words = said(tmp_path / "said", "no-such-command")

    assert code != 0
    assert "no-such-command" in words


@pytest.mark.e2e
def test_one_that_is_told_nothing_ends_with_its_owner(tmp_path: Path) -> None:
    """In order and without a word, also when the owner breaks before it knows what to ask for."""
    assert (0, "") == said(tmp_path / "said")


def test_what_is_told_to_one_that_has_ended_is_no_error() -> None:
    """Whoever waits for it finds out by its exit code."""
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], stdin=subprocess.PIPE) as process:
        process.wait()
        told(process, "version")

    assert 3 == process.returncode
