"""What must not be broken off once it has begun: taking nodes down, and telling what came of a run."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HEARD = (signal.SIGINT, signal.SIGTERM)

_STANDARD_ERROR = 2


@contextmanager
def unbroken() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until this is over; whoever sends them is told so."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's alone
        return
    before = {number: signal.signal(number, _heard) for number in HEARD}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _heard(*_: object) -> None:
    """Past the log: a signal comes in the middle of anything, and the log's lock may be held by what it interrupts."""
    with suppress(OSError):  # nobody listens any more
        os.write(_STANDARD_ERROR, b"taking the nodes down first\n")
