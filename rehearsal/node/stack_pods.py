"""
The pods of a node whose programs are simulated: the node's NVIDIA stack runs them, the kubelet reports them.

One thread for all of one node. It asks the stack again and again which of them are ready: nothing tells it. Of their
volumes a ConfigMap is looked for, as what is not there keeps a pod from starting; nobody reads a file of theirs.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from queue import Empty, SimpleQueue

from rehearsal.api_server import ApiError, ApiServer, Object
from rehearsal.node import container, pod_volumes
from rehearsal.node.container import Container, Held
from rehearsal.node.instance import InProcess
from rehearsal.node.pod_object import PodObject
from rehearsal.node.pod_status import Report

_LOOK_EVERY_SECONDS = 0.1
_TRY_AGAIN_SECONDS = 1.0
"""Wall seconds between two tries to mount what was not there."""


@dataclass(slots=True, kw_only=True)
class _Entry:
    pod: PodObject
    containers: tuple[Container, ...]
    runs: bool = False
    again: float = math.inf
    """By the monotonic clock: when a pod that lacks a volume is tried again."""


class StackPods:
    """Those pods of one node that its stack owns."""

    def __init__(self, stack: InProcess, api: ApiServer) -> None:
        self._stack = stack
        self._api = api
        self._entries: dict[str, _Entry] = {}
        self._up = True
        self._closed = False
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="stack pods", daemon=True)
        self._thread.start()

    def owns(self, pod: Object) -> bool:
        """Whether this pod is one of the stack's."""
        return self._stack.owns(pod)

    def see(self, pod: Object) -> None:
        """A pod is on the node, or has changed."""
        self._inbox.put(partial(self._see, pod))

    def vanish(self, uid: str) -> None:
        """Its object is gone."""
        self._inbox.put(partial(self._vanish, uid))

    def halt(self) -> None:
        """The node goes down: their programs stop, and nothing more is reported."""
        self._inbox.put(self._halt)

    def resume(self) -> None:
        """The node is back: their programs start again."""
        self._inbox.put(self._resume)

    def close(self) -> None:
        """The node is no more: their programs stop for good."""
        self._inbox.put(self._close)
        self._thread.join()

    def _run(self) -> None:
        look_at = time.monotonic()
        while not self._closed:
            try:
                self._inbox.get(timeout=max(look_at - time.monotonic(), 0))()
            except Empty:
                self._look()
                look_at = time.monotonic() + _LOOK_EVERY_SECONDS

    def _see(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        if uid not in self._entries:
            self._entries[uid] = _Entry(pod=PodObject(pod, self._api), containers=container.containers(pod))
        entry = self._entries[uid]
        entry.pod.content = pod
        if entry.pod.deleted:
            self._stop(entry)
        elif self._up and not entry.runs and entry.again == math.inf:
            self._start(entry)

    def _vanish(self, uid: str) -> None:
        entry = self._entries.pop(uid, None)
        if entry is not None:
            self._stop(entry)

    def _halt(self) -> None:
        self._up = False
        for entry in self._entries.values():
            self._stop(entry)

    def _resume(self) -> None:
        self._up = True
        for entry in self._entries.values():
            if not entry.pod.deleted:
                self._start(entry)

    def _close(self) -> None:
        self._halt()
        self._closed = True

    def _start(self, entry: _Entry) -> None:
        if why := self._lacks(entry.pod.content):
            if entry.again == math.inf:
                entry.pod.warn("FailedMount", why)
            entry.again = time.monotonic() + _TRY_AGAIN_SECONDS
            return
        now, entry.again = time.time(), math.inf
        entry.containers = tuple(_begun(each.lost(now), entry.pod.uid, now) for each in entry.containers)
        entry.runs = True
        self._stack.start(entry.pod.content)

    def _stop(self, entry: _Entry) -> None:
        if entry.runs:
            self._stack.stop(entry.pod.content)
        entry.runs, entry.again = False, math.inf

    def _lacks(self, pod: Object) -> str:
        """Why its volumes cannot be mounted; empty: they can."""
        namespace = pod["metadata"].get("namespace", "")
        for volume in pod["spec"].get("volumes", ()):
            try:
                pod_volumes.contents(volume, pod, partial(self._look_up, namespace))
            except Held as held:
                return f'MountVolume.SetUp failed for volume "{volume["name"]}" : {held.waiting.message}'
        return ""

    def _look_up(self, namespace: str, kind: str, name: str) -> Object | None:
        try:
            return self._api.get(f"/api/v1/namespaces/{namespace}/{kind.lower()}s/{name}")
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise Held(pod_volumes.MOUNT_ERROR, str(error)) from error

    def _look(self) -> None:
        """Report what has changed; a pod that was deleted and has been stopped goes."""
        for entry in self._entries.values() if self._up else ():
            if entry.again <= time.monotonic():
                self._start(entry)
            if entry.runs:
                ready = self._stack.ready(entry.pod.content)
                entry.containers = tuple(c if c.init else c.seen_ready(ready=ready) for c in entry.containers)
            elif entry.pod.deleted:
                entry.pod.remove()
                continue
            phase = container.phase(entry.containers)
            entry.pod.tell(Report(containers=entry.containers, since=entry.pod.since, phase=phase))


def _begun(waiting: Container, pod: str, now: float) -> Container:
    """As if its process ran; an init container's has done its work already."""
    running = waiting.starting(pod).started(now)
    return running.ended(now, 0) if waiting.init else running.seen_ready(ready=False)
