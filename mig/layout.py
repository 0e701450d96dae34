"""
Geometries: which multisets of profiles one GPU can be cut into, where each instance lies, and how MIG Manager is told.

Legal geometries are found from the placement rules, not typed in. What is already on a GPU is not known here.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from mig.gpu import Gpu
from mig.profiles import Profile, biggest_first


@dataclass(frozen=True, slots=True)
class Geometry:
    """A multiset of profiles: what one GPU, or all GPUs of a node together, are cut into."""

    counts: tuple[tuple[str, int], ...]
    """(profile, count), count > 0, biggest slices first, then by name: two equal multisets are equal values."""

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Self:
        """A geometry of profile names and counts, in any order; what counts zero is left out."""
        kept = (name for name in counts if counts[name])
        return cls(tuple((name, counts[name]) for name in sorted(kept, key=biggest_first)))

    def as_dict(self) -> dict[str, int]:
        """Profile name to count, biggest slices first."""
        return dict(self.counts)

    @property
    def total(self) -> int:
        """How many devices."""
        return sum(count for _, count in self.counts)

    def contains(self, other: Self) -> bool:
        """Whether every device of the other is also here, counted."""
        mine = self.as_dict()
        return all(mine.get(name, 0) >= count for name, count in other.counts)

    def plus(self, other: Self) -> Self:
        """Both together."""
        return self.of(Counter(self.as_dict()) + Counter(other.as_dict()))

    def times(self, copies: int) -> Self:
        """So many copies of it together."""
        return self.of({name: count * copies for name, count in self.counts})

    def __str__(self) -> str:
        return " + ".join(f"{count} × {name}" for name, count in self.counts) or "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One MIG instance on one GPU."""

    profile: str
    start: int
    """First memory slice."""
    size: int
    """Memory slices covered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLayout:
    """How all GPUs of one node are cut, and under which name MIG Manager finds it."""

    config_name: str
    """`all-balanced`, `all-1g.5gb`, or `mig-` with a digest of the content for a geometry of our own."""
    gpus: tuple[Geometry, ...]
    """One for each GPU, by index."""
    shipped: bool
    """Whether MIG Manager ships this config; if not, it is written to our ConfigMap before the node exists."""

    @property
    def geometry(self) -> Geometry:
        """What the whole node offers."""
        return total(self.gpus)


def total(geometries: Iterable[Geometry]) -> Geometry:
    """All of them together."""
    counted: Counter[str] = Counter()
    for geometry in geometries:
        counted.update(geometry.as_dict())
    return Geometry.of(counted)


@cache
def legal_geometries(gpu: Gpu, *, plain_only: bool = False) -> tuple[Geometry, ...]:
    """
    Every multiset of at least one instance that fits the GPU, in a fixed order.

    Goes along the memory slices: at each one either nothing begins, or an instance of a profile that may begin there.
    `plain_only` leaves out suffixes and double memory.
    """
    profiles = gpu.plain if plain_only else gpu.profiles
    found: set[tuple[int, tuple[str, ...]]] = {(0, ())}
    for here in range(gpu.memory_slices):
        beginning = [p for p in profiles if here in p.starts]
        for names in [names for free, names in found if free <= here]:
            for profile in beginning:
                more = tuple(sorted((*names, profile.name)))
                if _within(gpu, more):
                    found.add((here + profile.memory_slices, more))
    return tuple(sorted({Geometry.of(Counter(names)) for _, names in found if names}, key=lambda g: g.counts))


def maximal(gpu: Gpu, *, plain_only: bool = False) -> tuple[Geometry, ...]:
    """The legal geometries to which no further instance can be added."""
    legal = legal_geometries(gpu, plain_only=plain_only)
    return tuple(g for g in legal if not any(other != g and other.contains(g) for other in legal))


def place(gpu: Gpu, geometry: Geometry) -> tuple[Placed, ...]:
    """
    Where each instance comes to lie, in the order of creation: as MIG Manager asks and the driver answers.

    The biggest comes first, and each goes where it leaves the most ways for later ones, else as low as it can. That
    this is the driver's own rule is inferred from what NVIDIA prints. Raises ValueError for what does not fit.
    """
    names = [name for name, count in geometry.counts for _ in range(count)]
    profiles = [profile for profile in map(gpu.cut, names) if profile is not None]
    starts = _starts(gpu, profiles, taken=0) if len(profiles) == len(names) and _within(gpu, names) else None
    if starts is None:
        raise ValueError(f"{gpu.name} cannot be cut into {geometry}")
    return tuple(
        Placed(profile=profile.name, start=start, size=profile.memory_slices)
        for profile, start in zip(profiles, starts, strict=True)
    )


def shipped_configs(gpu: Gpu) -> dict[str, Geometry]:
    """What MIG Manager has ready for this GPU, by config name: how each GPU of a node is cut."""
    uniform = {f"all-{p.name.replace('+', '.')}": Geometry.of({p.name: p.most}) for p in gpu.profiles}
    return {"all-balanced": Geometry.of(dict(gpu.balanced)), **uniform}


def node_layout(gpu: Gpu, gpus: Sequence[Geometry]) -> NodeLayout:
    """A node whose GPUs are cut so: under the shipped name where there is one, else under a name of its content."""
    for name, geometry in shipped_configs(gpu).items():
        if all(cut == geometry for cut in gpus):
            return NodeLayout(config_name=name, gpus=tuple(gpus), shipped=True)
    return NodeLayout(config_name=_digest_name(gpus), gpus=tuple(gpus), shipped=False)


def mig_parted(layouts: Iterable[NodeLayout]) -> dict[str, Any]:
    """The config file of nvidia-mig-parted (version v1) with one entry for each config name."""
    return {"version": "v1", "mig-configs": {layout.config_name: _entry(layout.gpus) for layout in layouts}}


def _within(gpu: Gpu, names: Iterable[str]) -> bool:
    """Whether the GPU has what these instances share out: compute slices, media engines, and each profile's most."""
    counts = Counter(names)
    cut = [(profile, counts[profile.name]) for profile in gpu.profiles if profile.name in counts]
    whole = gpu.profiles[0].media
    media = [sum(engines) for engines in zip(*([n * count for n in p.media] for p, count in cut), strict=True)]
    return (
        all(count <= profile.most for profile, count in cut)
        and sum(profile.compute_slices * count for profile, count in cut) <= gpu.compute_slices
        and all(used <= there for used, there in zip(media, whole, strict=False))
    )


def _starts(gpu: Gpu, profiles: Sequence[Profile], *, taken: int) -> tuple[int, ...] | None:
    """A start for each profile in turn, given the memory slices already taken (as bits); None: there is no way."""
    if not profiles:
        return ()
    first, *rest = profiles
    free = [start for start in first.starts if not taken & _bits(first, start)]
    for start in sorted(free, key=lambda start: (-_ways(gpu, taken | _bits(first, start)), start)):
        others = _starts(gpu, rest, taken=taken | _bits(first, start))
        if others is not None:
            return (start, *others)
    return None


def _ways(gpu: Gpu, taken: int) -> int:
    return sum(not taken & _bits(profile, start) for profile in gpu.plain for start in profile.starts)


def _bits(profile: Profile, start: int) -> int:
    return ((1 << profile.memory_slices) - 1) << start


def _entry(gpus: Sequence[Geometry]) -> list[dict[str, Any]]:
    """Distinct layouts in the order of their first GPU. A GPU that is cut into nothing still has MIG enabled."""
    indexes: dict[Geometry, list[int]] = {}
    for index, geometry in enumerate(gpus):
        indexes.setdefault(geometry, []).append(index)
    return [
        {
            "devices": "all" if len(indexes) == 1 else where,
            "mig-enabled": True,
            "mig-devices": geometry.as_dict(),
        }
        for geometry, where in indexes.items()
    ]


def _digest_name(gpus: Sequence[Geometry]) -> str:
    content = json.dumps(_entry(gpus), sort_keys=True)
    return f"mig-{hashlib.sha256(content.encode()).hexdigest()[:10]}"
