"""MIG profiles: what a slice is called, how big it is, and where on its GPU it may lie."""

from dataclasses import dataclass


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
