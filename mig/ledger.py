"""The ledger: what a run set out to create and until when, written down before it is asked for; what was released."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A run's word for one stack: whatever carries its tag may be taken away after `expires`, run or no run."""

    run_id: str
    stack: str
    """The Pulumi stack whose resources it covers: `RUN-ATTEMPT`."""
    expires: datetime
    """With its time zone: UTC."""

    def renewed(self, now: datetime, *, minutes: float) -> Self:
        """The same lease, good for so many minutes from now."""
        return type(self)(run_id=self.run_id, stack=self.stack, expires=now + timedelta(minutes=minutes))

    def lapsed(self, now: datetime) -> bool:
        """Whether the run no longer answers for it."""
        return now >= self.expires

    @property
    def tag(self) -> str:
        """As the tag of what it covers says it: ISO 8601, UTC, whole seconds."""
        return self.expires.isoformat(timespec="seconds")

    def to_json(self) -> str:
        """As it is written down."""
        return json.dumps({**asdict(self), "expires": self.tag})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        said = json.loads(text)
        return cls(run_id=said["run_id"], stack=said["stack"], expires=datetime.fromisoformat(said["expires"]))


COMPRESSED = ("capacity", "nodes", "ready", "teardown")
"""Phases whose time is the cloud's and the nodes'; all others take what this machine takes."""


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

    def on_clock(self, scale: float) -> Self:
        """The same phase, as the clock of cloud and nodes saw it if it ran on that clock."""
        if scale == 1 or self.name not in COMPRESSED:
            return self
        return replace(self, simulated_seconds=round(self.seconds * scale, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What teardown came to, verified by asking AWS and Kubernetes what is left."""

    verified: bool
    left: tuple[str, ...]
    """What still exists and may be billed, by name."""
