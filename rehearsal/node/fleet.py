"""
The simulated GPU nodes of a World: machines that boot, register with the API server, and run the pods bound to them.

Real are the objects, the scheduling and the processes of the pods; simulated are the machines, their boot and what
NVIDIA's software does on them. A node's processes are this machine's: they see its cores and its memory.
"""

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mig.release import Release
from rehearsal import private
from rehearsal.api_server import ApiError, ApiServer, Object, Watch
from rehearsal.clock import Clock
from rehearsal.node.claims import Devices
from rehearsal.node.container_log import Logs
from rehearsal.node.instance import InProcess, Instance
from rehearsal.node.kubelet_api import KubeletApi
from rehearsal.node.machine import Machine
from rehearsal.node.pod_identity_agent import Grant, PodIdentityAgent
from rehearsal.node.pod_setup import Site
from rehearsal.node.runtime import Runtime
from rehearsal.node.services import Services

__all__ = ["Fleet", "InProcess", "Instance"]  # the face of the nodes to the rest of the stage

_HEARTBEAT_SECONDS = 10.0
"""Wall seconds: the real node controller, which listens for it, knows no other clock."""


@dataclass(kw_only=True, eq=False)
class Fleet:
    """All simulated nodes of one World."""

    kubeconfig: Path
    """How to reach the API server, with the rights of all nodes together."""
    folder: Path
    """Private to the fleet; it ends with it."""
    clock: Clock
    serving: tuple[Path, Path]
    """Certificate and key of the nodes' log endpoint: the API server trusts it."""
    client_ca: Path
    """Who vouches for the API server when it calls a node."""
    environment: Mapping[str, str]
    """What every process is told besides its manifest."""
    grant: Grant
    """Which S3 credentials a namespace's service account has."""
    driver: Callable[[], Release | None]
    """The DRA driver that stands in the cluster now; None: there is none."""
    stack: Callable[[Instance, Callable[[], None]], InProcess]
    """Makes the NVIDIA side of one node; it is given what reboots the node."""

    def __post_init__(self) -> None:
        """Serve, and follow the pods, from now on."""
        self._machines: dict[str, Machine] = {}
        """By the name of their Node."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._api = ApiServer(self.kubeconfig, scratch=private.folder(self.folder / "keys"))
        self._runtime = Runtime()
        self._identity = PodIdentityAgent(self.grant)
        self._logs = Logs(private.folder(self.folder / "logs"), self._runtime.writes)
        self._kubelet_api = KubeletApi(self._logs, serving=self.serving, client_ca=self.client_ca)
        self._services = Services(self._api, self._pods)
        # Only pods that the scheduler has bound: the fleet has every node there is.
        self._watch = Watch(self._api, "/api/v1/pods", fieldSelector="spec.nodeName!=")
        self._threads = (
            threading.Thread(target=self._watch.run, args=(self._listed, self._changed), name="fleet", daemon=True),
            threading.Thread(target=self._beat, name="heartbeats", daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def boot(self, instance: Instance) -> None:
        """Boot a machine, and do not wait: its Node registers when it is up."""
        site = Site(
            node=instance.name,
            driver=self.driver,
            api=self._api,
            runtime=self._runtime,
            devices=Devices(),
            identity=self._identity,
            logs=self._logs,
            clock=self.clock,
            folder=private.folder(self.folder / "pods"),
            environment=self.environment,
        )
        machine = Machine(instance, site, stack=self.stack, kubelet_port=self._kubelet_api.port)
        with self._lock:
            self._machines[instance.name] = machine
        machine.boot()

    def terminate(self, instance_id: str) -> None:
        """End a machine as EC2 does, without asking its pods; when this returns, nothing of the node is left."""
        for machine in self._all():
            if machine.instance.id == instance_id:
                machine.end()
                machine.unregister(self._stop)
                with self._lock:
                    self._machines.pop(machine.instance.name, None)

    def instances(self) -> tuple[Instance, ...]:
        """The machines that are up, or on their way."""
        return tuple(machine.instance for machine in self._all())

    def stop(self) -> None:
        """End everything with the World: no process, port or file is left. The API server is told nothing."""
        self._stop.set()
        self._watch.stop()
        for thread in self._threads:
            thread.join()
        for machine in self._all():
            machine.end()
        self._runtime.close()
        self._services.close()
        self._kubelet_api.close()
        self._identity.close()
        self._api.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _pods(self) -> list[Object]:
        return [pod for machine in self._all() for pod in machine.kubelet.pods()]

    def _listed(self, pods: list[Object]) -> None:
        """All pods there are: those that are not among them went unseen."""
        there = {pod["metadata"]["uid"] for pod in pods}
        for machine in self._all():
            for uid in machine.kubelet.known() - there:
                machine.kubelet.vanish(uid)
        for pod in pods:
            self._changed("ADDED", pod)

    def _changed(self, kind: str, pod: Object) -> None:
        with self._lock:
            machine = self._machines.get(pod["spec"]["nodeName"])
        if machine is None:  # its pods are PodGC's
            return
        if kind == "DELETED":
            machine.kubelet.vanish(pod["metadata"]["uid"])
        else:
            machine.kubelet.see(pod)

    def _beat(self) -> None:
        while not self._stop.wait(_HEARTBEAT_SECONDS):
            for machine in self._all():
                try:
                    machine.beat(time.time())
                except ApiError:  # the node controller will notice if that goes on
                    continue

    def _all(self) -> list[Machine]:
        with self._lock:
            return list(self._machines.values())
