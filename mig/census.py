"""
The census: which slices a cluster has, who holds them, and who waits for more, whoever they belong to.

Counted from what nodes publish and claims say. A device that disappeared while a claim holds it is no slice any more,
and is named instead of counted: its pod computes on nothing that the next one could get.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mig.readiness import DeviceSeen

Row = dict[str, str | int]
"""A line of a table, by its columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSeen:
    """One ResourceClaim, as far as it is about this driver's devices."""

    holder: str
    """The run that it belongs to; for anybody else's, `namespace/claim`."""
    held: tuple[tuple[str, str], ...]
    """Pool and name of each device that it was given. What it may only look at (admin access) it does not hold."""
    waits_for: tuple[str, ...]
    """A profile for each device that it still asks for; a DeviceClass where that is not the class of one profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Slices of one profile; a GPU that is not cut counts as profile `gpu`."""

    profile: str
    total: int
    allocated: int
    pending: int = 0
    """Asked for and not given yet. Zero for a single node: who waits does so for none in particular."""

    @property
    def available(self) -> int:
        """What is published and free."""
        return self.total - self.allocated


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A device that a claim holds and no node publishes any more."""

    node: str
    device: str
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """The slices of a cluster at one moment."""

    profiles: tuple[Count, ...]
    nodes: Mapping[str, tuple[Count, ...]]
    """The same, node by node."""
    holders: Mapping[str, tuple[Count, ...]]
    """What each run, or other claim, holds and waits for; its total is what it holds."""
    gone: tuple[Gone, ...]


def count(pools: Mapping[str, Sequence[DeviceSeen]], claims: Iterable[ClaimSeen]) -> Census:
    """Count what is published, by pool (a node has one, named like itself), against what claims say."""
    profiles = {(pool, device.name): _profile(device) for pool, devices in pools.items() for device in devices}
    claims = tuple(claims)
    held = {device: claim.holder for claim in claims for device in claim.held}
    there = [device for device in held if device in profiles]
    return Census(
        profiles=_counts(profiles.values(), (profiles[d] for d in there), (p for c in claims for p in c.waits_for)),
        nodes={
            pool: _counts((_profile(d) for d in devices), (profiles[d] for d in there if d[0] == pool))
            for pool, devices in sorted(pools.items())
        },
        holders=_by_holder(claims, profiles),
        gone=tuple(
            Gone(node=node, device=name, holder=holder)
            for (node, name), holder in sorted(held.items())
            if (node, name) not in profiles
        ),
    )


def table(census: Census, *, by_node: bool = False) -> list[Row]:
    """The census as the lines of a table: by profile, or by node and profile."""
    if by_node:
        return [{"node": node, **_row(each)} for node, counts in census.nodes.items() for each in counts]
    return [{**_row(each), "pending": each.pending} for each in census.profiles]


def holdings(census: Census) -> list[Row]:
    """Who holds how many, who waits for how many, and whose devices are gone, as the lines of a table."""
    lost = Counter(each.holder for each in census.gone)
    rows: list[Row] = [
        {"holder": holder, "profile": each.profile, "holds": each.allocated, "waits for": each.pending}
        for holder, counts in census.holders.items()
        for each in counts
    ]
    return rows + [{"holder": who, "profile": "gone", "holds": lost[who], "waits for": 0} for who in sorted(lost)]


def summary(census: Census) -> dict[str, list[Row]]:
    """Everything, for a program."""
    return {
        "slices": table(census),
        "nodes": table(census, by_node=True),
        "holders": holdings(census),
        "gone": [{"node": each.node, "device": each.device, "holder": each.holder} for each in census.gone],
    }


def _profile(device: DeviceSeen) -> str:
    return device.profile or device.type


def _counts(published: Iterable[str], held: Iterable[str], asked: Iterable[str] = ()) -> tuple[Count, ...]:
    total, allocated, pending = Counter(published), Counter(held), Counter(asked)
    return tuple(
        Count(profile=name, total=total[name], allocated=allocated[name], pending=pending[name])
        for name in sorted({*total, *allocated, *pending})
    )


def _by_holder(claims: Iterable[ClaimSeen], profiles: Mapping[tuple[str, str], str]) -> Mapping[str, tuple[Count, ...]]:
    held: dict[str, list[str]] = {}
    asked: dict[str, list[str]] = {}
    for claim in claims:
        held.setdefault(claim.holder, []).extend(profiles[d] for d in claim.held if d in profiles)
        asked.setdefault(claim.holder, []).extend(claim.waits_for)
    counted = {holder: _counts(mine, mine, asked[holder]) for holder, mine in sorted(held.items())}
    return {holder: counts for holder, counts in counted.items() if counts}


def _row(each: Count) -> Row:
    return {
        "profile": each.profile,
        "total": each.total,
        "allocated": each.allocated,
        "available": each.available,
    }
