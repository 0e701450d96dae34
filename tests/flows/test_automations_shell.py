"""Promises of `mig automations`: what was done about each, what a server has, and whom it tells."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest

from flows import automations, cli, serve

ROOT = Path(__file__).parents[2]

Shell = Callable[..., int]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    """`mig automations WORDS` on a server that is there, answering with its exit code."""
    there = [
        SimpleNamespace(name="mig-silent", enabled=False, description="A silent run."),
        SimpleNamespace(name="mig-over", enabled=True, description="A run that is over."),
    ]
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    monkeypatch.setattr(serve, "configured", lambda: nullcontext("server"))
    monkeypatch.setattr(automations, "apply", lambda _, declared: {"mig-over": f"{declared.heartbeat_seconds} s"})
    monkeypatch.setattr(automations, "ours", lambda _: there)
    monkeypatch.setattr(automations, "channels_of", lambda _: ((UUID(int=1), "ops"),))

    def call(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["mig", "automations", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return call


def test_apply_says_what_was_done(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each automation; with somebody to tell nothing else is said."""
    assert 0 == shell("apply", str(ROOT / automations.FILE))

    assert ("mig-over  30 s\n", "") == capsys.readouterr()


def test_apply_to_nobody_says_so(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, and beside the answer: it is no failure."""
    monkeypatch.setattr(automations, "channels_of", lambda _: ())

    assert 0 == shell("apply", str(ROOT / automations.FILE))

    (line,) = capsys.readouterr().err.splitlines()
    assert "nobody is notified of anything: the Prefect variable mig_notify names no notification block" == line


def test_show_says_what_is_there(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """Each automation by its name, on or off, and the channels that are told."""
    assert 0 == shell("show")

    assert [
        "mig-over  on  A run that is over.",
        "mig-silent  off  A silent run.",
        "ops",
    ] == capsys.readouterr().out.splitlines()


def test_a_file_that_is_not_there_is_refused(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and a sentence with the file."""
    assert 2 == shell("apply", "/not/there.yaml")
    assert capsys.readouterr().err.startswith("refused: FILE: /not/there.yaml cannot be read")
