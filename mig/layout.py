"""Geometries: which multisets of profiles one GPU can be cut into, and how MIG Manager is told."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Geometry:
    """A multiset of profiles: what one GPU, or all GPUs of a node together, are cut into."""

    counts: tuple[tuple[str, int], ...]
    """(profile, count), count > 0, biggest slices first, then by name: two equal multisets are equal values."""


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
