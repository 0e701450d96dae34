"""
GPU Feature Discovery: the labels of a node, as a function of its GPUs.

Strategy `mixed`, as the project installs it. When the labels are written, and how late, is `nvidia_stack`'s
business. Values: nvidia.md, section 3.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from mig import labels
from mig.profiles import Profile
from mig.release import Release
from rehearsal.nvidia.gpus import Card

_NVIDIA = "nvidia.com/"


def node_labels(cards: Sequence[Card], machine: str, release: Release, now: float) -> dict[str, str]:
    """What GFD says of a machine with these GPUs when it starts at this time (unix seconds)."""
    return {
        labels.GFD_TIMESTAMP: str(int(now)),
        f"{_NVIDIA}gpu.machine": machine,
        f"{_NVIDIA}mps.capable": "false",
        labels.MIG_CAPABLE: "true",
        labels.MIG_STRATEGY: "mixed",
        **_versions(release),
        **_gpus(cards),
        **_mig(cards),
    }


def _versions(release: Release) -> dict[str, str]:
    major, minor, revision = release.driver_version.split(".")
    cuda_major, cuda_minor = release.cuda_version.split(".")
    return {
        f"{_NVIDIA}cuda.driver.major": major,
        f"{_NVIDIA}cuda.driver.minor": minor,
        f"{_NVIDIA}cuda.driver.rev": revision,
        f"{_NVIDIA}cuda.driver-version.major": major,
        f"{_NVIDIA}cuda.driver-version.minor": minor,
        f"{_NVIDIA}cuda.driver-version.revision": revision,
        f"{_NVIDIA}cuda.driver-version.full": release.driver_version,
        f"{_NVIDIA}cuda.runtime.major": cuda_major,
        f"{_NVIDIA}cuda.runtime.minor": cuda_minor,
        f"{_NVIDIA}cuda.runtime-version.major": cuda_major,
        f"{_NVIDIA}cuda.runtime-version.minor": cuda_minor,
        f"{_NVIDIA}cuda.runtime-version.full": release.cuda_version,
    }


def _gpus(cards: Sequence[Card]) -> dict[str, str]:
    model = cards[0].model
    major, minor = model.compute_capability.split(".")
    whole = any(not card.mig for card in cards)
    return {
        labels.GPU_PRODUCT: _dashed(model.product),
        labels.GPU_COUNT: str(len(cards)),
        f"{_NVIDIA}gpu.memory": str(model.memory_mib),
        f"{_NVIDIA}gpu.replicas": "1" if whole else "0",  # a GPU in MIG mode has no sharing resource
        f"{_NVIDIA}gpu.sharing-strategy": "none",
        f"{_NVIDIA}gpu.family": model.architecture.lower(),
        f"{_NVIDIA}gpu.compute.major": major,
        f"{_NVIDIA}gpu.compute.minor": minor,
        f"{_NVIDIA}gpu.mode": "compute",
    }


def _mig(cards: Sequence[Card]) -> dict[str, str]:
    counts = Counter(device.profile for card in cards for device in card.devices)
    product = _dashed(cards[0].model.product)
    return {
        labels.profile_label(profile.name, suffix): value
        for profile, count in counts.items()
        for suffix, value in _resource(profile, product, count).items()
    }


def _resource(profile: Profile, product: str, count: int) -> Mapping[str, str]:
    return {
        "count": str(count),
        "product": f"{product}-MIG-{profile.name.replace('+', '.')}",
        "replicas": "1",
        "sharing-strategy": "none",
        "memory": str(profile.memory_mib),
        "multiprocessors": str(profile.multiprocessors),
        "slices.gi": str(profile.compute_slices),
        "slices.ci": str(profile.compute_slices),
        "engines.copy": str(profile.copy_engines),
        "engines.decoder": str(profile.decoders),
        "engines.encoder": str(profile.encoders),
        "engines.jpeg": str(profile.jpeg_engines),
        "engines.ofa": str(profile.ofa_engines),
    }


def _dashed(product: str) -> str:
    return product.replace(" ", "-")
