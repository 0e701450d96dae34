"""
A pod that prints 10,000 lines beside its answers, against one that keeps to its answers: how much slower the run is.

The same request by `mig run`, in turns, with one server and one World. The lines are written to the standard output of
the pod's own process, as a library in it would.
"""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bench.parts import RUN_SECONDS, Parts, parts, wait
from bench.promise import Promise

TURNS = 2
LINES, A_SECOND = 10_000, 500
TEXT = b"a library in the pod has something to say: " + b"." * 76 + b"\n"
SETTINGS = ("workloads.0.train_images=60000", "workloads.0.epochs=8")
"""Of the tiny request, so that the training takes longer than the lines."""


def measure() -> Iterator[Promise]:
    """Quiet and chatty in turns, from the word to the end."""
    with parts() as on:
        pairs = [(_run(on, lines=0), _run(on, lines=LINES)) for _ in range(TURNS)]
        quiet = " and ".join(f"{each:.1f} s" for each, _ in pairs)
        chatty = " and ".join(f"{each:.1f} s" for _, each in pairs)
        slower = 100 * (statistics.mean(chatty / quiet for quiet, chatty in pairs) - 1)
        what = f"a run without: {quiet}; with {LINES:,} lines of its pod: {chatty}; slower by"
        yield Promise(what=what, measured=slower, most=10, unit="%")


def _run(on: Parts, *, lines: int) -> float:
    words = [word for setting in SETTINGS for word in ("--set", setting)]
    began = time.monotonic()
    talking = threading.Thread(target=_talk, args=(Path(on.address).parent, lines))
    talking.start()
    on.shell("mig", "run", "deployments/specs/tiny.yaml", *words)
    seconds = time.monotonic() - began
    talking.join()
    return seconds


def _talk(folder: Path, lines: int) -> None:
    """So many lines a second into the output of the pod beneath the World's folder, as soon as there is one."""
    pid = wait(lambda: _pod(folder), RUN_SECONDS, "a pod computes")
    with Path(f"/proc/{pid}/fd/1").open("wb", buffering=0) as output:
        for _ in range(lines // A_SECOND):
            output.write(TEXT * A_SECOND)
            time.sleep(1)


def _pod(folder: Path) -> int:
    """The process that trains; 0: none does."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            here = (path / "cwd").readlink().is_relative_to(folder)
            if here and b"training.run" in (path / "cmdline").read_bytes():
                return int(path.name)
    return 0
