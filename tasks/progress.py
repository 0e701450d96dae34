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
    """A progress bar in Prefect's pages, under the task that first shows something of it; it never goes back."""

    def __init__(self, key: str, description: str) -> None:
        self._key = key
        self._description = description
        self._artifact: UUID | None = None
        self._shown = 0.0
        self._said = description

    def at(self, what: str) -> None:
        """Say what it is at: at once where it is shown, else with its first move. For that alone none is made."""
        if self._artifact is None:
            self._said = f"{self._description}: {what}"
        else:
            self.show(self._shown, what)

    def show(self, percent: float, at: str = "") -> None:
        """Move it, and say what it is at, where that can be seen: each change is a request."""
        said = f"{self._description}: {at}" if at else self._said
        moves = percent - self._shown >= 1
        if self._artifact is None:
            made = create_progress_artifact(progress=percent, key=self._key, description=said)
            self._artifact = UUID(str(made))
        elif moves or said != self._said:
            percent = max(percent, self._shown)
            update_progress_artifact(artifact_id=self._artifact, progress=percent, description=said)
        else:
            return
        self._shown, self._said = percent, said
