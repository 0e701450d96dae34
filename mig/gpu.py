"""
GPUs that MIG can cut, and the AWS instance types that carry them, as tables.

Sources: docs/nvidia.md section 5; prices from Karpenter's generated list, a fallback with a date; what AWS asks today
is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from mig.profiles import Engines, FourSlices, Profile, SevenSlices

PRICES_AS_OF = "2026-07-20"
"""Day of the price table: on demand, Linux, from Karpenter's generated price file."""

PRICED_REGION = "us-east-1"

SIZES: Mapping[str, int] = {"small": 1, "medium": 2, "large": 3, "full": 7}
"""A size is the smallest plain profile with at least so many compute slices, or the whole of a GPU that has fewer."""

NO_MIG: Mapping[str, str] = {"g4dn": "T4", "g5": "A10G", "g6": "L4", "gr6": "L4", "g6e": "L40S", "p3": "V100"}
"""Families of instance types whose GPU cannot be cut at all."""

_BALANCED: Mapping[int, Mapping[int, int]] = {7: {3: 1, 2: 1, 1: 2}, 4: {2: 1, 1: 2}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU model."""

    name: str
    """Short name: `A100-40GB`."""
    product: str
    """As NVML says it, with spaces: `NVIDIA A100-SXM4-40GB` (GFD writes dashes)."""
    architecture: str
    """`Ampere`, `Hopper`, `Blackwell`."""
    compute_capability: str
    """`8.0`."""
    memory_mib: int
    compute_slices: int
    """7, or 4 on the small ones."""
    memory_slices: int
    """8, but 4 on the A30 and 12 on the RTX PRO 6000."""
    profiles: tuple[Profile, ...]
    """Biggest first."""
    assumed: str = ""
    """What NVIDIA's printed tables do not say of this GPU and is assumed here; empty: nothing."""

    @property
    def plain(self) -> tuple[Profile, ...]:
        """For each number of compute slices the profile with the least memory and no suffix, biggest first."""
        least = {p.compute_slices: p for p in self.profiles if not p.suffix}
        return tuple(least.values())

    @property
    def balanced(self) -> tuple[tuple[str, int], ...]:
        """What `all-balanced` cuts one GPU into, by MIG Manager's own formula."""
        formula = _BALANCED[self.compute_slices]
        return tuple((p.name, formula[p.compute_slices]) for p in self.plain if p.compute_slices in formula)

    def cut(self, wanted: str) -> Profile | None:
        """The profile that a size or a profile's name means on this GPU; None: it cannot be cut so."""
        if wanted in SIZES:
            least = min(SIZES[wanted], self.compute_slices)
            return next(p for p in reversed(self.plain) if p.compute_slices >= least)
        return next((p for p in self.profiles if p.name == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """One AWS instance type with GPUs that MIG can cut."""

    name: str
    gpu: Gpu
    gpus: int
    vcpus: int
    memory_gib: int
    usd_per_hour: float | None
    """On demand, Linux, us-east-1, by the table dated `PRICES_AS_OF`; None: no table has one."""


_AMPERE = Engines(copy=(1, 1, 2, 3, 4, 7), decoders=(0, 1, 1, 2, 2, 5), jpeg=(0, 0, 0, 0, 0, 1))
_HOPPER = Engines(copy=(1, 1, 2, 3, 4, 8), decoders=(1, 1, 2, 3, 4, 7), jpeg=(1, 1, 2, 3, 4, 7))
_BLACKWELL = Engines(copy=(2, 2, 3, 6, 8, 16), decoders=(1, 1, 2, 3, 4, 7), jpeg=(1, 1, 2, 3, 4, 7))
_GA100 = (14, 14, 28, 42, 56, 98)
_GH100 = (16, 26, 32, 60, 64, 132)
_GB100 = (18, 30, 36, 54, 72, 148)
_EIGHTHS = partial(Gpu, compute_slices=7, memory_slices=8)
_SAME_PLACEMENTS = "it is cut where A100 and H100 are cut"

_A100_40 = _EIGHTHS(
    name="A100-40GB",
    product="NVIDIA A100-SXM4-40GB",
    architecture="Ampere",
    compute_capability="8.0",
    memory_mib=40960,
    profiles=SevenSlices(
        gigabytes=(5, 10, 20, 40), mebibytes=(4864, 9856, 19968, 40192), multiprocessors=_GA100, engines=_AMPERE
    ).profiles(),
)
_A100_80 = _EIGHTHS(
    name="A100-80GB",
    product="NVIDIA A100-SXM4-80GB",
    architecture="Ampere",
    compute_capability="8.0",
    memory_mib=81920,
    profiles=SevenSlices(
        gigabytes=(10, 20, 40, 80), mebibytes=(9728, 19968, 40192, 80384), multiprocessors=_GA100, engines=_AMPERE
    ).profiles(),
)
_A30 = Gpu(
    name="A30",
    product="NVIDIA A30",
    architecture="Ampere",
    compute_capability="8.0",
    memory_mib=24576,
    compute_slices=4,
    memory_slices=4,
    profiles=FourSlices(
        gigabytes=6,
        memory_slices=1,
        mebibytes=(5952, 11968, 24000),
        multiprocessors=(14, 28, 56),
        kinds=(
            ("", 14, 1, 4, (0, 0, 0, 0)),
            ("+me", 21, 1, 1, (1, 0, 1, 1)),
            ("", 5, 2, 2, (2, 0, 0, 0)),
            ("+me", 6, 2, 1, (2, 0, 1, 1)),
            ("", 0, 4, 1, (4, 0, 1, 1)),
        ),
    ).profiles(),
    assumed="its one JPEG and OFA engine allow one profile with +me, not one of each size",
)
_H100_80 = _EIGHTHS(
    name="H100-80GB",
    product="NVIDIA H100 80GB HBM3",
    architecture="Hopper",
    compute_capability="9.0",
    memory_mib=81559,
    profiles=SevenSlices(
        gigabytes=(10, 20, 40, 80), mebibytes=(9984, 20096, 40320, 81152), multiprocessors=_GH100, engines=_HOPPER
    ).profiles(),
)
_H100_94 = _EIGHTHS(
    name="H100-94GB",
    product="NVIDIA H100 NVL",
    architecture="Hopper",
    compute_capability="9.0",
    memory_mib=95830,
    profiles=SevenSlices(
        gigabytes=(12, 24, 47, 94), mebibytes=(11008, 22144, 47488, 95360), multiprocessors=_GH100, engines=_HOPPER
    ).profiles(),
)
_H100_96 = _EIGHTHS(
    name="H100-96GB",
    product="NVIDIA GH200 480GB",
    architecture="Hopper",
    compute_capability="9.0",
    memory_mib=97871,
    profiles=SevenSlices(
        gigabytes=(12, 24, 48, 96), mebibytes=(11264, 23552, 47616, 95232), multiprocessors=_GH100, engines=_HOPPER
    ).profiles(),
)
_H20 = _EIGHTHS(
    name="H20",
    product="NVIDIA H20",
    architecture="Hopper",
    compute_capability="9.0",
    memory_mib=97871,
    profiles=SevenSlices(
        gigabytes=(12, 24, 48, 96),
        mebibytes=(11264, 23552, 47616, 95232),
        multiprocessors=(10, 10, 20, 30, 40, 78),
        engines=_HOPPER,
    ).profiles(),
    assumed=f"{_SAME_PLACEMENTS}; memory as on H100-96GB; the multiprocessors of its slices",
)
_H200 = _EIGHTHS(
    name="H200",
    product="NVIDIA H200",
    architecture="Hopper",
    compute_capability="9.0",
    memory_mib=143771,
    profiles=SevenSlices(
        gigabytes=(18, 35, 71, 141), mebibytes=(16384, 33280, 71168, 143360), multiprocessors=_GH100, engines=_HOPPER
    ).profiles(),
    assumed=_SAME_PLACEMENTS,
)
_B200 = _EIGHTHS(
    name="B200",
    product="NVIDIA B200",
    architecture="Blackwell",
    compute_capability="10.0",
    memory_mib=183359,
    profiles=SevenSlices(
        gigabytes=(23, 45, 90, 180), mebibytes=(20992, 45312, 90624, 181248), multiprocessors=_GB100, engines=_BLACKWELL
    ).profiles(),
    assumed=f"{_SAME_PLACEMENTS}; memory and multiprocessors of 3g, 4g and 7g; media engines as on H100",
)
_B300 = _EIGHTHS(
    name="B300",
    product="NVIDIA B300 SXM6 AC",
    architecture="Blackwell",
    compute_capability="10.3",
    memory_mib=275040,
    profiles=SevenSlices(
        gigabytes=(34, 67, 135, 269),
        mebibytes=(33792, 68096, 136192, 272384),
        multiprocessors=_GB100,
        engines=_BLACKWELL,
    ).profiles(),
    assumed=f"{_SAME_PLACEMENTS}; memory, multiprocessors and media engines",
)
_RTX_PRO_6000 = Gpu(
    name="RTX-PRO-6000",
    product="NVIDIA RTX PRO 6000 Blackwell Server Edition",
    architecture="Blackwell",
    compute_capability="12.0",
    memory_mib=97887,
    compute_slices=4,
    memory_slices=12,
    profiles=FourSlices(
        gigabytes=24,
        memory_slices=3,
        mebibytes=(24192, 48512, 97280),
        multiprocessors=(46, 94, 188),
        kinds=(
            ("", 14, 1, 4, (1, 1, 1, 0)),
            ("+me", 21, 1, 1, (1, 1, 1, 1)),
            ("+gfx", 47, 1, 4, (1, 1, 1, 0)),
            ("+me.all", 65, 1, 1, (4, 4, 4, 1)),
            ("-me", 67, 1, 4, (0, 0, 0, 0)),
            ("", 5, 2, 2, (2, 2, 2, 0)),
            ("+gfx", 35, 2, 2, (2, 2, 2, 0)),
            ("+me.all", 64, 2, 1, (4, 4, 4, 1)),
            ("-me", 66, 2, 2, (0, 0, 0, 0)),
            ("", 0, 4, 1, (4, 4, 4, 1)),
            ("+gfx", 32, 4, 1, (4, 4, 4, 1)),
        ),
    ).profiles(),
    assumed="placements on twelve memory slices, as drivers in the field print them",
)

GPUS: Mapping[str, Gpu] = {
    gpu.name: gpu
    for gpu in (_A100_40, _A100_80, _A30, _H100_80, _H100_94, _H100_96, _H20, _H200, _B200, _B300, _RTX_PRO_6000)
}

INSTANCE_TYPES: Mapping[str, InstanceType] = {
    name: InstanceType(name=name, gpu=gpu, gpus=gpus, vcpus=vcpus, memory_gib=memory_gib, usd_per_hour=usd_per_hour)
    for name, gpu, gpus, vcpus, memory_gib, usd_per_hour in (
        ("p4d.24xlarge", _A100_40, 8, 96, 1152, 21.957642),
        ("p4de.24xlarge", _A100_80, 8, 96, 1152, 27.44705),
        ("p5.4xlarge", _H100_80, 1, 16, 256, 6.88),
        ("p5.48xlarge", _H100_80, 8, 192, 2048, 55.04),
        ("p5e.48xlarge", _H200, 8, 192, 2048, None),  # Capacity Blocks only: it has no price on demand
        ("p5en.48xlarge", _H200, 8, 192, 2048, 63.296),
        ("p6-b200.48xlarge", _B200, 8, 192, 2048, 113.9328),
        ("p6-b300.48xlarge", _B300, 8, 192, 4096, 142.416),
        ("g7e.2xlarge", _RTX_PRO_6000, 1, 8, 64, 3.36312),
        ("g7e.48xlarge", _RTX_PRO_6000, 8, 192, 2048, 33.14432),
    )
}

CUTS: tuple[str, ...] = (
    *SIZES,
    *dict.fromkeys(profile.name for each in INSTANCE_TYPES.values() for profile in each.gpu.profiles),
)
"""Every size, and every profile that some instance type's GPU can be cut into."""
