"""Binaries as children: their failure is one sentence, and they do not outlive who started them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.bound import bound
from rehearsal.child import Child
from rehearsal.errors import StageError
from rehearsal.process import Process


def child(folder: Path, script: str) -> Child:
    """A child that is this shell script."""
    return Child("thing", ["/bin/sh", "-c", script], log=folder / "thing.log", environment={"PATH": "/usr/bin:/bin"})


def ended(thing: Child) -> bool:
    """Whether it has."""
    return thing.ended() is not None


def test_ready(tmp_path: Path) -> None:
    """It is waited for until it is ready, no longer."""
    thing = child(tmp_path, f"touch {tmp_path}/up; exec sleep 600")

    thing.wait_until((tmp_path / "up").exists, seconds=5)

    assert thing.ended() is None
    thing.stop()
    assert ended(thing)


def test_ends_before_it_is_ready(tmp_path: Path) -> None:
    """Its last words are the reason, without the trace that Go puts after them."""
    thing = child(tmp_path, "echo starting; echo 'address in use' >&2; echo; echo 'goroutine 1 [running]:'; exit 7")

    with pytest.raises(StageError) as error:
        thing.wait_until(lambda: False, seconds=5)

    assert "thing ended with code 7; its last words: starting | address in use" == str(error.value)


def test_is_not_ready_in_time(tmp_path: Path) -> None:
    """One that takes too long is given up."""
    thing = child(tmp_path, "exec sleep 600")

    with pytest.raises(StageError, match="thing is not ready in 0 s"):
        thing.wait_until(lambda: False, seconds=0.01)
    thing.stop()


def test_stubborn(tmp_path: Path) -> None:
    """One that does not end on being asked is killed."""
    thing = child(tmp_path, f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.01; done")
    thing.wait_until((tmp_path / "up").exists, seconds=5)

    thing.stop(grace=0.05)

    assert ended(thing)


def test_log_is_private(tmp_path: Path) -> None:
    """What a binary says is for its owner alone."""
    child(tmp_path, "exec true").stop()

    assert 0o600 == (tmp_path / "thing.log").stat().st_mode & 0o777


def test_dies_with_its_parent() -> None:
    """A child ends when its parent is killed, which can tell it nothing."""
    script = (
        "import subprocess, sys, time; from rehearsal.bound import bound; "
        "print(subprocess.Popen(bound(['/bin/sleep', '600'])).pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        process = Process.of(int(parent.stdout.readline()))
        parent.kill()

    assert process.wait(5)


def test_born_an_orphan() -> None:
    """A child whose parent died before it could bind itself does not start at all."""
    parent = str(os.getpid())
    command = ["1" if word == parent else word for word in bound(["/bin/echo", "I live"])]

    done = subprocess.run(command, capture_output=True, check=False)

    assert (1, b"") == (done.returncode, done.stdout)
