"""GPUs that MIG can cut, and the AWS instance types that carry them."""

from dataclasses import dataclass

from mig.profiles import Profile


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
    """8, or 4 on the small ones."""
    profiles: tuple[Profile, ...]
    balanced: tuple[tuple[str, int], ...]
    """What `all-balanced` cuts one GPU into; empty where MIG Manager has no such entry."""
    assumed: str = ""
    """What NVIDIA's printed tables do not say of this GPU and is assumed here; empty: nothing."""


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
