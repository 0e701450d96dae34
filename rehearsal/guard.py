"""
The World's outermost process: it starts the keeper, and when that has ended, however it ended, nothing is left.

Whatever the keeper started, and what that started, falls to this process when its parent dies (it is a subreaper), and
is ended; then the World's folder goes. It does little, so that nothing but a kill of its own can stop it; the keeper
notices that, and ends in order.

    python -m rehearsal.guard FOLDER PROGRAM ARGUMENT...
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rehearsal.bound import adopt_orphans, bound

_GRACE_SECONDS = 3.0
_POLL_SECONDS = 0.05


def guard(folder: Path, command: Sequence[str]) -> int:
    """Run the command to its end, leave nothing of it, and answer its exit code."""
    adopt_orphans()
    keeper = subprocess.Popen(bound(command, by=signal.SIGTERM))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: keeper.send_signal(signal.SIGTERM))
    while (ended := os.wait())[0] != keeper.pid:  # an orphan's end
        pass
    _end_orphans()
    shutil.rmtree(folder, ignore_errors=True)
    return os.waitstatus_to_exitcode(ended[1])


def _end_orphans() -> None:
    """Ask children to end, then kill them, until there are none: the children of those that end become ours in turn."""
    patience = time.monotonic() + _GRACE_SECONDS
    asked: set[int] = set()
    while True:
        for pid in _children():
            if time.monotonic() > patience:
                os.kill(pid, signal.SIGKILL)
            elif pid not in asked:
                os.kill(pid, signal.SIGTERM)
                asked.add(pid)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        time.sleep(_POLL_SECONDS)


def _children() -> list[int]:
    own = str(os.getpid())
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == own:
            found.append(int(stat.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(guard(Path(sys.argv[1]), sys.argv[2:]))
