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
            end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Let such a process hear that it has no owner any more, and wait for its end."""
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=END_SECONDS)  # closes its input
    process.kill()


def with_owner(then: Callable[[], None]) -> None:
    """In such a process: do this when the owner has gone."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        then()

    threading.Thread(target=watch, daemon=True).start()
