"""What must not be broken off once it has begun: taking nodes down, and telling what came of a run."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HEARD = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def unbroken(tell: Callable[[str], None]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until this is over; whoever sends them is told so."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's alone
        return
    before = {number: signal.signal(number, lambda *_: tell("taking the nodes down first")) for number in HEARD}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
