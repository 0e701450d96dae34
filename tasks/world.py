"""The one seam to the stage: a World is opened, told of a run and closed as a program. Nothing of it is imported."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

from mig.errors import Failed
from mig.release import RELEASES

GIVEN = "MIG_WORLD"
"""Names the private file of a World that is open already; unset: a rehearsal opens one for itself."""


def given() -> str:
    """The World that whoever started this process names; empty: none."""
    return os.environ.get(GIVEN, "")


@contextmanager
def opened(time_scale: float, tell: Callable[[str], None], *, keep: bool = False, standing: str = "") -> Iterator[str]:
    """
    A World of our own, by its private file; it is closed at the end, and when this process dies, unless it is kept.

    Its account has nothing, and the first run raises what it stands on, unless `standing` says what stands already.
    Raises Failed, with the World's own sentence, when it does not open.
    """
    address = _open(time_scale, tell, keep=keep, standing=standing)
    try:
        yield address
    finally:
        if keep:
            tell(f"the World stays open; close it with: mig world close {address}")
        else:
            ask("close", address)


def whole(release: str = "current") -> str:
    """What the platform of this pair is made of, so that a World has it from the start, without an engine."""
    from infra import platform

    of = platform.contents(platform.PlatformArgs(cluster="", release=RELEASES[release], kubeconfig=""))
    return json.dumps({"objects": of.objects, "charts": [asdict(chart) for chart in of.charts]})


def ask(verb: str, *words: str, told: str = "") -> str:
    """One short conversation with the stage; returns its answer. Raises Failed with its last line."""
    done = subprocess.run(_command(verb, *words), input=told, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed("connect", f"the World could not {verb}: {_last_line(done.stderr)}")
    return done.stdout


def _open(time_scale: float, tell: Callable[[str], None], *, keep: bool, standing: str) -> str:
    owner = [] if keep else ["--owner", str(os.getpid())]
    command = _command("open", "--time-scale", str(time_scale), *owner, *(["--standing"] if standing else []))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as opening:
        if opening.stdin:
            with suppress(BrokenPipeError), opening.stdin as told:  # it has ended, and says why
                told.write(standing)
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
