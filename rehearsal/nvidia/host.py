"""
One simulated machine as NVIDIA's programs on it see it: its GPUs, its clock, its objects in the API server.

It does nothing by itself: the programs of `programs` and `reconfiguration` do.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random

from mig import labels
from mig.gpu import INSTANCE_TYPES, InstanceType
from rehearsal import faults
from rehearsal.clock import Clock
from rehearsal.faults import Fault
from rehearsal.node.instance import Instance
from rehearsal.node.node_objects import NodeObjects
from rehearsal.nvidia import gpus
from rehearsal.nvidia.gpus import Card

_JITTER = (0.8, 1.2)
"""Durations vary by a fifth: no two nodes are ready at the same moment."""

_NOTICE_SECONDS = 0.5
"""Wall seconds in which a program that waits for a label notices that it shall stop."""


class Host:
    """One machine with GPUs."""

    def __init__(self, instance: Instance, reboot: Callable[[], None], *, objects: NodeObjects, clock: Clock) -> None:
        """
        Bring up a machine whose GPUs nobody has cut yet.

        Args:
            instance: which machine it is, and what its run asked for.
            reboot: reboots the node; whatever runs on it is stopped, and started again when it is back.
            objects: its objects in the API server.
            clock: the World's.
        """
        enrolment = instance.enrolment
        self.name = instance.name
        self.type: InstanceType = INSTANCE_TYPES[instance.instance_type]
        self.cards: Sequence[Card] = gpus.fresh(self.type, seed=enrolment.seed, node=instance.name)
        self.objects = objects
        self.clock = clock
        self.plugin: object | None = None
        """The DRA plugin that the kubelet has registered; None: there is none."""
        self.features: frozenset[str] = frozenset()
        """The labels that NFD holds for GFD."""
        self._instance = instance
        self._reboot = reboot
        self._epoch = time.time() - clock.now()
        self._labelled = threading.Condition()
        self._config = ""

    def now(self) -> float:
        """Unix seconds, of a wall clock that runs with the World's."""
        return self._epoch + self.clock.now()

    def dice(self, what: str) -> Random:
        """The same throws for the same seed, node and purpose, whatever else throws dice meanwhile."""
        return Random(f"{self._instance.enrolment.seed}/{self.name}/{what}")  # noqa: S311 (a stage, no secret)

    def spend(self, seconds: float, stop: threading.Event, dice: Random) -> bool:
        """Let about so many simulated seconds pass; True if `stop` was set meanwhile."""
        return self.clock.sleep(seconds * dice.uniform(*_JITTER), stop)

    def fault(self, kind: str) -> Fault | None:
        """The fault of this kind that is meant for this machine, if there is one."""
        facts = {
            "zone": self._instance.zone,
            "market": self._instance.market,
            "instance_type": self._instance.instance_type,
        }
        return next((f for f in self._instance.enrolment.of(kind) if faults.applies(f, **facts)), None)

    def see(self, seen: Mapping[str, str]) -> None:
        """Take note of the node's labels: whoever follows the API server tells it of each change."""
        with self._labelled:
            self._config = seen.get(labels.MIG_CONFIG, "")
            self._labelled.notify_all()

    def other_config(self, last: str, stop: threading.Event) -> str:
        """The value of label `mig.config`, as soon as it is not this one; the same one when `stop` is set first."""
        with self._labelled:
            while self._config == last and not stop.is_set():
                self._labelled.wait(_NOTICE_SECONDS)
            return self._config

    def reboot(self) -> None:
        """Reboot the machine: what its GPUs remember is up to them, and no kubelet wipes slices meanwhile."""
        self.plugin = None
        self.cards = tuple(card.rebooted() for card in self.cards)
        self._reboot()
