"""Processes that cannot be mistaken for others."""

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from rehearsal.process import Process


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    """A process of ours that does nothing."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_alive(sleeper: "subprocess.Popen[bytes]") -> None:
    """One that runs is alive, and does not end by being waited for."""
    process = Process.of(sleeper.pid)

    assert process.alive()
    assert not process.wait(0.01)


def test_ended_and_unnoticed(sleeper: "subprocess.Popen[bytes]") -> None:
    """One that has ended is not alive, even before its parent has taken notice."""
    process = Process.of(sleeper.pid)

    process.send(signal.SIGKILL)

    assert process.wait(5)
    assert not process.alive()


def test_another_with_its_id(sleeper: "subprocess.Popen[bytes]") -> None:
    """A later process with the same id is another one: it keeps nobody waiting, and gets no signals."""
    other = Process.of(sleeper.pid)
    process = replace(other, started=other.started - 1)

    process.send(signal.SIGKILL)

    assert not process.alive()
    assert process.wait()
    assert other.alive()


def test_gone(sleeper: "subprocess.Popen[bytes]") -> None:
    """One that is gone is not found, and whoever knew it can still ask."""
    process = Process.of(sleeper.pid)
    sleeper.kill()
    sleeper.wait()

    with pytest.raises(ProcessLookupError):
        Process.of(sleeper.pid)
    assert process.wait()
    assert not process.alive()
