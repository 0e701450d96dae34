"""What people are told while they wait: lines in the run's log, and bars in Prefect's pages."""

import logging
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger


def say(line: str) -> None:
    """One line for whoever watches: the run's log inside a run, the program's log outside."""
    try:
        get_run_logger().info(line)
    except MissingContextError:
        logging.getLogger(__name__).info(line)


class Bar:
    """A progress bar in Prefect's pages, under the task that first shows something of it."""

    def __init__(self, key: str, description: str) -> None:
        self._key = key
        self._description = description
        self._artifact: UUID | None = None
        self._shown = 0.0

    def show(self, percent: float) -> None:
        """Move it, where that can be seen: each move is a request."""
        if self._artifact is None:
            made = create_progress_artifact(progress=percent, key=self._key, description=self._description)
            self._artifact, self._shown = UUID(str(made)), percent
        elif percent - self._shown >= 1:
            update_progress_artifact(artifact_id=self._artifact, progress=percent)
            self._shown = percent
