"""One real binary as a process: its log is a file, its failure one sentence, its end nobody's to remember."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rehearsal import private
from rehearsal.bound import bound
from rehearsal.errors import StageError

_GRACE_SECONDS = 3.0
_LAST_LINES = 5
_POLL_SECONDS = 0.03


class Child:
    """A running program. Start it from a thread that lives as long as the stage: it dies with that thread."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str],
        orphaned: signal.Signals = signal.SIGKILL,
    ) -> None:
        """`orphaned` is the signal that it gets when the stage dies without a word."""
        self.name = name
        self.log = log
        with private.create(log) as output:
            self._process = subprocess.Popen(
                bound([str(word) for word in argv], by=orphaned),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=log.parent,
                process_group=0,  # Ctrl-C is for who started the stage; it ends its children in order
                umask=0o077,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def ended(self) -> str | None:
        """Why it is not running any more, with the last lines of its log; None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        return f"{self.name} ended with code {code}; its last words: {self._last_words()}"

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Return as soon as it is ready; StageError when it ends before that, or takes longer."""
        deadline = time.monotonic() + seconds
        while not ready():
            if (why := self.ended()) is not None:
                raise StageError(why)
            if time.monotonic() > deadline:
                raise StageError(f"{self.name} is not ready in {seconds:.0f} s; its last words: {self._last_words()}")
            time.sleep(_POLL_SECONDS)

    def stop(self, *, grace: float = _GRACE_SECONDS) -> None:
        """Ask it to end, and end it when it does not within the grace."""
        self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _last_words(self) -> str:
        # A Go trace begins with its first goroutine: what was said before it is the reason.
        said = self.log.read_text(encoding="utf-8", errors="replace").partition("\ngoroutine ")[0]
        return " | ".join(line.strip() for line in said.splitlines()[-_LAST_LINES:]) or "(none)"
