"""
Looks out for newer models in a thread of its own: whoever answers meanwhile waits neither for S3 nor for a download.

One model is held ready at most. With the last of its training it is done.
"""

import threading
import time
from queue import Empty, SimpleQueue

import torch
from torch import nn

from training.contract import WorkloadError
from training.published import Published, Shelf

Found = tuple[Published, nn.Module]
"""What is published of a model, and its network on the device."""


class LookoutError(WorkloadError):
    """Nobody looks for newer models any more."""


class Lookout:
    """What is new on a shelf."""

    def __init__(self, shelf: Shelf, device: torch.device, *, every: float) -> None:
        """Look from now on, after so many seconds again."""
        self._shelf = shelf
        self._device = device
        self._every = every
        self._found: SimpleQueue[Found | WorkloadError] = SimpleQueue()
        threading.Thread(target=self._run, name="lookout", daemon=True).start()

    def newest(self) -> Found | None:
        """The model that has been found since; None: none. Raises what looking came to, when it could not go on."""
        try:
            found = self._found.get_nowait()
        except Empty:
            return None
        if isinstance(found, WorkloadError):
            raise found
        return found

    def _run(self) -> None:
        end: WorkloadError | None = LookoutError(f"looking for models in {self._shelf} broke off")
        try:
            while not self._look():
                time.sleep(self._every)
            end = None
        except WorkloadError as error:
            end = error
        finally:
            if end is not None:
                self._found.put(end)

    def _look(self) -> bool:
        """Whether no newer model will come."""
        told = self._shelf.newer() if self._found.empty() else None
        if told is None:
            return False
        self._found.put((told, self._shelf.take(told, self._device)))
        return told.final
