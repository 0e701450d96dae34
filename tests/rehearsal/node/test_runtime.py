"""The container runtime: real processes of moments."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest

from rehearsal.node.runtime import Ended, Process, Runtime, Started
from rehearsal.process import Process as Known

SECONDS = 10
"""What nothing here takes, on any machine."""

Events = SimpleQueue[Started | Ended]


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """A runtime that ends with its test."""
    made = Runtime()
    yield made
    made.close()


def order(folder: Path, *argv: str) -> Process:
    """Run this in a folder, and log there."""
    return Process(
        container_id="c", argv=argv, folder=folder, environment={"PATH": "/usr/bin:/bin", "A": "b"}, log=folder / "log"
    )


def said(folder: Path) -> list[str]:
    """The text of each line of the log."""
    return [line.split(" ", 3)[3] for line in (folder / "log").read_text().splitlines()]


def test_process(runtime: Runtime, tmp_path: Path) -> None:
    """A process has its folder, its environment and nothing else; its exit code is told."""
    events = Events()
    runtime.start(order(tmp_path, "sh", "-c", "pwd; echo $A-$HOME >&2; exit 42"), events.put)
    started, ended = events.get(timeout=SECONDS), events.get(timeout=SECONDS)

    assert isinstance(started, Started)
    assert isinstance(ended, Ended)
    assert ended.code == 42
    assert said(tmp_path) == [str(tmp_path), "b-"]


def test_cannot_start(runtime: Runtime, tmp_path: Path) -> None:
    """A command that is not there is an end that says so, with a runtime's own exit code."""
    events = Events()
    runtime.start(order(tmp_path, "no-such-command"), events.put)
    ended = events.get(timeout=SECONDS)

    assert isinstance(ended, Ended)
    assert ended.code == 128
    assert "no-such-command" in ended.error


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGTERM, 143, id="asked"), pytest.param(signal.SIGKILL, 137, id="killed")]
)
def test_signal(runtime: Runtime, tmp_path: Path, number: int, code: int) -> None:
    """A process ended by a signal has the exit code that a shell would give it."""
    events = Events()
    runtime.start(order(tmp_path, "sleep", "60"), events.put)
    events.get(timeout=SECONDS)
    runtime.signal("c", number)
    ended = events.get(timeout=SECONDS)

    assert isinstance(ended, Ended)
    assert ended.code == code


def test_nothing_is_left_of_a_container(runtime: Runtime, tmp_path: Path) -> None:
    """What a process has started ends with it."""
    events = Events()
    runtime.start(order(tmp_path, "sh", "-c", "sleep 60 & echo $!"), events.put)
    events.get(timeout=SECONDS)
    events.get(timeout=SECONDS)

    assert _ends(lambda: _alive(int(said(tmp_path)[0])))


@pytest.mark.parametrize(
    "end", [pytest.param("true", id="it ends by itself"), pytest.param("kill -KILL $$", id="it is killed")]
)
def test_nothing_is_left_that_has_a_session_of_its_own(runtime: Runtime, tmp_path: Path, end: str) -> None:
    """As in a PID namespace, sessions, and children whose parent has gone before, end with the first process."""
    deep = "setsid sh -c 'setsid sleep 60 & echo $!; wait' & sleep 0.2; (setsid sleep 60 & echo $!); " + end
    events = Events()
    runtime.start(order(tmp_path, "sh", "-c", deep), events.put)
    events.get(timeout=SECONDS)
    events.get(timeout=SECONDS)

    assert 2 == len(said(tmp_path))
    assert [] == [pid for pid in map(int, said(tmp_path)) if _alive(pid)]


def test_nothing_is_left_of_what_tells_no_mark(runtime: Runtime, tmp_path: Path) -> None:
    """A process that is ending has no variables any more: its session names it, and what it leaves has them."""
    marked = "env REHEARSAL_CONTAINER=$0 setsid sh -c 'echo $$; exec sleep 60' & wait"
    first = f'env -i sh -c "{marked.replace("$", chr(92) + "$")}" $REHEARSAL_CONTAINER & sleep 0.3'
    events = Events()
    runtime.start(order(tmp_path, "sh", "-c", first), events.put)
    events.get(timeout=SECONDS)
    events.get(timeout=SECONDS)

    assert [] == [pid for pid in map(int, said(tmp_path)) if _alive(pid)]
    assert 1 == len(said(tmp_path))


def test_what_another_container_has_started_lives_on(runtime: Runtime, tmp_path: Path) -> None:
    """The end of one is nobody else's, also of what has lost its parent."""
    events, others = Events(), Events()
    (tmp_path / "other").mkdir()
    other = replace(
        order(tmp_path / "other", "sh", "-c", "(setsid sleep 60 & echo $!); sleep 60"), container_id="other"
    )
    runtime.start(other, others.put)
    assert _ends(lambda: not (tmp_path / "other/log").exists() or not said(tmp_path / "other"))
    runtime.start(order(tmp_path, "true"), events.put)
    events.get(timeout=SECONDS)
    events.get(timeout=SECONDS)

    assert _alive(int(said(tmp_path / "other")[0]))


def test_what_has_lost_its_parent_may_end_before_its_container(runtime: Runtime, tmp_path: Path) -> None:
    """It is nobody's to wait for but the runtime's, which goes on."""
    events = Events()
    runtime.start(order(tmp_path, "sh", "-c", "(setsid true &) ; (setsid sleep 0.1 &) ; sleep 0.3; exit 5"), events.put)
    events.get(timeout=SECONDS)
    ended = events.get(timeout=SECONDS)

    assert isinstance(ended, Ended)
    assert 5 == ended.code


def test_log_lines_carry_their_moment(runtime: Runtime, tmp_path: Path) -> None:
    """Each line has its time; a last line without an end is marked as part of one."""
    events = Events()
    runtime.start(order(tmp_path, "printf", "one\ntwo"), events.put)
    events.get(timeout=SECONDS)
    events.get(timeout=SECONDS)
    stamps, streams, tags = zip(
        *(line.split()[:3] for line in (tmp_path / "log").read_text().splitlines()), strict=True
    )

    assert all(stamp.endswith("Z") and len(stamp) == 30 for stamp in stamps)
    assert (streams, tags) == (("stdout", "stdout"), ("F", "P"))


def test_writes(runtime: Runtime, tmp_path: Path) -> None:
    """A log is being written for as long as its container runs."""
    events = Events()
    runtime.start(order(tmp_path, "sleep", "60"), events.put)
    events.get(timeout=SECONDS)
    during = runtime.writes(tmp_path / "log")
    runtime.signal("c", signal.SIGKILL)
    events.get(timeout=SECONDS)

    assert (during, runtime.writes(tmp_path / "log")) == (True, False)


def test_close(tmp_path: Path) -> None:
    """Closing ends everything, and tells of each end."""
    runtime, events = Runtime(), Events()
    runtime.start(order(tmp_path, "sleep", "60"), events.put)
    started = events.get(timeout=SECONDS)
    runtime.close()

    assert isinstance(started, Started)
    assert not _alive(started.pid)
    assert isinstance(events.get(timeout=SECONDS), Ended)


def test_owner_is_killed(tmp_path: Path) -> None:
    """Processes do not outlive a keeper that was killed."""
    script = (
        "import pathlib, sys, time; from rehearsal.node.runtime import Process, Runtime\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "order = Process(container_id='c', argv=('sleep', '60'), folder=folder, environment={'PATH': '/usr/bin:/bin'},"
        " log=folder / 'log')\n"
        "Runtime().start(order, lambda event: print(event.pid, flush=True)); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    ) as keeper:
        assert keeper.stdout is not None
        pid = int(keeper.stdout.readline())
        keeper.kill()

    assert _ends(lambda: _alive(pid))


def _alive(pid: int) -> bool:
    try:
        return Known.of(pid).alive()
    except ProcessLookupError:
        return False


def _ends(lasts: Callable[[], bool]) -> bool:
    """Whether it stops being so, within a time that is long for it."""
    deadline = time.monotonic() + SECONDS
    while lasts():
        if time.monotonic() > deadline:
            return False
        os.sched_yield()
    return True
