"""Where the real binaries are."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder whose `bin` holds every real binary of a World."""

    root: Path

    def path(self, name: str) -> Path:
        """The binary of that name."""
        return self.root / "bin" / name


def resolve() -> Binaries:
    """Find them."""
    return Binaries(Path.home() / ".cache/mig-pipeline/try")
