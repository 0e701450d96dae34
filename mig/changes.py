"""
What raising a stack would change: a value that a person reads, and that a bar is drawn by.

How the engine finds it out is `infra.stacks`' business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Action = Literal["create", "update", "replace", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One resource that would not stay as it is."""

    action: Action
    kind: str
    """Pulumi's type: `aws:eks/nodeGroup:NodeGroup`."""
    name: str
    """Of the resource in its program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one stack, or several, would become."""

    changes: tuple[Change, ...]
    """In the order in which the engine comes to them."""
    unchanged: tuple[str, ...]
    """Kinds of the resources that stay as they are."""

    def __add__(self, other: "Changes") -> "Changes":
        return Changes(changes=self.changes + other.changes, unchanged=self.unchanged + other.unchanged)

    def kinds(self) -> tuple[str, ...]:
        """Of all that stands afterwards."""
        return (*(change.kind for change in self.changes if change.action != "delete"), *self.unchanged)

    def counts(self) -> Mapping[Action, int]:
        """How many resources each action takes, those that take none included."""
        taken = [change.action for change in self.changes]
        return {action: taken.count(action) for action in get_args(Action)}

    def __str__(self) -> str:
        said = ", ".join(f"{number} to {action}" for action, number in self.counts().items())
        return f"{said}, {len(self.unchanged)} unchanged"


NONE = Changes(changes=(), unchanged=())
"""Of no stack at all."""


def named(kind: str, name: str) -> str:
    """`("aws:eks/nodeGroup:NodeGroup", "gpu-demo-1")` is `NodeGroup gpu-demo-1`."""
    return f"{kind.rsplit(':', 1)[-1]} {name}"
