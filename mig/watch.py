"""
The watch over a run's nodes: the judge that says when all are ready, which are broken, and what to repair meanwhile.

It begins when the nodes were labelled, and each observation makes the next watch. Deadlines are not its business.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

from mig import labels
from mig.readiness import Device, NodeSeen, ReadyNode, ReadySlices, Wanted
from mig.release import Release
from mig.situation import GRACE_SECONDS, Past, Situation, situation
from mig.verdict import Broken, Settled, Verdict, Waiting

STABLE_SECONDS = 5.0
"""For how long a node that was seen changing must look as planned."""

RESTART_SECONDS = 180.0
"""How long a restarted plugin is given to announce what it finds."""

MOST_RESTARTS = 3
"""More than this and the plugin is not what is wrong."""

_NAMED = 3
"""How many nodes a sentence names before it counts the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One node followed through time."""

    wanted: Wanted
    past: Past = field(default_factory=Past)
    seen: NodeSeen | None = None
    """The latest look; None: it was not there."""
    now: float = 0.0
    """When that was."""
    situation: Situation = field(default_factory=lambda: Situation(key="", why="not looked at yet"))
    since: float = 0.0
    """Since when it is in this situation."""
    restarts: int = 0
    """How often its plugin was restarted since its last boot."""
    restarted: float = 0.0
    """When last."""
    restarting: bool = False
    """Whether its plugin is to be restarted now."""

    def with_seen(self, seen: NodeSeen | None, now: float, release: Release) -> Self:
        """The track after one more look; a restart that it makes due counts as done."""
        past = self.past.with_seen(seen) if seen else self.past
        found = situation(self.wanted, seen, past, release)
        booted = past.boot_id != self.past.boot_id
        same = found.key == self.situation.key and not booted
        looked = replace(
            self,
            past=past,
            seen=seen,
            now=now,
            situation=found,
            since=self.since if same else now,
            restarts=0 if booted else self.restarts,
        )
        due = _due(looked, release)
        return replace(
            looked, restarting=due, restarts=looked.restarts + due, restarted=now if due else looked.restarted
        )

    @property
    def ready(self) -> bool:
        """Whether it has looked as planned for long enough; longer where no change was seen to lead there."""
        steady = STABLE_SECONDS if self.past.worked else GRACE_SECONDS
        return self.situation.key == "agreed" and self.now - self.since >= steady

    @property
    def broken(self) -> str:
        """Why it will not become ready any more; empty: it still may."""
        found, name = self.situation, self.wanted.node
        if found.patience is not None and self.now - self.since >= found.patience:
            return f"node {name}: {found.broken}"
        if found.key == "misannounced" and self.restarts == MOST_RESTARTS and self.rested >= RESTART_SECONDS:
            return f"node {name}: its DRA plugin was restarted {self.restarts} times, and still {found.why}"
        return ""

    @property
    def why(self) -> str:
        """What is missing, with the node's name."""
        return f"node {self.wanted.node}: {self.situation.why}"

    @property
    def rested(self) -> float:
        """Seconds since the plugin was last restarted, or since it was first seen to be wrong."""
        return self.now - max(self.since, self.restarted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Everything observed so far of the nodes of one run, and what it means."""

    tracks: tuple[Track, ...]
    release: Release
    capacity: str
    """The market that the nodes came from."""

    @classmethod
    def over(cls, wanted: Iterable[Wanted], release: Release, *, capacity: str) -> Self:
        """A watch over nodes that have just been labelled."""
        return cls(tracks=tuple(Track(wanted=each) for each in wanted), release=release, capacity=capacity)

    def with_seen(self, nodes: Iterable[NodeSeen], now: float) -> Self:
        """What is known after one more look, at `now` seconds of the clock that the nodes run on."""
        by_name = {node.name: node for node in nodes}
        tracks = (track.with_seen(by_name.get(track.wanted.node), now, self.release) for track in self.tracks)
        return replace(self, tracks=tuple(tracks))

    @property
    def repairs(self) -> tuple[str, ...]:
        """Pods of the DRA plugin to delete before the next look: they announce what was there before the change."""
        return tuple(track.seen.plugin_pod for track in self.tracks if track.restarting and track.seen)

    @property
    def share(self) -> float:
        """How many of the nodes are ready, from 0 to 1."""
        return sum(track.ready for track in self.tracks) / len(self.tracks)

    @property
    def verdict(self) -> Verdict[ReadySlices]:
        """Whether every node is cut as planned."""
        if broken := [track.broken for track in self.tracks if track.broken]:
            return Broken(_listed(broken))
        if waiting := [track.why for track in self.tracks if not track.ready]:
            return Waiting(_listed(waiting))
        seen = [(track.wanted, track.seen) for track in self.tracks if track.seen]
        return Settled(
            ReadySlices(
                nodes=tuple(_ready(wanted, node, self.capacity) for wanted, node in seen),
                devices=tuple(device for _, node in seen for device in _devices(node)),
            )
        )


def _due(track: Track, release: Release) -> bool:
    """Whether the plugin has announced the wrong devices for long enough to be restarted."""
    if track.situation.key != "misannounced" or not track.seen or not track.seen.plugin_pod:
        return False
    patience = RESTART_SECONDS if track.restarts else release.plugin_patience_seconds
    return track.restarts < MOST_RESTARTS and track.rested >= patience


def _listed(sentences: list[str]) -> str:
    more = len(sentences) - _NAMED
    return "; ".join(sentences[:_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _ready(wanted: Wanted, node: NodeSeen, capacity: str) -> ReadyNode:
    return ReadyNode(
        name=node.name,
        instance_type=node.labels.get(labels.INSTANCE_TYPE, ""),
        capacity=capacity,
        zone=node.labels.get(labels.ZONE, ""),
        config_name=wanted.layout.config_name,
    )


def _devices(node: NodeSeen) -> tuple[Device, ...]:
    """The MIG devices that a node offers, GPU by GPU: the driver lists them in no order."""
    return tuple(
        Device(
            name=d.name,
            node=node.name,
            profile=d.profile,
            uuid=d.uuid,
            parent_uuid=d.parent_uuid,
            memory_slices=d.memory_slices,
        )
        for d in sorted(node.devices, key=lambda d: (d.parent_uuid, d.profile, d.name))
        if d.type == "mig"
    )
