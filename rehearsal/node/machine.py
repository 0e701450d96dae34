"""One simulated machine: it boots, registers its Node, says that it lives, reboots, and ends."""

import threading
import time
from collections.abc import Callable

from rehearsal.api_server import Object, insist
from rehearsal.node import node_manifest
from rehearsal.node.instance import InProcess, Instance
from rehearsal.node.kubelet import Kubelet
from rehearsal.node.node_manifest import LEASES, Boot
from rehearsal.node.pod_setup import Site

BOOT_SECONDS = 240.0
"""Simulated seconds from a started instance to its Node: assumed, as AWS gives no figure for machines of this size."""

REBOOT_SECONDS = 240.0
"""Simulated seconds that a reboot takes: "minutes" is all that is known of a p4d."""

_UNHEARD_SECONDS = 50.0
"""Simulated seconds of silence after which the node controller calls a node Unknown: its own default."""

_SLICES = "/apis/resource.k8s.io/v1/resourceslices"


class Machine:
    """One machine."""

    def __init__(
        self,
        instance: Instance,
        site: Site,
        *,
        stack: Callable[[Instance, Callable[[], None]], InProcess],
        kubelet_port: int,
    ) -> None:
        self.instance = instance
        self.kubelet = Kubelet(site, stack(instance, self.reboot))
        self._api = site.api
        self._clock = site.clock
        self._kubelet_port = kubelet_port
        self._path = f"/api/v1/nodes/{instance.name}"
        self._ended = threading.Event()
        self._up = threading.Event()
        self._working = threading.Lock()
        self._boot: Boot | None = None

    def boot(self) -> None:
        """Come up, in a thread of its own."""
        self._begin(self._come_up)

    def reboot(self) -> None:
        """Go down and come up again, in a thread of its own. What runs on it is ended, and started again afterwards."""
        self._begin(self._go_down_and_up)

    def beat(self, now: float) -> None:
        """Say that it lives; one that is down says nothing."""
        if self._up.is_set():
            self._api.patch(f"{LEASES}/{self.instance.name}", node_manifest.renewed(now))

    def end(self) -> None:
        """Go down for good; when this returns, nothing runs on it."""
        self._ended.set()
        with self._working:
            self._up.clear()
            self.kubelet.close()

    def unregister(self, world_ends: threading.Event) -> None:
        """Take what it had registered out of the API server, as the cloud's controller does when a machine is gone."""
        insist(lambda: self._api.delete(self._path), unless=world_ends)
        insist(self._wipe_slices, unless=world_ends)
        self.kubelet.collect()

    def _begin(self, work: Callable[[], None]) -> None:
        threading.Thread(target=self._work, args=(work,), name=self.instance.name, daemon=True).start()

    def _work(self, work: Callable[[], None]) -> None:
        with self._working:
            if not self._ended.is_set():
                work()

    def _come_up(self) -> None:
        if self._clock.sleep(BOOT_SECONDS, self._ended):
            return
        boot = node_manifest.boot(time.time(), self._kubelet_port)
        node = node_manifest.node(self.instance, boot)
        self._start(lambda: self._api.create("/api/v1/nodes", node), self._register_lease)

    def _register_lease(self) -> None:
        self._api.create(LEASES, node_manifest.lease(self._api.get(self._path), time.time()))

    def _go_down_and_up(self) -> None:
        self._up.clear()
        self.kubelet.halt()
        if self._clock.sleep(_UNHEARD_SECONDS, self._ended):
            return
        insist(lambda: self._report(node_manifest.silent(time.time())), unless=self._ended)
        if self._clock.sleep(REBOOT_SECONDS - _UNHEARD_SECONDS, self._ended):
            return
        boot = node_manifest.boot(time.time(), self._kubelet_port)
        self._start(lambda: self._report(node_manifest.up(self.instance, boot, time.time())))

    def _start(self, *registration: Callable[[], object]) -> None:
        """Come up: a kubelet forgets all devices first, since their drivers have yet to register with it."""
        if all(insist(step, unless=self._ended) for step in (self._wipe_slices, *registration)):
            self._up.set()
            self.kubelet.start()

    def _report(self, status: Object) -> None:
        self._api.patch(f"{self._path}/status", {"status": status})

    def _wipe_slices(self) -> None:
        self._api.delete(_SLICES, fieldSelector=f"spec.nodeName={self.instance.name}")
