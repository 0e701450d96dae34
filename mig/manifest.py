"""Manifests: everything of one run that the API server is asked for, as dictionaries built from values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """What was applied for one run."""

    namespace: str
    workloads: tuple[str, ...]
    """Each is also its Job's name."""
