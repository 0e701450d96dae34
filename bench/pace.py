"""
How fast something goes, and how fast beside something else.

The two are measured in turns (ours, theirs, ours, theirs, ...), so that a machine that slows down is fair to both.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch

TURNS = 5
"""Of each. The figure is the median: a turn in which something else had the machine says nothing."""
SECONDS = 1.5
"""Of one turn, its warming up left out."""
WARM_UP = 3
"""Pieces of work before a turn's time counts: libraries choose their ways at the first ones."""

Work = Iterator[int]
"""Does one piece each time that it is asked, a batch or a step, and answers how many images that were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paces:
    """Images a second, of ours and of theirs, turn by turn."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How many times as fast ours is."""
        return statistics.median(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))

    def __str__(self) -> str:
        return f"{statistics.median(self.ours):,.0f} / {statistics.median(self.theirs):,.0f} images/s"


def beside(ours: Callable[[], Work], theirs: Callable[[], Work], *, seconds: float = SECONDS) -> Paces:
    """Both in turns, each begun anew for each of its turns."""
    turns = [(pace(ours(), seconds=seconds), pace(theirs(), seconds=seconds)) for _ in range(TURNS)]
    return Paces(ours=tuple(ours for ours, _ in turns), theirs=tuple(theirs for _, theirs in turns))


def pace(work: Work, *, seconds: float = SECONDS) -> float:
    """Images a second, over so many seconds at least."""
    for _ in islice(work, WARM_UP):
        pass
    _finish()
    images, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        images += next(work)
    _finish()
    return images / (time.perf_counter() - began)


def _finish() -> None:
    """Wait for what a GPU was asked to do: it is asked ahead."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
