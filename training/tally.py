"""
What a service has done so far: how much, how fast and how well, model by model.

It only counts what it is told. Clocks and networks are others' business.
"""

import math
from array import array
from dataclasses import dataclass, field

from training.published import Published

MOST_LATENCIES = 1_000_000
"""So many are kept (8 MB); of a longer service every second, fourth, ... one, which says the same."""


@dataclass(slots=True)
class Served:
    """One model, and what it did."""

    published: Published
    images: int = 0
    """That it answered."""
    known: int = 0
    """Images whose class was known when it was asked for theirs."""
    right: int = 0
    """Of these."""

    @property
    def accuracy(self) -> float | None:
        """As far as anybody can tell."""
        return self.right / self.known if self.known else None

    def facts(self) -> dict[str, object]:
        """For the wire."""
        return {
            "sha256": self.published.sha256,
            "epoch": self.published.epoch,
            "final": self.published.final,
            "images": self.images,
            "accuracy": self.accuracy,
            "published_accuracy": self.published.accuracy,
        }


class Latencies:
    """How long answers took, in seconds: all of them, or evenly chosen ones when they are many."""

    def __init__(self, most: int = MOST_LATENCIES) -> None:
        self._most = most
        self._kept = array("d")
        self._seen = 0
        self._one_of = 1

    def add(self, seconds: float) -> None:
        """One more."""
        if self._seen % self._one_of == 0:
            self._kept.append(seconds)
            if len(self._kept) == self._most:
                del self._kept[1::2]
                self._one_of *= 2
        self._seen += 1

    def percentiles(self) -> dict[str, float | None]:
        """In milliseconds, by the nearest rank: each is a latency that was measured."""
        ordered = sorted(self._kept)
        return {
            f"p{percent}_ms": 1000 * ordered[math.ceil(percent / 100 * len(ordered)) - 1] if ordered else None
            for percent in (50, 95, 99)
        }


@dataclass(slots=True)
class Tally:
    """All that a service did."""

    models: list[Served] = field(default_factory=list)
    """Those that it served, the newest last."""
    latencies: Latencies = field(default_factory=Latencies)
    images: int = 0
    seconds: float = 0.0
    early_seconds: float = 0.0
    """Those of models before their training's last."""

    @property
    def newest(self) -> Served | None:
        """Who answers now; None: there was no model yet."""
        return self.models[-1] if self.models else None

    def answered(self, images: int, *, known: int, right: int) -> None:
        """By the newest model."""
        newest = self.models[-1]
        newest.images += images
        newest.known += known
        newest.right += right
        self.images += images

    def served(self, seconds: float) -> None:
        """With the newest model."""
        self.seconds += seconds
        if not self.models[-1].published.final:
            self.early_seconds += seconds

    @property
    def images_per_second(self) -> float:
        """Over all that was served."""
        return self.images / self.seconds if self.seconds else 0.0

    def figures(self) -> dict[str, object]:
        """What it came to; the accuracy is that of the newest model, `models` has each."""
        newest = self.newest
        return {
            "model_sha256": newest.published.sha256 if newest else None,
            "accuracy": newest.accuracy if newest else None,
            "images": self.images,
            "images_per_second": self.images_per_second,
            **self.latencies.percentiles(),
            "seconds": self.seconds,
            "models": [each.facts() for each in self.models],
        }
