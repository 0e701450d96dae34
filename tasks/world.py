"""The one seam to the stage: a World is opened, told of a run and closed as a program. Nothing of it is imported."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mig.errors import Failed

GIVEN = "MIG_WORLD"
"""Names the private file of a World that is open already; unset: a rehearsal opens one for itself."""


def given() -> str:
    """The World that whoever started this process names; empty: none."""
    return os.environ.get(GIVEN, "")


@contextmanager
def opened(time_scale: float, tell: Callable[[str], None], *, keep: bool = False) -> Iterator[str]:
    """
    A World of our own, by its private file; it is closed at the end, and when this process dies, unless it is kept.

    Raises Failed, with the World's own sentence, when it does not open.
    """
    address = _open(time_scale, tell, keep=keep)
    try:
        yield address
    finally:
        if keep:
            tell(f"the World stays open; close it with: mig world close {address}")
        else:
            ask("close", address)


def ask(verb: str, *words: str, told: str = "") -> str:
    """One short conversation with the stage; returns its answer. Raises Failed with its last line."""
    done = subprocess.run(_command(verb, *words), input=told, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed("connect", f"the World could not {verb}: {_last_line(done.stderr)}")
    return done.stdout


def _open(time_scale: float, tell: Callable[[str], None], *, keep: bool) -> str:
    owner = [] if keep else ["--owner", str(os.getpid())]
    command = _command("open", "--time-scale", str(time_scale), *owner)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as opening:
        said = ""
        for line in opening.stderr or ():
            said = line.strip()
            tell(said)
        address = opening.stdout.read().strip() if opening.stdout else ""
    if opening.returncode != 0:
        raise Failed("connect", said or "the World did not open")
    return address


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "rehearsal.world", *words]


def _last_line(said: str) -> str:
    return (said.strip().splitlines() or ["it did not say why"])[-1]
