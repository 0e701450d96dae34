"""
The DRA kubelet plugin's ResourceSlice, as a function of the GPUs that it saw when it started.

One slice a node, its pool named like the node; a GPU in MIG mode announces its MIG devices and not itself, and nothing
at all while it has none. Names, attributes and capacities: docs/nvidia.md, section 4.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from mig import labels
from mig.release import Release
from rehearsal.nvidia.gpus import Card, MigDevice

_MIB_PER_GIB = 1024


def resource_slice(node: str, uid: str, cards: Sequence[Card], *, release: Release, dice: Random) -> dict[str, Any]:
    """What the plugin publishes for a node; the driver walks a map, so the order of devices is nobody's promise."""
    devices = [device for card in cards for device in _announced(card, release)]
    dice.shuffle(devices)
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {
            "generateName": release.slice_prefix(node),
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid, "controller": True}],
        },
        "spec": {
            "driver": labels.DRIVER,
            "nodeName": node,
            "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
            "devices": devices,
        },
    }


def _announced(card: Card, release: Release) -> Iterator[dict[str, Any]]:
    if not card.mig:
        yield {
            "name": f"gpu-{card.minor}",
            "attributes": {"type": _string("gpu"), "uuid": _string(card.uuid), **_shared(card, release)},
            "capacity": {"memory": {"value": _mebibytes(card.model.memory_mib)}},
        }
    for device in card.devices:
        yield _mig(card, device, release)


def _mig(card: Card, device: MigDevice, release: Release) -> dict[str, Any]:
    profile = device.profile
    size = profile.memory_slices
    return {
        "name": release.device_name(card.minor, profile.name, gi_id=profile.gi_id, start=device.start, size=size),
        "attributes": {
            "type": _string("mig"),
            "uuid": _string(device.uuid),
            "parentUUID": _string(card.uuid),
            "profile": _string(profile.name),
            **_shared(card, release),
        },
        "capacity": {
            "memory": {"value": _mebibytes(profile.memory_mib)},
            "multiprocessors": {"value": str(profile.multiprocessors)},
            "copyEngines": {"value": str(profile.copy_engines)},
            "decoders": {"value": str(profile.decoders)},
            "encoders": {"value": str(profile.encoders)},
            "jpegEngines": {"value": str(profile.jpeg_engines)},
            "ofaEngines": {"value": str(profile.ofa_engines)},
            **{f"memorySlice{index}": {"value": "1"} for index in range(device.start, device.start + size)},
        },
    }


def _shared(card: Card, release: Release) -> dict[str, Any]:
    """What MIG devices and whole GPUs say alike."""
    model = card.model
    return {
        "productName": _string(model.product),
        "brand": _string("Nvidia"),
        "architecture": _string(model.architecture),
        "cudaComputeCapability": _version(model.compute_capability),
        "driverVersion": _version(release.driver_version),
        "cudaDriverVersion": _version(release.cuda_version),
        release.pci_attribute: _string(card.pci),
        "resource.kubernetes.io/pcieRoot": _string(f"pci{card.pci[:7]}"),
        **{name: _string(value) for name, value in release.extra_attributes.items()},
    }


def _string(value: str) -> dict[str, str]:
    return {"string": value}


def _version(value: str) -> dict[str, str]:
    """As a semantic version: three numbers, no leading zeros (`580.126.09` is `580.126.9`)."""
    numbers = [str(int(number)) for number in value.split(".")]
    return {"version": ".".join([*numbers, "0", "0"][:3])}


def _mebibytes(count: int) -> str:
    """As Kubernetes writes a quantity: the biggest unit that needs no fraction."""
    return f"{count // _MIB_PER_GIB}Gi" if count % _MIB_PER_GIB == 0 else f"{count}Mi"
