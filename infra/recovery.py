"""
What an interrupted engine leaves in a stack's state, and how it is put right. Looks at states only; asks nobody.

An engine that was killed has written down what it had begun to create, and nobody knows whether that exists. What can
be found by its name is taken into the state as something that failed; the rest is forgotten. What failed is replaced
the next time that the stack is raised: the engine itself would find its inputs unchanged, and call it made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

State = Mapping[str, Any]
"""A deployment, as Pulumi exports it."""

_INTERRUPTED = "the engine was ended while it created this"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """One resource whose creation was begun."""

    kind: str
    """Pulumi's type: `aws:eks/nodeGroup:NodeGroup`."""
    name: str
    """Of the resource in its program."""
    inputs: Mapping[str, Any]
    """As the program declared it."""


Identify = Callable[[Pending], str]
"""Says under which id a resource exists, or would if it did; empty: nobody knows."""


def interrupted(state: State) -> bool:
    """Whether an engine was ended in the middle of something."""
    return bool(state.get("pending_operations"))


def owned(state: State) -> int:
    """How many resources the stack has in the world outside, the engine's own not counted."""
    return sum(bool(resource.get("id")) for resource in _resources(state))


def failed(state: State) -> list[str]:
    """URNs of what exists, and has never become what it should."""
    return [resource["urn"] for resource in _resources(state) if resource.get("initErrors")]


def settled(state: State, identify: Identify) -> State:
    """The state without what is pending: what may exist is in it as failed."""
    known = {resource["urn"] for resource in state.get("resources", ())}
    begun = [
        pending["resource"]
        for pending in state.get("pending_operations", ())
        if pending["type"] == "creating" and pending["resource"]["urn"] not in known
    ]
    found = [_failed(resource, identity) for resource in begun if (identity := identify(_pending(resource)))]
    return {**state, "resources": [*state.get("resources", ()), *found], "pending_operations": []}


def _resources(state: State) -> list[State]:
    return [each for each in state.get("resources", ()) if not each["type"].startswith("pulumi:")]


def _pending(resource: State) -> Pending:
    name = resource["urn"].split("::", 3)[3]
    return Pending(kind=resource["type"], name=name, inputs=resource.get("inputs", {}))


def _failed(resource: State, identity: str) -> State:
    outputs = {**resource.get("inputs", {}), "id": identity}
    return {**resource, "id": identity, "outputs": outputs, "initErrors": [_INTERRUPTED]}
