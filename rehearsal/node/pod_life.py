"""
One pod on its node, from the moment it is bound until its object is gone.

A loop that waits for the next thing to happen, starts what is due, and tells the API server what is so. What is due and
what it all means is decided in `container`; what a process is made of, in `pod_setup`. Processes
take the wall's time: grace periods and deadlines are not compressed, back-offs are.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue

from rehearsal.api_server import Object
from rehearsal.node import container, readiness
from rehearsal.node.container import Container, Held, Phase, RestartPolicy, Running, Terminated
from rehearsal.node.pod_address import address
from rehearsal.node.pod_object import PodObject
from rehearsal.node.pod_setup import Footing, Site, clear, prepare, process
from rehearsal.node.pod_status import OVER, Report
from rehearsal.node.readiness import Prober
from rehearsal.node.runtime import Ended, Started

_TRY_AGAIN_SECONDS = 1.0
"""Wall seconds between two tries at something that is not there yet."""

_GRACE_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Somebody has decided that the pod shall end."""

    kill_at: float
    """When patience is over, by the monotonic clock."""
    reason: str = ""
    message: str = ""


_OF_ITSELF = Ending(kill_at=math.inf)


class PodLife:
    """One pod whose containers are processes."""

    def __init__(self, pod: Object, site: Site, *, containers: Sequence[Container] = ()) -> None:
        """
        Make a life that `start` begins.

        Args:
            pod: its object.
            site: what it shares with the others on its node.
            containers: how its containers were when the node went down under them; none for a new pod.
        """
        self._pod = PodObject(pod, site.api)
        self._site = site
        self._containers = {c.name: c for c in containers or container.containers(pod)}
        self._policy: RestartPolicy = pod["spec"]["restartPolicy"]
        age = time.time() - self._pod.since
        self._deadline: float = time.monotonic() - age + pod["spec"].get("activeDeadlineSeconds", math.inf)
        self._footing: Footing | None = None
        self._probers: dict[str, Prober] = {}
        """Of the containers that run, by their names."""
        self._ending: Ending | None = None
        self._asking: dict[str, float] = {}
        """When containers that run are asked to end, by the monotonic clock."""
        self._unsaid = False
        self._gone = False
        self._vanished = False
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"pod {pod['metadata']['name']}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._inbox.put(partial(self._see, self._pod.content))
        self._thread.start()

    def see(self, pod: Object) -> None:
        """Its object has changed."""
        self._inbox.put(partial(self._see, pod))

    def vanish(self) -> None:
        """Its object is gone: end it at once and leave nothing of it."""
        self._inbox.put(self._vanish)

    def halt(self) -> None:
        """Its machine goes down under it: end it at once, and say nothing to anybody."""
        self._inbox.put(self._kill)

    def rest(self) -> tuple[Container, ...]:
        """Wait until it is over after `halt`, and tell how its containers were."""
        self._thread.join()
        return tuple(self._containers.values())

    def _run(self) -> None:
        try:
            while not self._gone or container.active(self._all):
                self._hear()
                self._end_in_time()
                self._ask_due()
                self._start_due()
                self._tell()
        finally:
            self._release()
        if self._vanished:
            clear(self._pod.content, self._site)

    def _hear(self) -> None:
        """Wait until something happens, or is due to."""
        pause = max(self._next_moment() - time.monotonic(), 0)
        try:
            self._inbox.get(timeout=min(pause, threading.TIMEOUT_MAX))()
            while True:
                self._inbox.get_nowait()()
        except Empty:
            return

    def _next_moment(self) -> float:
        moments = [*self._asking.values(), *(c.not_before for c in self._due())]
        moments.append(self._deadline if self._ending is None else self._ending.kill_at)
        if self._unsaid:
            moments.append(time.monotonic() + _TRY_AGAIN_SECONDS)
        return min(moments)

    def _end_in_time(self) -> None:
        now = time.monotonic()
        if self._ending is None and now >= self._deadline:
            said = "Pod was active on the node longer than the specified deadline"
            self._end(Ending(kill_at=now + self._grace(), reason="DeadlineExceeded", message=said))
        elif self._ending is not None and now >= self._ending.kill_at:
            self._kill_active()
            self._end(Ending(kill_at=math.inf, reason=self._ending.reason, message=self._ending.message))

    def _ask_due(self) -> None:
        """Ask those to end whose pause before that is over; a grace period includes the pause."""
        now = time.monotonic()
        for name in [name for name, at in self._asking.items() if at <= now]:
            del self._asking[name]
            self._site.runtime.signal(self._containers[name].run, signal.SIGTERM)

    def _start_due(self) -> None:
        now = time.monotonic()
        for each in self._due():
            if isinstance(each.state, Terminated) and each.backoff():
                until = now + each.backoff() / self._site.clock.scale
                self._containers[each.name] = each.backing_off(until=until)
            elif each.not_before <= now:
                self._containers[each.name] = self._start(each)

    def _start(self, wanted: Container) -> Container:
        starting = wanted.starting(self._pod.uid)
        try:
            if self._footing is None:
                self._footing = prepare(self._pod.content, self._site)
            order = process(self._pod.content, starting, self._footing, self._site)
        except Held as held:
            return wanted.held(held.waiting, until=time.monotonic() + _TRY_AGAIN_SECONDS)
        self._site.runtime.start(order, lambda event: self._inbox.put(partial(self._happened, wanted.name, event)))
        return starting

    def _tell(self) -> None:
        if self._gone:
            return
        phase = self._phase()
        why = self._ending if phase in OVER and self._ending is not None else _OF_ITSELF
        report = Report(
            containers=self._all, since=self._pod.since, phase=phase, reason=why.reason, message=why.message
        )
        if phase in OVER:
            self._release()  # before anybody hears that it is over, and gives its devices to the next
        self._unsaid = not self._pod.tell(report)
        if phase in OVER and self._pod.deleted and not self._unsaid:
            self._unsaid = not self._pod.remove()

    def _phase(self) -> Phase:
        if self._ending is None:
            return container.settled(self._all, self._policy) or container.phase(self._all)
        if container.active(self._all):
            return container.phase(self._all)
        return "Failed" if self._ending.reason else container.outcome(self._all)

    def _see(self, pod: Object) -> None:
        self._pod.content = pod
        if self._pod.deleted:
            kill_at = time.monotonic() + pod["metadata"].get("deletionGracePeriodSeconds", self._grace())
            if self._ending is None or kill_at < self._ending.kill_at < math.inf:
                self._end(Ending(kill_at=kill_at))

    def _end(self, ending: Ending) -> None:
        if self._ending is None:
            now = time.monotonic()
            self._asking = {each.name: now + each.pause for each in container.active(self._all)}
        self._ending = ending

    def _vanish(self) -> None:
        self._vanished = True
        self._kill()

    def _kill(self) -> None:
        self._gone = True
        self._ending = Ending(kill_at=math.inf)
        self._kill_active()

    def _happened(self, name: str, event: Started | Ended) -> None:
        before = self._containers[name]
        match event:
            case Started(at=at):
                self._containers[name] = self._probed(before.started(at))
            case Ended(at=at) if self._gone:
                self._containers[name] = before.lost(at)
            case Ended(at=at, code=code, error=error):
                reason = "StartError" if error else ""
                self._containers[name] = before.ended(at, code, reason=reason, message=error)
        if isinstance(event, Ended):
            self._asking.pop(name, None)
            if name in self._probers:
                self._probers.pop(name).stop()

    def _probed(self, started: Container) -> Container:
        """Where its manifest says how it is asked whether it is ready, it is not before it has said so."""
        for manifest in self._pod.content["spec"]["containers"]:
            probe = readiness.probe(manifest, address(self._pod.content)) if manifest["name"] == started.name else None
            if probe is not None:
                self._probers[started.name] = Prober(
                    probe, lambda ready: self._inbox.put(partial(self._found, started, ready=ready))
                )
                return started.seen_ready(ready=False)
        return started

    def _found(self, started: Container, *, ready: bool) -> None:
        now = self._containers[started.name]
        if now.run == started.run and isinstance(now.state, Running):
            self._containers[started.name] = now.seen_ready(ready=ready)

    def _kill_active(self) -> None:
        self._asking.clear()
        for each in container.active(self._all):
            self._site.runtime.signal(each.run, signal.SIGKILL)

    def _release(self) -> None:
        for prober in self._probers.values():
            prober.stop()
        self._site.devices.release(self._pod.uid)
        self._site.identity.revoke(self._pod.uid)

    def _due(self) -> tuple[Container, ...]:
        return () if self._ending is not None else container.due(self._all, self._policy)

    def _grace(self) -> float:
        return float(self._pod.content["spec"].get("terminationGracePeriodSeconds", _GRACE_SECONDS))

    @property
    def _all(self) -> tuple[Container, ...]:
        return tuple(self._containers.values())
