"""A promise about speed and what was measured of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One figure that may not be above a bound."""

    what: str
    measured: float
    most: float
    unit: str

    @property
    def kept(self) -> bool:
        """Whether what was measured is within the bound."""
        return self.measured <= self.most

    def __str__(self) -> str:
        mark = "ok " if self.kept else "BAD"
        return f"{mark} {self.what}: {self.measured:.2f} {self.unit} (at most {self.most:g})"
