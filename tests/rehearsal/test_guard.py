"""The guard: whatever it was started for leaves nothing."""

import signal
import subprocess
import sys
from pathlib import Path

from rehearsal.process import Process


def guarded(folder: Path, script: str) -> "subprocess.Popen[str]":
    """A guard over a shell script, with a folder to clear up."""
    command = [sys.executable, "-m", "rehearsal.guard", str(folder), "/bin/sh", "-c", script]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_leaves_nothing(tmp_path: Path) -> None:
    """What the command leaves is ended, with its children, and the folder goes; the exit code is the command's."""
    folder = tmp_path / "world"
    folder.mkdir()
    orphans = "sh -c 'sleep 600 & echo $!; exec sleep 600' & echo $!; sleep 0.05; exit 5"

    with guarded(folder, orphans) as guard:
        assert guard.stdout
        left = [Process.of(int(guard.stdout.readline())) for _ in range(2)]
        code = guard.wait(10)

    assert 5 == code
    assert [False, False] == [process.alive() for process in left]
    assert not folder.exists()


def test_hands_on_a_signal(tmp_path: Path) -> None:
    """Asked to end, it asks its command, which may take its time."""
    with guarded(tmp_path / "world", "trap 'sleep 0.05; exit 6' TERM; echo up; while :; do sleep 0.01; done") as guard:
        assert guard.stdout
        guard.stdout.readline()
        guard.send_signal(signal.SIGTERM)

        assert 6 == guard.wait(10)
