"""
A container's life as its kubelet tells it: waiting, running, terminated; and what a pod's containers add up to.

Pure: nothing here starts, stops or asks anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rehearsal.api_server import Object, timestamp

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]
RestartPolicy = Literal["Always", "OnFailure", "Never"]

_LOST = 255
_BACKOFF_SECONDS = 10
_LONGEST_BACKOFF_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """It does not run yet, or not for now."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """The runtime has been asked for its process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Its process runs."""

    since: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminated:
    """Its process has ended."""

    code: int
    reason: str
    """`Completed`, `Error`, `StartError`, `Unknown`."""
    started: float
    finished: float
    message: str = ""


State = Waiting | Starting | Running | Terminated


class Held(Exception):  # noqa: N818 (it is no error: it will be tried again)
    """A container cannot be started for now, and what its pod says of that."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.waiting = Waiting(reason=reason, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of a pod at one moment; each step of its life is a new value."""

    name: str
    image: str
    init: bool = False
    state: State
    last: Terminated | None = None
    """How its run before this one ended."""
    not_before: float = 0.0
    """When it may run, by the monotonic clock, while it waits."""
    restarts: int = 0
    run: str = ""
    """The runtime's name of its latest run; empty: it never ran."""
    ready: bool = False
    pause: float = 0.0
    """Wall seconds between the decision that it shall end and its SIGTERM: its `preStop` sleep."""

    def starting(self, pod: str) -> "Container":
        """A run of it is asked for, named by its pod's UID; the second one and every further one is a restart."""
        restarts = self.restarts + 1 if self.run else 0
        last = self.state if isinstance(self.state, Terminated) else self.last
        return replace(self, run=f"{pod}/{self.name}/{restarts}", restarts=restarts, state=Starting(), last=last)

    def held(self, waiting: Waiting, *, until: float) -> "Container":
        """It waits, until that moment at least."""
        last = self.state if isinstance(self.state, Terminated) else self.last
        return replace(self, state=waiting, not_before=until, ready=False, last=last)

    def started(self, at: float) -> "Container":
        """Its process runs, and is ready at once, unless somebody finds that it is not."""
        return replace(self, state=Running(since=at), ready=not self.init)

    def ended(self, at: float, code: int, *, reason: str = "", message: str = "") -> "Container":
        """Its process has ended; an init container that did its work counts as ready."""
        started = self.state.since if isinstance(self.state, Running) else at
        ending = Terminated(
            code=code,
            reason=reason or ("Completed" if code == 0 else "Error"),
            started=started,
            finished=at,
            message=message,
        )
        return replace(self, state=ending, ready=self.init and code == 0)

    def lost(self, at: float) -> "Container":
        """Its machine has gone down: nobody knows how it ended."""
        return self.ended(at, _LOST, reason="Unknown") if isinstance(self.state, Starting | Running) else self

    def seen_ready(self, *, ready: bool) -> "Container":
        """It says itself whether it is ready."""
        return replace(self, ready=ready)

    def backing_off(self, *, until: float) -> "Container":
        """It has ended, and will be run again, but not before that moment."""
        message = f"back-off {self.backoff():.0f}s restarting failed container={self.name}"
        return self.held(Waiting(reason="CrashLoopBackOff", message=message), until=until)

    def backoff(self) -> float:
        """Seconds to let pass before its next run: none before the first restart, then 10, 20, up to 300."""
        return min(_BACKOFF_SECONDS * 2.0 ** (self.restarts - 1), _LONGEST_BACKOFF_SECONDS) if self.restarts else 0.0

    def status(self) -> Object:
        """As a pod's status has it."""
        container_id = f"process://{self.run}" if self.run else ""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": f"simulated://{self.image}",
            "containerID": container_id,
            "restartCount": self.restarts,
            "ready": self.ready,
            "started": isinstance(self.state, Running),
            "state": _state(self.state, container_id),
            "lastState": {} if self.last is None else _state(self.last, ""),
        }


def containers(pod: Object) -> tuple[Container, ...]:
    """A pod's containers before anything of it runs: those that prepare it first."""
    spec = pod["spec"]
    first = spec.get("initContainers", [])
    reason = "PodInitializing" if first else "ContainerCreating"
    waiting = Waiting(reason=reason)
    return (
        *(Container(name=c["name"], image=c.get("image", ""), init=True, state=waiting) for c in first),
        *(
            Container(name=c["name"], image=c.get("image", ""), state=waiting, pause=_pause(c))
            for c in spec["containers"]
        ),
    )


def due(all_containers: Sequence[Container], policy: RestartPolicy) -> tuple[Container, ...]:
    """
    Those that shall run and do not: init containers one after the other, then the others together.

    Whether they may run already, or have to wait until `not_before`, is not looked at.
    """
    for container in all_containers:
        if container.init and not _done(container):
            return (container,) if _shall_run(container, "OnFailure" if policy == "Always" else policy) else ()
    return tuple(c for c in all_containers if not c.init and _shall_run(c, policy))


def active(all_containers: Sequence[Container]) -> tuple[Container, ...]:
    """Those that the runtime answers for."""
    return tuple(c for c in all_containers if isinstance(c.state, Starting | Running))


def settled(all_containers: Sequence[Container], policy: RestartPolicy) -> Phase | None:
    """`Succeeded` or `Failed` when nothing runs and nothing ever will again; None before that."""
    if due(all_containers, policy) or active(all_containers):
        return None
    return outcome(all_containers)


def outcome(all_containers: Sequence[Container]) -> Phase:
    """What a pod comes to when nothing more is started: success only if every container did its work."""
    return "Succeeded" if all(map(_done, all_containers)) else "Failed"


def phase(all_containers: Sequence[Container]) -> Phase:
    """Of a pod that is not over: `Pending` until each of its containers has run."""
    initialized = all(_done(c) for c in all_containers if c.init)
    ran = all(c.run and (c.last or isinstance(c.state, Running | Terminated)) for c in all_containers if not c.init)
    return "Running" if initialized and ran else "Pending"


def _pause(manifest: Object) -> float:
    """Of hooks a sleep before the end is carried out, and no other."""
    return float(manifest.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0))


def _shall_run(container: Container, policy: RestartPolicy) -> bool:
    match container.state:
        case Waiting():
            return True
        case Starting() | Running():
            return False
        case Terminated(code=code):
            return policy == "Always" or (policy == "OnFailure" and code != 0)


def _done(container: Container) -> bool:
    return isinstance(container.state, Terminated) and container.state.code == 0


def _state(state: State, container_id: str) -> Object:
    match state:
        case Waiting(reason=reason, message=message):
            return {"waiting": {"reason": reason, "message": message}}
        case Starting():
            return {"waiting": {"reason": "ContainerCreating"}}
        case Running(since=since):
            return {"running": {"startedAt": timestamp(since)}}
        case Terminated():
            return {
                "terminated": {
                    "exitCode": state.code,
                    "reason": state.reason,
                    "message": state.message,
                    "startedAt": timestamp(state.started),
                    "finishedAt": timestamp(state.finished),
                    "containerID": container_id,
                }
            }
