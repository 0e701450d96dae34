"""
What runs in the pods of NVIDIA's DaemonSets until it is told to stop: NFD, GFD, both plugins, and what only runs.

MIG Manager has a module of its own. What they write is decided in `gfd` and `dra_plugin`; here is
only when. Durations in simulated seconds; where no source is named, assumed.
"""

import threading
from collections.abc import Callable

from mig import labels
from rehearsal.nvidia import dra_plugin, gfd
from rehearsal.nvidia.charts import DRIVER_ROOT, GPUS, STRATEGY, Told
from rehearsal.nvidia.host import Host

START_SECONDS = 5.0
"""From a pod's start to its program's first work."""

NFD_PASS_SECONDS = 60.0
"""NFD's worker looks at GFD's file once a minute: so long may labels outlive a GFD that has removed its file."""

UNREGISTERED_SECONDS = 30.0
"""After this the kubelet wipes the slices of a plugin that is gone (nvidia.md, section 4)."""

HOST_ROOT = "/"
"""Where the AL2023 NVIDIA image has the driver."""

Program = Callable[[Host, Told, threading.Event, threading.Event], None]
"""Runs on a host, as its pod was told, until the first event is set; sets the second when its pod is Ready."""


def nfd(host: Host, _: Told, stop: threading.Event, up: threading.Event) -> None:
    """Node Feature Discovery's worker: says that there is an NVIDIA device on the PCI bus."""
    if host.spend(START_SECONDS, stop, host.dice("nfd")):
        return
    host.objects.label({labels.PCI_PRESENT: "true"})
    up.set()
    stop.wait()


def feature_discovery(host: Host, told: Told, stop: threading.Event, up: threading.Event) -> None:
    """GFD: looks at the GPUs once, when it starts; its labels appear later, and may be dropped when it ends."""
    dice = host.dice("gfd")
    if host.spend(START_SECONDS, stop, dice):
        return
    up.set()
    release, strategy = told.release, told.environment[STRATEGY]
    found = gfd.node_labels(host.cards, host.type.name, release, host.now(), strategy=strategy)
    if host.clock.sleep(release.gfd_lag_seconds * dice.uniform(0.5, 1), stop):
        return
    mine = frozenset(found)
    host.objects.label({**dict.fromkeys(host.features - mine), **found})
    host.features = mine
    stop.wait()
    if not release.gfd_drops_labels:
        return
    host.clock.sleep(dice.uniform(0, NFD_PASS_SECONDS / 2))
    if host.features is mine:  # no later GFD has spoken meanwhile
        host.objects.label(dict.fromkeys(mine))
        host.features = frozenset()


def device_plugin(host: Host, told: Told, stop: threading.Event, up: threading.Event) -> None:
    """The other plugin: offers the same GPUs as resources of the node, and knows nothing of claims."""
    if host.spend(START_SECONDS, stop, host.dice("device-plugin")):
        return
    offered = gfd.extended_resources(host.cards, told.environment[STRATEGY])
    host.objects.offer(offered)
    up.set()
    stop.wait()
    host.objects.offer(dict.fromkeys(offered, 0))


def kubelet_plugin(host: Host, told: Told, stop: threading.Event, up: threading.Event) -> None:
    """The DRA plugin: announces the GPUs as it found them when it started, and does not look again."""
    if told.environment[DRIVER_ROOT] != HOST_ROOT:  # its init container asks every 10 s for an nvidia-smi there
        stop.wait()
        return
    if GPUS not in told.containers:
        running(host, told, stop, up)
        return
    dice = host.dice("plugin")
    if host.spend(START_SECONDS, stop, dice):
        return
    host.plugin = me = object()
    manifest = dra_plugin.resource_slice(host.name, host.objects.uid(), host.cards, release=told.release, dice=dice)
    host.objects.publish(manifest)
    up.set()
    stop.wait()
    host.clock.sleep(UNREGISTERED_SECONDS)
    if host.plugin is me:  # no other has registered meanwhile
        host.plugin = None
        host.objects.wipe()


def running(host: Host, _: Told, stop: threading.Event, up: threading.Event) -> None:
    """A program of which nobody sees more than that it runs: dcgm-exporter, the validator."""
    if not host.spend(START_SECONDS, stop, host.dice("running")):
        up.set()
        stop.wait()
