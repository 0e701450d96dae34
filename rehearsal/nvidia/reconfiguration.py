"""MIG Manager at work: it follows its node's label and does, one by one, what `mig_manager` yields."""

import threading
from collections.abc import Iterator

from rehearsal.nvidia import mig_manager, mig_parted
from rehearsal.nvidia.charts import REBOOT, Told
from rehearsal.nvidia.host import Host
from rehearsal.nvidia.mig_manager import (
    AwaitClientsGone,
    AwaitGone,
    Cut,
    DeletePods,
    Label,
    Reboot,
    SetMode,
    Spend,
    StartServices,
    Step,
    Steps,
    StopServices,
)
from rehearsal.nvidia.mig_parted import Entry
from rehearsal.nvidia.programs import START_SECONDS

_REAL_SECONDS = 30.0
"""Wall seconds that a real controller and a real API server get to delete a pod, however fast simulated time passes."""

_POLL_SECONDS = 0.1
"""Wall seconds between two looks, each a request to a real API server."""

_STUCK = "nvidia-dcgm-exporter"
"""The client that never goes when the fault `mig_stuck` is set."""


def mig_manager_program(host: Host, told: Told, stop: threading.Event, up: threading.Event) -> None:
    """One MIG Manager pod: applies the value it finds, then each new one; a change during a run is seen after it."""
    if host.spend(START_SECONDS, stop, host.dice("mig-manager")):
        return
    up.set()
    sticky = False
    for value in _values(host, stop):
        seen, wanted = host.objects.labels(), _entry(host, told, value)
        reboots = told.environment[REBOOT] == "true"
        steps = mig_manager.reconfigure(wanted, host.cards, seen, told.release, reboots=reboots, sticky=sticky)
        sticky = _Run(host, told.namespace, stop).do(steps) or sticky


class _Run:
    """One reconfiguration."""

    def __init__(self, host: Host, namespace: str, stop: threading.Event) -> None:
        self._host = host
        self._namespace = namespace
        self._stop = stop
        self._dice = host.dice("reconfiguration")

    def do(self, steps: Steps) -> bool:
        """Do all steps, unless the pod is stopped in between; what they return."""
        try:
            step = next(steps)
            while not self._stop.is_set():
                step = steps.send(self._perform(step))
        except StopIteration as end:
            return bool(end.value)
        return False

    def _perform(self, step: Step) -> bool:
        host = self._host
        match step:
            case Label(changes):
                host.objects.label(changes)
            case Spend(seconds):
                host.spend(seconds, self._stop, self._dice)
            case AwaitGone(app):
                return self._gone(app)
            case AwaitClientsGone():
                return self._gone("")
            case SetMode(wanted):
                host.cards = mig_parted.with_mode(wanted, host.cards)
                return mig_parted.mode_is(wanted, host.cards)
            case Cut(wanted):
                return self._cut(wanted)
            case DeletePods(app):
                host.objects.delete_pods(self._namespace, app)
            case Reboot():
                host.reboot()
            case StopServices() | StartServices():
                pass  # nobody sees it: the node's lease outlives the half minute, and a reboot hides the rest
        return True

    def _gone(self, app: str) -> bool:
        """Whether the pods of this label `app`, or the labelled clients if it is empty, go in time."""
        host = self._host
        seconds = max(mig_manager.GONE_SECONDS, _REAL_SECONDS * host.clock.scale)
        if app == _STUCK and host.fault("mig_stuck") is not None:
            host.clock.sleep(mig_manager.GONE_SECONDS, self._stop)
            return False
        deadline = host.clock.now() + seconds
        while host.objects.pods(self._namespace, app) if app else host.objects.client_pods():
            if host.clock.now() > deadline or self._stop.wait(_POLL_SECONDS):
                return False
        return True

    def _cut(self, wanted: Entry) -> bool:
        host = self._host
        if host.fault("mig_failed") is None:
            try:
                host.cards = mig_parted.with_devices(wanted, host.cards)
            except ValueError:
                pass
            else:
                return True
        host.cards = mig_parted.without_devices(wanted, host.cards)
        return False


def _values(host: Host, stop: threading.Event) -> Iterator[str]:
    """Each value of the node's label, from the one it has now on; only the last of those that come during a run."""
    last = ""
    while not stop.is_set():
        last = host.other_config(last, stop)
        if last and not stop.is_set():
            yield last


def _entry(host: Host, told: Told, name: str) -> Entry | None:
    """From the file that it mounts, and from that alone; where it mounts none, from what it has by itself."""
    if not told.config_map:
        return mig_parted.entry(mig_parted.shipped(host.type.gpu), name, host.cards)
    return mig_parted.entry(host.objects.config_file(told.namespace, told.config_map), name, host.cards)
