"""
GPU Feature Discovery: the labels of a node, as a function of its GPUs.

By each of its strategies. When the labels are written, and how late, is `programs`' business. Values: nvidia.md,
section 3.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from mig import labels
from mig.profiles import Profile
from mig.release import Release
from rehearsal.nvidia.gpus import Card

_NVIDIA = "nvidia.com/"


def node_labels(
    cards: Sequence[Card], machine: str, release: Release, now: float, *, strategy: str = "mixed"
) -> dict[str, str]:
    """What GFD says of a machine with these GPUs when it starts at this time (unix seconds)."""
    by_strategy = {"single": _single, "mixed": _mixed}.get(strategy, _none)
    return {
        labels.GFD_TIMESTAMP: str(int(now)),
        f"{_NVIDIA}gpu.machine": machine,
        f"{_NVIDIA}mps.capable": "false",
        labels.MIG_CAPABLE: "true",
        **_versions(release),
        **_gpus(cards),
        **by_strategy(cards),
    }


def extended_resources(cards: Sequence[Card], strategy: str) -> dict[str, int]:
    """What a device plugin makes of the same GPUs: the resources that it offers, and how many of each."""
    whole = {labels.GPU_RESOURCE: sum(not card.mig for card in cards)}
    cut = Counter(device.profile.name for card in cards for device in card.devices)
    if strategy == "mixed":
        named = {f"{labels.MIG_LABEL}{profile.replace('+', '.')}": count for profile, count in cut.items()}
        return {name: count for name, count in {**whole, **named}.items() if count}
    if strategy == "single" and any(card.mig for card in cards):
        return {labels.GPU_RESOURCE: cut.total()} if _uniform(cards) else {}
    return whole


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


def _none(_: Sequence[Card]) -> dict[str, str]:
    """Nothing is said of MIG."""
    return {}


def _single(cards: Sequence[Card]) -> dict[str, str]:
    """MIG devices in place of the GPUs, where all are alike; else the product says that it is INVALID."""
    own = {labels.MIG_STRATEGY: "single"}
    if not any(card.mig for card in cards):
        return own
    product = _dashed(cards[0].model.product)
    devices = [device.profile for card in cards for device in card.devices]
    if _uniform(cards):
        said = _resource(devices[0], product, len(devices))
    else:
        nothing = {"count": "0", "replicas": "0", "memory": "0", "sharing-strategy": ""}
        said = {"product": f"{product}-MIG-INVALID", **nothing}
    return own | {f"{_NVIDIA}gpu.{suffix}": value for suffix, value in said.items()}


def _uniform(cards: Sequence[Card]) -> bool:
    """Whether every GPU is in MIG mode and cut, and all devices are of one profile."""
    return all(card.devices for card in cards) and len({d.profile.name for card in cards for d in card.devices}) == 1


def _mixed(cards: Sequence[Card]) -> dict[str, str]:
    counts = Counter(device.profile for card in cards for device in card.devices)
    product = _dashed(cards[0].model.product)
    return {labels.MIG_STRATEGY: "mixed"} | {
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
