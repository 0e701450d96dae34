"""The end, as somebody asks for it: Ctrl-C and SIGTERM break off what is going on, and never the end itself."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Ending:
    """Whether somebody has asked for the end: once, which begins it, or again, which stops waiting for runs."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.begun = False
        self.hurried = False
        self._tell = tell

    def hear(self, _number: int, _frame: FrameType | None) -> None:
        """A signal: the first breaks off what is going on, those after it do not break off the end."""
        if not self.begun:
            self.begun = True
            self._tell("ending: runs, worker, server, World; again: without waiting for runs")
            raise KeyboardInterrupt
        self.hurried = True
        self._tell("not waiting for runs any longer")

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to Ctrl-C and SIGTERM meanwhile, also where a shell has told us to ignore one."""
        before = {each: signal.signal(each, self.hear) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
