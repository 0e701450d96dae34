"""
What the Pulumi engine says while it works, and what it means when it fails.

The engine's exceptions carry one long text. What failed, and why, stands apart in its events: which resource, and the
diagnostic that names it; AWS's code is read from there, and an unknown one stays unknown.
"""

import os
import re
import socket
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from pathlib import Path

from pulumi.automation import EngineEvent, OpType
from pulumi.automation.events import StepEventMetadata

from mig.changes import Action, Change, Changes, named
from mig.errors import Failed, PipelineError, Temporary

THROTTLED = frozenset({
    "RequestLimitExceeded",
    "RequestThrottled",
    "ServerException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "Unavailable",
})  # fmt: skip
"""AWS is busy or away: the same call may do later."""

_DELAY = 15.0
_AWS = re.compile(r"https response error StatusCode: \d+, RequestID: [^,]*, (?:api error )?(\w+): (.*)", re.DOTALL)
_STATUS = re.compile(r"unexpected state '(\w+)', wanted target '\w+'\. last error: [^:]*: (\w+): (.*)", re.DOTALL)
"""The real provider's words for what exists and did not become what it should (terraform-plugin-sdk's waiters)."""

_KILLED = re.compile(r"\s*code: -(\d+)")
_STOPPED = re.compile(r"\s*code: 8\b")
"""The CLI's exit code when it was cancelled (pulumi v3.259.0, pkg/cmd/pulumi/cmd/exit_codes.go)."""

_LOCK = re.compile(r"created by [^@\s]+@(\S+) \(pid (\d+)\)")
_STACK = "pulumi:pulumi:Stack"
_ENGINES_OWN = "pulumi:"
_DOING = {
    OpType.CREATE: "creating",
    OpType.UPDATE: "updating",
    OpType.DELETE: "deleting",
    OpType.CREATE_REPLACEMENT: "replacing",
}
_ACTIONS: dict[OpType, Action] = {
    OpType.CREATE: "create",
    OpType.UPDATE: "update",
    OpType.REPLACE: "replace",
    OpType.DELETE: "delete",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Which part of a story an operation is, and how far it is, for whoever has seen beforehand how much there is."""

    phase: str = "capacity"
    """Named in the error when it fails."""
    of: int = 0
    """Resources that change, as a preview counted them. 0: nobody has counted."""
    show: Callable[[float], None] = lambda _: None
    """Shown the per cent that are done, each time that another one is."""


@dataclass(slots=True, kw_only=True)
class Listener:
    """Hears one operation of the engine: tells the steps as they begin, and remembers what came of them."""

    tell: Callable[[str], None]
    progress: Progress
    begun: list[str] = field(default_factory=list)
    """URNs of what changes, each once."""
    done: set[str] = field(default_factory=set)
    looked_at: set[str] = field(default_factory=set)
    """URNs of what a refresh looks at: only when it has looked does it know what has changed."""
    changes: list[Change] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: list[StepEventMetadata] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """The first error of each resource, by URN; the engine's own under the empty name."""

    context: Context = field(default_factory=copy_context)
    """Of whoever asked: the engine's events come in a thread of their own, where no run would be known to belong to."""

    def hear(self, event: EngineEvent) -> None:
        """Take in one event; they come one by one."""
        self.context.run(self._take_in, event)

    def heard(self) -> Changes:
        """What the operation changes, or would change."""
        return Changes(changes=tuple(self.changes), unchanged=tuple(self.unchanged))

    def failure(self, exit_text: str) -> PipelineError | None:
        """What the failure means; None where nothing explains it. `exit_text` is the engine's own last word."""
        if killed := _KILLED.match(exit_text):
            return Failed(self.progress.phase, f"the Pulumi engine was ended by signal {killed[1]}")
        if _STOPPED.match(exit_text):
            return Failed(self.progress.phase, "the Pulumi engine was told to stop before it was done")
        for step in self.failed:
            if step.urn in self.errors:
                return self._meaning(f"{_DOING.get(step.op, step.op.value)} {_named(step.urn)}", self.errors[step.urn])
        for urn, text in sorted(self.errors.items(), key=lambda error: _STACK in error[0]):  # it says but "failed"
            return self._meaning(_named(urn) if urn else "the engine", text)
        return None

    def _take_in(self, event: EngineEvent) -> None:
        if (step := event.resource_pre_event) and not step.metadata.type.startswith(_ENGINES_OWN):
            self._count(step.metadata)
            self._announce(step.metadata)
        if ended := event.res_outputs_event:
            self._conclude(ended.metadata)
        if (said := event.diagnostic_event) and said.severity == "error":
            self.errors.setdefault(said.urn or "", said.message.strip())
        if (rule := event.policy_event) and rule.enforcement_level == "mandatory":
            self.errors.setdefault(rule.resource_urn or "", rule.message.strip().splitlines()[-1])
        if failure := event.res_op_failed_event:
            self.failed.append(failure.metadata)

    def _meaning(self, what: str, text: str) -> PipelineError:
        if stuck := _STATUS.search(text):
            return Failed(self.progress.phase, f"{what}: it is {stuck[1]}, {stuck[2]}: {stuck[3].strip()}")
        found = _AWS.search(text)
        reason = f"{found[1]}: {found[2].strip()}" if found else text
        if found and found[1] in THROTTLED:
            return Temporary(f"{what}: {reason}", delay=_DELAY)
        return Failed(self.progress.phase, f"{what}: {reason}")

    def _count(self, step: StepEventMetadata) -> None:
        """A replacement is three steps, and one change."""
        if step.op is OpType.REFRESH:
            self.looked_at.add(step.urn)
        if action := _ACTIONS.get(step.op):
            self.changes.append(Change(action=action, kind=step.type, name=_name(step.urn)))
        if step.op is OpType.SAME:
            self.unchanged.append(step.type)

    def _announce(self, step: StepEventMetadata) -> None:
        if step.op in _DOING:
            self.begun += [] if step.urn in self.begun else [step.urn]
            number = f" ({self.begun.index(step.urn) + 1} of {self.progress.of})" if self.progress.of else ""
            self.tell(f"{_DOING[step.op]} {_named(step.urn)}{number}")

    def _conclude(self, step: StepEventMetadata) -> None:
        if step.urn in self.looked_at:
            self.looked_at.remove(step.urn)
            self._count(step)
        elif step.urn in self.begun and step.op in _DOING and self.progress.of:
            self.done.add(step.urn)
            self.progress.show(min(100 * len(self.done) / self.progress.of, 100))


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOwner:
    """The engine that locked a stack."""

    host: str
    pid: int

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def lock_owner(refusal: str) -> LockOwner | None:
    """Who holds the lock, by the engine's refusal; None where it does not say."""
    found = _LOCK.search(refusal)
    return LockOwner(host=found[1], pid=int(found[2])) if found else None


def owner_lives(owner: LockOwner) -> bool:
    """
    Whether that engine may still be at work.

    One on another machine is taken to live: nobody here can know. On this machine it must be a process that is there
    and is an engine: a number may have passed on to another program since.
    """
    if owner.host != socket.gethostname():
        return True
    try:
        os.kill(owner.pid, 0)
        return "pulumi" in Path(f"/proc/{owner.pid}/cmdline").read_text(encoding="utf-8")  # empty for a zombie
    except ProcessLookupError:
        return False
    except (PermissionError, FileNotFoundError):
        return True


def _named(urn: str) -> str:
    """`urn:pulumi:demo-1::mig::aws:eks/nodeGroup:NodeGroup::gpu-demo-1` is `NodeGroup gpu-demo-1`."""
    return named(urn.split("::")[2], _name(urn))


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]
