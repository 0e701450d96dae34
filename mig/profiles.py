"""
MIG profiles: what a slice is called, how big it is, and where on its GPU it may lie.

GPUs are cut on one of two grids, of seven compute slices or of four; GPU models differ by the memory that names a
profile and by what each slice holds. Placements and resources are NVIDIA's (nvidia.md section 5, `nvidia-smi mig -lgip`
and `-lgipp`); what a driver branch shifts by 100 MiB or so is not known here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

_NAME = re.compile(r"(?P<compute>\d+)g\.(?P<gigabytes>\d+)gb(?P<suffix>.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One MIG profile of one GPU model."""

    name: str
    """As NVIDIA writes it: `1g.5gb`, `1g.5gb+me`, `3g.20gb`."""
    gi_id: int
    """GPU-instance profile id, as `nvidia-smi mig -lgip` prints it."""
    compute_slices: int
    memory_slices: int
    """Memory slices that one instance covers: the size of its placement."""
    starts: tuple[int, ...]
    """Memory slices at which an instance may begin."""
    most: int
    """How many one GPU holds at most."""
    memory_mib: int
    multiprocessors: int
    copy_engines: int = 0
    decoders: int = 0
    encoders: int = 0
    jpeg_engines: int = 0
    ofa_engines: int = 0

    @property
    def media(self) -> tuple[int, int, int, int]:
        """Decoders, encoders, JPEG and OFA engines: an instance has them for itself, the GPU no more than its whole."""
        return self.decoders, self.encoders, self.jpeg_engines, self.ofa_engines

    @property
    def suffix(self) -> str:
        """What follows the size: empty, `+me`, `+gfx`, `+me.all` or `-me`."""
        return self.name.partition("gb")[2]


def biggest_first(name: str) -> tuple[int, int, str]:
    """Sort key of profile names: compute slices, then memory, biggest first; then by name."""
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise ValueError(f"{name!r} is no profile; one is written like 3g.20gb or 1g.5gb+me")
    return -int(parts["compute"]), -int(parts["gigabytes"]), parts["suffix"]


Each = tuple[int, int, int, int, int, int]
"""Of a GPU of seven slices: for 1g, 1g with double memory, 2g, 3g, 4g and 7g."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """What an architecture gives to each profile beside memory and multiprocessors."""

    copy: Each
    decoders: Each
    jpeg: Each


@dataclass(frozen=True, slots=True, kw_only=True)
class SevenSlices:
    """What a GPU of seven compute and eight memory slices gives to each profile."""

    gigabytes: tuple[int, int, int, int]
    """In the names: of an eighth, a quarter, a half and the whole of the memory."""
    mebibytes: tuple[int, int, int, int]
    """Really usable, of the same four."""
    multiprocessors: Each
    engines: Engines

    def profiles(self) -> tuple[Profile, ...]:
        """All seven, biggest first."""
        return tuple(sorted(self._each(), key=lambda profile: biggest_first(profile.name)))

    def _each(self) -> Iterator[Profile]:
        for which, (gi_id, compute, share, starts) in enumerate(_SEVEN):
            profile = Profile(
                name=f"{compute}g.{self.gigabytes[share]}gb",
                gi_id=gi_id,
                compute_slices=compute,
                memory_slices=2**share,
                starts=starts,
                most=len(starts),
                memory_mib=self.mebibytes[share],
                multiprocessors=self.multiprocessors[which],
                copy_engines=self.engines.copy[which],
                decoders=self.engines.decoders[which],
                jpeg_engines=self.engines.jpeg[which],
                ofa_engines=int(compute == _WHOLE),
            )
            yield profile
            if which == 0:
                yield replace(
                    profile, name=f"{profile.name}+me", gi_id=20, most=1, decoders=1, jpeg_engines=1, ofa_engines=1
                )


_WHOLE = 7
_SEVEN = (
    # GI id, compute slices, share of the memory (0: an eighth ... 3: the whole), starts
    (19, 1, 0, (0, 1, 2, 3, 4, 5, 6)),
    (15, 1, 1, (0, 2, 4, 6)),
    (14, 2, 1, (0, 2, 4)),
    (9, 3, 2, (0, 4)),
    (5, 4, 2, (0,)),
    (0, 7, 3, (0,)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FourSlices:
    """What a GPU of four compute slices gives to each profile."""

    gigabytes: int
    """In the names, of a quarter of the memory."""
    memory_slices: int
    """Of a quarter of the GPU."""
    mebibytes: tuple[int, int, int]
    """Really usable, of 1g, 2g and 4g."""
    multiprocessors: tuple[int, int, int]
    kinds: tuple[tuple[str, int, int, int, tuple[int, int, int, int]], ...]
    """Suffix, GI id, compute slices, how many at most, and decoders, encoders, JPEG and OFA engines."""

    def profiles(self) -> tuple[Profile, ...]:
        """All kinds, biggest first."""
        return tuple(sorted(self._each(), key=lambda profile: biggest_first(profile.name)))

    def _each(self) -> Iterator[Profile]:
        for suffix, gi_id, compute, most, (decoders, encoders, jpeg, ofa) in self.kinds:
            size = compute * self.memory_slices
            yield Profile(
                name=f"{compute}g.{compute * self.gigabytes}gb{suffix}",
                gi_id=gi_id,
                compute_slices=compute,
                memory_slices=size,
                starts=tuple(range(0, 4 * self.memory_slices, size)),
                most=most,
                memory_mib=self.mebibytes[compute // 2],
                multiprocessors=self.multiprocessors[compute // 2],
                copy_engines=compute,
                decoders=decoders,
                encoders=encoders,
                jpeg_engines=jpeg,
                ofa_engines=ofa,
            )
