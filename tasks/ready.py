"""Wait until a run's nodes are cut as planned, and restart what announces the wrong devices meanwhile."""

from collections.abc import Iterable

from prefect import task
from prefect.cache_policies import NO_CACHE

from mig import labels
from mig.offer import GpuNodes
from mig.plan import Plan
from mig.readiness import NodeSeen, ReadySlices, assign
from mig.release import RELEASES
from mig.verdict import Broken, Settled, Verdict, Waiting
from mig.watch import Watch
from tasks import kube, observe
from tasks.connect import Site, clock, kubernetes
from tasks.progress import Bar, say
from tasks.wait import Patience, until

JOIN_MINUTES = 30
JOINS = "usually about 8 minutes"
"""From an instance's launch to its node: a p4d is said to boot in about eight minutes (not measured here)."""

CUT_MINUTES = 60
CUTS = "usually within 10 minutes, 30 with a reboot"
"""From node to slices: a first enabling reboots the node, and MIG Manager's own waits may take 25 minutes together."""

JOINED = 50.0
"""Per cent of the way to a ready node at which it has joined."""

EVERY_SECONDS = 5
"""Between two looks: GFD, NFD and MIG Manager all work in rounds of many seconds."""


@task(name="wait for the slices", task_run_name="wait for the slices", cache_policy=NO_CACHE)
def slices_ready(site: Site, plan: Plan, nodes: GpuNodes, release_name: str) -> ReadySlices:
    """
    Every slice of the plan, on nodes where MIG Manager, GFD and ResourceSlices agree.

    Raises Failed, in phase `nodes` when they do not join, in phase `ready` when they do not become what was planned.
    """
    release = RELEASES[release_name]
    time = clock(site)
    bar = Bar("nodes", "nodes, cut as planned")

    def look() -> tuple[NodeSeen, ...]:
        return observe.nodes(site, plan.run_id, release)

    def joined(seen: tuple[NodeSeen, ...]) -> Verdict[tuple[NodeSeen, ...]]:
        if len(seen) < nodes.expected:
            why = f"{len(seen)} of {nodes.expected} nodes have joined the cluster ({JOINS})"
            bar.show(JOINED * len(seen) / nodes.expected, why)
            return Waiting(why)
        return Settled(seen)

    def patience(phase: str, minutes: float) -> Patience:
        return Patience(phase=phase, deadline=minutes * 60, every=EVERY_SECONDS, clock=time, tell=say)

    there = until(look, joined, patience("nodes", JOIN_MINUTES))
    watch = Watch.over(assign(there, plan.nodes), release, capacity=nodes.offer.market)

    def judge(seen: tuple[NodeSeen, ...]) -> Verdict[ReadySlices]:
        nonlocal watch
        watch = watch.with_seen(seen, time.now())
        _restart(site, watch.repairs)
        bar.show(JOINED + (100 - JOINED) * watch.share, _waited_for(watch.verdict))
        return watch.verdict

    return until(look, judge, patience("ready", CUT_MINUTES))


def _waited_for(verdict: Verdict[ReadySlices]) -> str:
    match verdict:
        case Waiting(why):
            return f"{why} ({CUTS})"
        case Settled(slices):
            return f"{len(slices.devices)} slices are there"
        case Broken(why):
            return why


def _restart(site: Site, pods: Iterable[str]) -> None:
    """Delete plugin pods; their DaemonSet starts them anew, and they announce what they find then."""
    for pod in pods:
        say(f"restarting {pod}: it announces devices from before the change")
        kube.delete(kubernetes(site), f"/api/v1/namespaces/{labels.DRA_NAMESPACE}/pods/{pod}")
