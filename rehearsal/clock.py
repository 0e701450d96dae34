"""The compressed clock: what takes the cloud minutes takes a rehearsal seconds. It belongs to the World."""

import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Simulated seconds pass `scale` times as fast as the wall's."""

    scale: float
    """60: one wall second is a simulated minute."""

    def now(self) -> float:
        """Simulated seconds since the machine started; only differences mean anything."""
        return time.monotonic() * self.scale

    def sleep(self, seconds: float, stop: threading.Event | None = None) -> bool:
        """Let so many simulated seconds pass; True if `stop` was set meanwhile, and then return at once."""
        if stop is not None:
            return stop.wait(seconds / self.scale)
        time.sleep(seconds / self.scale)
        return False
