"""
NVIDIA's side of one simulated node: the programs in the pods that the DaemonSet controller puts there.

The node agent tells it of each such pod, and runs none of them itself. Which pods come and go is decided by labels,
selectors and the real controller; what a program does is in `programs` and `reconfiguration`.
"""

import logging
import threading

from rehearsal.api_server import ApiError, Object
from rehearsal.nvidia import charts
from rehearsal.nvidia.charts import Told
from rehearsal.nvidia.host import Host
from rehearsal.nvidia.programs import Program, device_plugin, feature_discovery, kubelet_plugin, nfd, running
from rehearsal.nvidia.reconfiguration import mig_manager_program

_LOG = logging.getLogger(__name__)
_RESTART_SECONDS = 1.0
"""Wall seconds after which a program that could not reach the API server is started again."""


class NvidiaStack:
    """One node's NVIDIA side, as the node agent sees it (`rehearsal.node.instance.InProcess`)."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._running: dict[str, _Running] = {}

    def owns(self, pod: Object) -> bool:
        """Whether a pod is NVIDIA's."""
        return _daemon_set(pod) in charts.NAMES

    def start(self, pod: Object) -> None:
        """Start what a pod of ours is there for."""
        name = _daemon_set(pod)
        program = _PROGRAMS.get(name, running)
        self._running[pod["metadata"]["uid"]] = _Running(program, self._host, Told.by(pod), name)

    def ready(self, pod: Object) -> bool:
        """Whether it has come so far as to be Ready."""
        known = self._running.get(pod["metadata"]["uid"])
        return known is not None and known.up.is_set()

    def stop(self, pod: Object) -> None:
        """End it; what it still has to clear up, it clears up after that."""
        known = self._running.pop(pod["metadata"]["uid"], None)
        if known is not None:
            known.stop.set()


class NoGpus:
    """What a node without GPUs has of NVIDIA's: the pods that are everywhere, which find nothing."""

    def owns(self, pod: Object) -> bool:
        """Whether a pod is NVIDIA's."""
        return _daemon_set(pod) in charts.NAMES

    def start(self, pod: Object) -> None:
        """There is nothing to be done."""

    def ready(self, pod: Object) -> bool:
        """At once."""
        return self.owns(pod)

    def stop(self, pod: Object) -> None:
        """Nothing runs."""


class _Running:
    """One program in one pod, in a thread of its own."""

    def __init__(self, program: Program, host: Host, told: Told, name: str) -> None:
        self.stop = threading.Event()
        self.up = threading.Event()
        self._program = program
        self._host = host
        self._told = told
        self._name = f"{host.name}/{name}"
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self._program(self._host, self._told, self.stop, self.up)
            except ApiError as error:
                _LOG.warning("%s: %s", self._name, error)
            self.up.clear()
            if self.stop.wait(_RESTART_SECONDS):
                return


_PROGRAMS: dict[str, Program] = {
    charts.NFD: nfd,
    charts.GFD: feature_discovery,
    charts.MIG_MANAGER: mig_manager_program,
    charts.DEVICE_PLUGIN: device_plugin,
    **dict.fromkeys(charts.PLUGINS, kubelet_plugin),
}
"""By DaemonSet."""


def _daemon_set(pod: Object) -> str:
    return next((str(o["name"]) for o in pod["metadata"].get("ownerReferences", ()) if o["kind"] == "DaemonSet"), "")
