"""
A process of ours in a session of its own: Ctrl-C does not reach it, the end of its owner does.

The owner holds its standard input. When that ends, in order or because the owner was killed, so does the process.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO

END_SECONDS = 60
"""For such a process to end by itself: about a second when nothing else runs. After that it is killed."""


@contextmanager
def owned(
    *words: str, settings: Mapping[str, str], said: BinaryIO | None = None, handles: Collection[int] = ()
) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m WORDS` for as long as this lasts, with these settings beside ours; what it says goes to `said`."""
    with subprocess.Popen(
        [sys.executable, "-m", *words],
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=said,
        start_new_session=True,
        pass_fds=handles,
        env={**os.environ, **settings},
    ) as process:
        try:
            yield process
        finally:
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=END_SECONDS)  # closes its input
            process.kill()


def begin(process: "subprocess.Popen[bytes]") -> None:
    """Let such a process go on; one that has ended already is left alone."""
    with suppress(BrokenPipeError):
        os.write(process.stdin.fileno(), b"\n")  # type: ignore[union-attr] # a pipe, see above


def begun() -> bool:
    """In such a process: wait for the owner's word to go on; False when the owner has gone instead."""
    return bool(os.read(0, 1))


def with_owner(end: Callable[[], None]) -> None:
    """In such a process: do this when the owner has gone."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        end()

    threading.Thread(target=watch, daemon=True).start()
