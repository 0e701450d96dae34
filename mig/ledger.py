"""The ledger: what a run set out to create and until when, written down before it is asked for; and what was released."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stage of a run in time."""

    name: str
    """`plan`, `connect`, `capacity`, `ready`, `launch`, `run`, `collect`, `teardown`."""
    started: str
    """ISO 8601 UTC, wall clock."""
    seconds: float
    """Wall seconds."""
    simulated_seconds: float | None = None
    """Seconds of the compressed clock, where the phase ran on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What teardown came to, verified by asking AWS and Kubernetes what is left."""

    verified: bool
    left: tuple[str, ...]
    """What still exists and may be billed, by name."""
