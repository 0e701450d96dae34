"""
Situations: what one look at a node means, given what is remembered of it. No single label is trusted, and no name.

docs/nvidia.md (sections 2 and 8) says why each rule is there. How long something lasts, and
what to do about it, is the business of `mig.watch`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from mig import labels, missing
from mig.layout import Geometry, NodeLayout
from mig.readiness import DeviceSeen, NodeSeen, Wanted
from mig.release import Release

GRACE_SECONDS = 60.0
"""How long what was there before a node was labelled may still be seen: an old `success`, an old `failed`."""

GFD_SECONDS = 120.0
"""How long GFD's fresh labels may disagree with the plan before that is the truth: two of its own rounds."""

GONE_SECONDS = 300.0
"""How long a node that is not rebooting may be away from the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What must be remembered of a node to understand the next look at it; it begins when the node is labelled."""

    boot_id: str = ""
    state: str = ""
    """MIG Manager's last known state."""
    stamp: str = ""
    """GFD's last known timestamp."""
    moved: bool = False
    """Whether a state other than `failed` was seen: a later `failed` is then an answer to our label."""
    worked: bool = False
    """Whether the node was seen changing: an old success is then worth nothing, and neither are old GFD labels."""
    stale: str = ""
    """The timestamp of GFD's labels from before that change."""

    def with_seen(self, node: NodeSeen) -> Self:
        """What is remembered after one more look."""
        state, stamp = node.labels.get(labels.MIG_CONFIG_STATE, ""), node.labels.get(labels.GFD_TIMESTAMP, "")
        rebooted = bool(self.boot_id) and node.boot_id not in {"", self.boot_id}
        working = state in {"pending", "rebooting"}
        known = stamp or self.stamp
        return replace(
            self,
            boot_id=node.boot_id or self.boot_id,
            state=state,
            stamp=known,
            moved=self.moved or state != "failed",
            worked=self.worked or working or rebooted,
            stale=self.stamp if rebooted else known if working else self.stale,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What one node is going through."""

    key: str
    """The same key at the next look means that it is still going through it."""
    why: str
    """What is missing, in words a person reads while waiting."""
    patience: float | None = None
    """Seconds that it may last; None: as long as the deadline allows."""
    broken: str = ""
    """What is said when it lasted longer, with the way out."""


def situation(wanted: Wanted, node: NodeSeen | None, past: Past, release: Release) -> Situation:
    """The first thing that keeps a node from being ready; key `agreed` when there is none."""
    if node is None:
        return _away(past)
    return (
        _relabelled(wanted, node)
        or _manager(wanted, node, past, release)
        or _unfit(node, release)
        or _miscounted(wanted, node, past, release)
        or _misannounced(wanted, node)
        or _offered_twice(node)
        or Situation(key="agreed", why="cut as planned, once more to be sure")
    )


def _away(past: Past) -> Situation:
    if past.state == "rebooting":
        return Situation(key="away, rebooting", why="rebooting into MIG mode, away from the API")
    return Situation(
        key="away",
        why="away from the API",
        patience=GONE_SECONDS,
        broken="left the cluster while it was being prepared: interrupted or replaced",
    )


def _relabelled(wanted: Wanted, node: NodeSeen) -> Situation | None:
    config, ours = node.labels.get(labels.MIG_CONFIG, ""), wanted.layout.config_name
    if config == ours:
        return None
    return Situation(
        key=f"labelled {config}",
        why=f"label {labels.MIG_CONFIG} is {config!r}, not yet {ours!r}",
        patience=GRACE_SECONDS,
        broken=f"somebody set label {labels.MIG_CONFIG} to {config!r}; this run needs {ours!r}",
    )


def _manager(wanted: Wanted, node: NodeSeen, past: Past, release: Release) -> Situation | None:
    """What MIG Manager itself says; None only when it says `success`."""
    ours = wanted.layout.config_name
    if node.manager_crashing:
        return Situation(
            key="crashing",
            why="MIG Manager crashes at its start",
            patience=GRACE_SECONDS,
            broken="MIG Manager crashes again and again at its start, before it writes any state; its log says why",
        )
    match past.state:
        case "success":
            return None
        case "failed":
            return _failed(ours, node.name, past)
        case "pending":
            return _pending(ours, node.name, release)
        case "rebooting":
            return Situation(key="rebooting", why="rebooting into MIG mode")
        case state:
            return _asleep(node) or Situation(key=f"state {state}", why=f"MIG Manager has not taken up {ours!r} yet")


def _asleep(node: NodeSeen) -> Situation | None:
    """Whether MIG Manager is not there at all: then no label is ever acted on."""
    why = missing.link(node) if node.ready else ""
    return _missing(why) if why else None


def _missing(why: str) -> Situation:
    minutes = missing.MISSING_SECONDS / 60
    broken = f"for {minutes:.0f} minutes {why}"
    return Situation(key=f"missing {why}", why=why, patience=missing.MISSING_SECONDS, broken=broken)


def _failed(config: str, node: str, past: Past) -> Situation:
    return Situation(
        key="failed",
        why="MIG Manager's state is 'failed', perhaps from before",
        patience=0.0 if past.moved else GRACE_SECONDS,
        broken=f"MIG Manager failed to apply {config!r} and does not try again by itself; its log says why. "
        f"{_way_out(node)}",
    )


def _pending(config: str, node: str, release: Release) -> Situation:
    return Situation(
        key="pending",
        why=f"MIG Manager applies {config!r}",
        patience=release.wedge_minutes * 60,
        broken=f"MIG Manager has been at 'pending' for {release.wedge_minutes:.0f} minutes, longer than all its waits "
        f"together: it gave up on pods that do not go, without saying so. {_way_out(node)}",
    )


def _way_out(node: str) -> str:
    return (
        f"Way out: set the node's {labels.DEPLOY}* labels that are {labels.PAUSED!r} back to 'true' and delete MIG "
        f"Manager's pod there (kubectl -n {labels.OPERATOR_NAMESPACE} delete pod -l {labels.MIG_MANAGER} "
        f"--field-selector spec.nodeName={node}), or take another node"
    )


def _unfit(node: NodeSeen, release: Release) -> Situation | None:
    """Whether the node cannot run pods again yet, NVIDIA's own included."""
    if not node.ready or not node.boot_id:
        return Situation(key="not Ready", why="not Ready")
    paused = (k for k, v in node.labels.items() if k.startswith(labels.DEPLOY) and v == labels.PAUSED)
    named = ", ".join(sorted(key.removeprefix(labels.DEPLOY) for key in paused))
    if not named:
        return None
    return Situation(
        key="paused",
        why=f"still paused for the MIG change: {named}",
        patience=release.wedge_minutes * 60,
        broken=f"MIG Manager left {named} paused. {_way_out(node.name)}",
    )


def _miscounted(wanted: Wanted, node: NodeSeen, past: Past, release: Release) -> Situation | None:
    """Whether GFD's labels are stale, or count something other than the plan."""
    stamp, ours = node.labels.get(labels.GFD_TIMESTAMP, ""), wanted.layout.config_name
    if not stamp or (past.worked and stamp == past.stale):
        return Situation(key="GFD stale", why="waiting for fresh labels from GPU Feature Discovery")
    wrong = _difference(wanted.layout, node)
    if not wrong:
        return None
    if not past.worked:
        return Situation(
            key="success stale",
            why=f"'success' is from before, MIG Manager has not begun: {wrong}",
            patience=release.wedge_minutes * 60,
            broken=f"MIG Manager never took up {ours!r}: {wrong}",
        )
    return Situation(
        key="miscounted",
        why=wrong,
        patience=GFD_SECONDS,
        broken=f"MIG Manager says 'success', yet the GPUs are not cut as planned: {wrong}. "
        f"Perhaps the device filter of entry {ours!r} matches none of these GPUs",
    )


def _difference(layout: NodeLayout, node: NodeSeen) -> str:
    """How GFD's labels differ from the plan; empty: they agree."""
    product, strategy = node.labels.get(labels.GPU_PRODUCT, ""), node.labels.get(labels.MIG_STRATEGY, "")
    if product.endswith("-MIG-INVALID"):
        return f"label {labels.GPU_PRODUCT} is {product!r} (GPU Operator's mig.strategy must be 'mixed')"
    if strategy != "mixed":
        return f"label {labels.MIG_STRATEGY} is {strategy!r}, not 'mixed' (GPU Operator's mig.strategy)"
    planned = Counter({labels.profile_label(name, "count"): count for name, count in layout.geometry.counts})
    seen = {k: v for k, v in node.labels.items() if k.startswith(labels.MIG_LABEL) and k.endswith(".count")}
    return ", ".join(
        f"label {key} is {seen.get(key, 'absent')}, planned {planned[key]}"
        for key in sorted(seen.keys() | planned.keys())
        if seen.get(key, "0") != str(planned[key])
    )


def _misannounced(wanted: Wanted, node: NodeSeen) -> Situation | None:
    """Whether the DRA driver offers something other than the plan cuts, GPU for GPU."""
    if why := missing.plugin(node):
        return _missing(why)
    whole = sum(device.type == "gpu" for device in node.devices)
    if _cut(wanted.layout.gpus) == _announced(node.devices) and not whole:
        return None
    found, planned = len(node.devices) - whole, wanted.layout.geometry.total
    besides = f" and {whole} whole GPUs" if whole else ""
    return Situation(
        key="misannounced", why=f"the DRA plugin announces {found} MIG devices{besides}, not the {planned} planned ones"
    )


def _offered_twice(node: NodeSeen) -> Situation | None:
    """Whether a device plugin gives away what the DRA driver does: nothing tells the two of each other."""
    if not node.offered:
        return None
    why = f"a device plugin offers {', '.join(node.offered)} on it, beside the DRA driver"
    broken = f"{why}: one slice could be given to two pods; GPU Operator's devicePlugin.enabled must be false"
    return Situation(key="offered twice", why=why, patience=GRACE_SECONDS, broken=broken)


def _cut(gpus: Iterable[Geometry]) -> Counter[frozenset[tuple[str, int]]]:
    return Counter(frozenset(geometry.counts) for geometry in gpus if geometry.counts)


def _announced(devices: Iterable[DeviceSeen]) -> Counter[frozenset[tuple[str, int]]]:
    by_gpu: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for device in devices:
        if device.type == "mig":
            by_gpu[device.parent_uuid][device.profile] += 1
    return Counter(frozenset(profiles.items()) for profiles in by_gpu.values())
