"""
Keeps one World: starts its real parts as children, its simulated parts as threads, and ends them all, whatever happens.

It ends when it is asked to (SIGTERM), when its owner is dead, when one of its real parts is, and, until the opener has
taken the World's address, when the opener is gone: the end of standard input says so. `rehearsal.guard` stands outside
for the case that it is killed.
"""

import argparse
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rehearsal.address import FAILED, READY
from rehearsal.assembly import Assembly, assemble
from rehearsal.errors import StageError
from rehearsal.process import Process
from rehearsal.servers.binaries import Binaries

_LOOK_EVERY_SECONDS = 0.5


def main() -> int:
    """Keep a World until it shall end; 1 when it could not be opened, or a part of it died."""
    orders = _parser().parse_args()
    os.umask(0o077)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    _end_after(_opener_is_gone)
    if orders.owner is not None:
        _end_after(orders.owner.wait)
    try:
        with ExitStack() as parts:
            parts.callback(shutil.rmtree, orders.folder, ignore_errors=True)
            assembly = Assembly(
                folder=orders.folder,
                binaries=orders.binaries,
                time_scale=orders.time_scale,
                standing=orders.standing,
                say=_say,
            )
            ended = assemble(assembly, parts)
            _say(READY)
            _turn_away(orders.folder / "keeper.log")
            while ended() is None:
                time.sleep(_LOOK_EVERY_SECONDS)
            return 1
    except StageError as error:
        _say(f"{FAILED}{error}")
        return 1
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Keeps one World; started by rehearsal.world")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--binaries", type=lambda root: Binaries(Path(root)), required=True)
    parser.add_argument("--time-scale", type=float, required=True)
    parser.add_argument("--standing", type=Path)
    parser.add_argument("--owner", type=lambda text: Process(*map(int, text.split(":"))), help="PID:STARTED")
    return parser


def _end(*_: object) -> None:
    """The first signal begins the end; those after it find it under way."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_after(happened: Callable[[], bool]) -> None:
    """End the World when this, which waits, returns True."""

    def watch() -> None:
        if happened():
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _opener_is_gone() -> bool:
    """Wait for the opener's word that it has the address; without one it is dead, or has given up."""
    return not os.read(sys.stdin.fileno(), 1)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - to the opener


def _turn_away(log: Path) -> None:
    """From the opener, who stops listening now, to a log."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())


if __name__ == "__main__":
    # Every part has been ended in order; the interpreter's own end would wait for threads of libraries.
    os._exit(main())
