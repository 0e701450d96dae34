"""How a run looks in a shell: one line for each thing that happens, cut to a terminal's width, whole in a file."""

import logging
from contextlib import suppress

from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console
from rich.text import Text

from tasks import progress


class Ours(logging.Filter):
    """Lets through what `tasks.progress.say` said, and not what the orchestrator says of itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is one of ours."""
        return record.pathname == progress.__file__


class Lines(logging.Handler):
    """Writes records to standard error: the time of day, then the line."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self._console = Console(stderr=True, highlight=False)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        at = logging.Formatter(datefmt="%H:%M:%S").formatTime(record, "%H:%M:%S")
        line = Text.assemble((at, "dim"), "  ", record.getMessage())
        with suppress(SystemExit):  # rich would end the process where nobody reads: in a pipe to `head`, for one
            if self._console.is_terminal:
                self._console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
            else:
                self._console.print(line, soft_wrap=True)


class Unread(PrefectConsoleHandler):
    """
    What a deployment's run writes for its worker, and goes on when that is dead: nobody reads it any more.

    Prefect's own handler ends the run with its next line, be it one of a teardown (rich 15, on_broken_pipe).
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, if anybody reads it."""
        with suppress(SystemExit):
            super().emit(record)
