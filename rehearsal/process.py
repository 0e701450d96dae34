"""A process of this machine, named so that no later one can be mistaken for it: by its id and when it began."""

import os
import select
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_STATE, _STARTED = 0, 19
"""Where `/proc/PID/stat` has them, counted after the name, which may hold anything but ends with the last bracket."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process, alive or not."""

    pid: int
    started: int
    """Clock ticks from the machine's start to its own."""

    @classmethod
    def of(cls, pid: int) -> "Process":
        """The one that has this id now; ProcessLookupError when none has."""
        if (facts := _stat(pid)) is None:
            raise ProcessLookupError(f"no process has the id {pid}")
        return cls(pid, int(facts[_STARTED]))

    def alive(self) -> bool:
        """Whether it still runs: one that ended and waits for its parent's notice does not."""
        facts = _stat(self.pid)
        return facts is not None and int(facts[_STARTED]) == self.started and facts[_STATE] not in {"Z", "X"}

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it ended within so many seconds; None waits for ever."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if not self.alive():  # the id is another's now, or was never released
                return True
            ready, _, _ = select.select([handle], [], [], seconds)
            return bool(ready)
        finally:
            os.close(handle)

    def send(self, number: signal.Signals) -> None:
        """Signal it, if it is still there."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()
