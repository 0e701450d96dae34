"""
The inbox of a service: what clients have asked, oldest first, until the one loop that answers takes it.

Many threads ask and wait, one takes and answers. It knows neither networks nor HTTP.
"""

import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

GATHER_SECONDS = 0.002
"""How long the first request of a batch waits for more: so much later is its answer when nobody else asks."""


class ClosedError(Exception):
    """The service has ended: there will be no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one request gets."""

    classes: list[int]
    model_sha256: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Images whose classes somebody waits for."""

    pixels: bytes
    images: int
    arrived: float = field(default_factory=time.perf_counter)
    answer: Future[Answer] = field(default_factory=Future)


class Inbox:
    """Requests that wait."""

    def __init__(self, gather_seconds: float = GATHER_SECONDS) -> None:
        self.serving = False
        """Whether there is a model to answer by. While there is none, requests wait."""
        self._gather_seconds = gather_seconds
        self._closed = False
        self._waiting: deque[Request] = deque()
        self._images = 0
        self._changed = threading.Condition()

    def ask(self, pixels: bytes, images: int) -> Answer:
        """Wait for the classes of these images. Raises ClosedError when the service ends before it has a model."""
        request = Request(pixels=pixels, images=images)
        with self._changed:
            if self._closed:
                raise ClosedError
            self._waiting.append(request)
            self._images += images
            self._changed.notify()
        return request.answer.result()

    def take(self, most: int, *, patience: float) -> list[Request]:
        """
        Whole requests to be answered together; none when none came within the patience.

        Args:
            most: images that they have together at most. A request that alone has more comes alone.
            patience: seconds to wait for the first; for those that join it, `GATHER_SECONDS`.
        """
        with self._changed:
            if self._changed.wait_for(lambda: self._waiting, patience):
                left = self._waiting[0].arrived + self._gather_seconds - time.perf_counter()
                self._changed.wait_for(lambda: self._images >= most, left)
            taken: list[Request] = []
            room = most
            while self._waiting and (not taken or self._waiting[0].images <= room):
                taken.append(self._waiting.popleft())
                room -= taken[-1].images
            self._images -= most - room
            return taken

    def close(self) -> None:
        """Nobody will answer any more: those that wait hear so now, those to come at once."""
        with self._changed:
            self.serving = False
            self._closed = True
            left, self._images = list(self._waiting), 0
            self._waiting.clear()
        for request in left:
            request.answer.set_exception(ClosedError())
