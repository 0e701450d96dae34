"""
Tries: one request asked for again, later, when every offer of it was refused.

Each try is a run of its own. What it must know of those before it stands in its tags, where people see it, and find the
others by it: `try:2/3`, `tries:RUN`, `after:FLOW-RUN`, `until:TIME`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

LADDER_MINUTES = 30
"""What one try may take beside the pause after it, by the wall's clock: asking for each offer, and taking it down."""

_TAG = re.compile(r"(?:try:[1-9]\d*/[1-9]\d*|tries:.+|after:[0-9a-f-]{36}|until:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try of a request."""

    number: int = 1
    of: int = 1
    """How many there are at most."""
    first: str = ""
    """The run that was the first of them, by its name; empty: this one is the first."""
    after: str = ""
    """The flow run of the one before, by its id; empty: this one is the first."""
    until: datetime | None = None
    """No try begins later; None: this one is the first."""

    @classmethod
    def read(cls, tags: Iterable[str], *, of: int) -> Self:
        """The try that a flow run is by its tags; where they say nothing, the first of so many."""
        said = dict(tag.split(":", 1) for tag in tags if _TAG.fullmatch(tag))
        number, _, most = said.get("try", f"1/{of}").partition("/")
        until = said.get("until")
        return cls(
            number=int(number),
            of=int(most),
            first=said.get("tries", ""),
            after=said.get("after", ""),
            until=datetime.fromisoformat(until) if until else None,
        )

    @property
    def tags(self) -> tuple[str, ...]:
        """As a flow run carries it; none where there is but one try."""
        if self.of == 1:
            return ()
        until = self.until.isoformat(timespec="seconds") if self.until else ""
        said = {"try": f"{self.number}/{self.of}", "tries": self.first, "after": self.after, "until": until}
        return tuple(f"{name}:{value}" for name, value in said.items() if value)

    def following(self, run_id: str, flow_run: str, *, now: datetime, pause: timedelta) -> Self | None:
        """The try after this one, whose run has just ended; None: there is none."""
        if self.number >= self.of:
            return None
        left = self.of - self.number
        return type(self)(
            number=self.number + 1,
            of=self.of,
            first=self.first or run_id,
            after=flow_run,
            until=self.until or now + left * (pause + timedelta(minutes=LADDER_MINUTES)),
        )

    def again(self, pause_minutes: float) -> str:
        """When the next one comes, as people are told before this one has ended; empty: there is none."""
        return f"in {pause_minutes:g} minutes: try {self.number + 1} of {self.of}" if self.number < self.of else ""

    def late(self, now: datetime) -> bool:
        """Whether it is too late to begin this one: whoever asked has long stopped waiting."""
        return self.until is not None and now > self.until

    def __str__(self) -> str:
        return f"try {self.number} of {self.of}"


def without(tags: Iterable[str]) -> tuple[str, ...]:
    """Those of a flow run's tags that are somebody else's."""
    return tuple(tag for tag in tags if not _TAG.fullmatch(tag))


def markdown(this: Try, *, before: str = "", then: str = "", due: datetime | None = None) -> str:
    """Where the tries before and after this one are, for whoever looks at one of them; links may be empty."""
    lines = [f"**{str(this).capitalize()}.**"]
    if this.after:
        lines.append(f"The one before: {_link(this.after, before)}.")
    if due is not None:
        lines.append(f"The next begins at {due.isoformat(timespec='seconds')}: {_link('cancel it there', then)}.")
    return "\n\n".join(lines)


def _link(text: str, url: str) -> str:
    return f"[{text}]({url})" if url else text
