"""
One node's kubelet: which pods are on the node, and who lives them.

Pods of the NVIDIA stack go to `StackPods`; every other one gets a `PodLife`. While the node is down the kubelet only
remembers what it is told, and makes up for it when the node is back.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

from rehearsal.api_server import Object
from rehearsal.node.container import Container
from rehearsal.node.instance import InProcess
from rehearsal.node.pod_life import PodLife
from rehearsal.node.pod_object import PodObject
from rehearsal.node.pod_setup import Site, clear
from rehearsal.node.pod_status import OVER
from rehearsal.node.stack_pods import StackPods

_AT_ONCE = 8
"""How many of its pods' objects are removed side by side."""


class Kubelet:
    """The pods of one node."""

    def __init__(self, site: Site, stack: InProcess) -> None:
        self._site = site
        self._stack = StackPods(stack, site.api)
        self._lock = threading.RLock()
        self._up = False
        self._pods: dict[str, Object] = {}
        self._lives: dict[str, PodLife] = {}
        self._halted: dict[str, tuple[Container, ...]] = {}
        """How the containers of each pod were when the node went down."""

    def start(self) -> None:
        """The node is up: live every pod that is on it."""
        with self._lock:
            self._up = True
            self._stack.resume()
            for pod in self._pods.values():
                self._admit(pod)

    def see(self, pod: Object) -> None:
        """A pod is on this node, or has changed."""
        with self._lock:
            self._pods[pod["metadata"]["uid"]] = pod
            if self._up:
                self._admit(pod)

    def vanish(self, uid: str) -> None:
        """A pod's object is gone."""
        with self._lock:
            pod = self._pods.pop(uid, None)
            self._halted.pop(uid, None)
            life = self._lives.pop(uid, None)
        self._stack.vanish(uid)
        if life is not None:
            life.vanish()
        elif pod is not None:
            clear(pod, self._site)

    def known(self) -> set[str]:
        """The UIDs of the pods on this node."""
        with self._lock:
            return set(self._pods)

    def pods(self) -> list[Object]:
        """The pods on this node, as they were last seen."""
        with self._lock:
            return list(self._pods.values())

    def halt(self) -> None:
        """The node goes down: every process ends at once, and nobody is told anything."""
        with self._lock:
            self._up = False
            lives, self._lives = self._lives, {}
        self._stack.halt()
        for life in lives.values():
            life.halt()
        halted = {uid: life.rest() for uid, life in lives.items()}
        with self._lock:
            self._halted |= {uid: containers for uid, containers in halted.items() if uid in self._pods}

    def close(self) -> None:
        """The node went down for good."""
        self.halt()
        self._stack.close()

    def collect(self) -> None:
        """Remove the objects of this node's pods, as PodGC does some time after a node is gone."""
        with self._lock:
            pods = [PodObject(pod, self._site.api) for pod in self._pods.values()]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(PodObject.collect, pods))
        for pod in pods:
            clear(pod.content, self._site)

    def _admit(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        if self._stack.owns(pod):
            self._stack.see(pod)
        elif uid in self._lives:
            self._lives[uid].see(pod)
        elif uid in self._halted or pod["status"]["phase"] not in OVER:
            self._lives[uid] = PodLife(pod, self._site, containers=self._halted.pop(uid, ()))
            self._lives[uid].start()
