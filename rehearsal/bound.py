"""
The last thing a child does before it becomes the program it was started for: bind its life to its parent's.

Run as a file: `python -I -S bound.py PARENT SIGNAL PROGRAM ARGUMENT...`. Linux sends the signal when the parent's
starting thread ends, however it ends, so children are started from threads that live as long as the stage does.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def bound(argv: Sequence[str], *, by: signal.Signals = signal.SIGKILL) -> list[str]:
    """The command that runs `argv` and gets the signal when the calling process dies."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(by)), *argv]


def adopt_orphans() -> None:
    """From now on, processes whose parents die below this one become its children, instead of init's."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _main(parent: str, by: str, *argv: str) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(by), 0, 0, 0)
    if os.getppid() != int(parent):  # it died between the fork and the line above: no signal will come
        sys.exit(1)
    os.execv(argv[0], argv)  # noqa: S606 - a list, as it came


if __name__ == "__main__":
    _main(*sys.argv[1:])
