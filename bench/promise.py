"""A promise about speed and what was measured of it."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One figure and its bounds; one without any is told for the sake of the others."""

    what: str
    measured: float
    unit: str
    least: float = -math.inf
    most: float = math.inf

    @property
    def kept(self) -> bool:
        """Whether what was measured is within the bounds."""
        return self.least <= self.measured <= self.most

    @property
    def bounds(self) -> str:
        """What is promised, in words."""
        words = (("at least", self.least), ("at most", self.most))
        return ", ".join(f"{word} {bound:g}" for word, bound in words if math.isfinite(bound)) or "no bound"

    def __str__(self) -> str:
        mark = "ok " if self.kept else "BAD"
        return f"{mark} {self.what}: {self.measured:.2f} {self.unit} ({self.bounds})"
