"""
DeviceClasses: a name for each kind of MIG slice, so that a claim needs no CEL of its own and a quota can count.

A profile has a class, and a size has one that takes whatever profile a GPU has for it. Which of them stand in a cluster
is not known here.
"""

from collections.abc import Iterable
from typing import Any

from mig import labels
from mig.gpu import GPUS, INSTANCE_TYPES, SIZES

Manifest = dict[str, Any]

API_VERSION = "resource.k8s.io/v1"
PROFILES: tuple[str, ...] = tuple(sorted({profile.name for gpu in GPUS.values() for profile in gpu.profiles}))
"""Of every GPU that we know."""

NAMES: tuple[str, ...] = tuple(labels.device_class(kind) for kind in (*PROFILES, *SIZES))
"""All classes that can be of ours: what a claim may name."""


def kinds(instance_types: Iterable[str]) -> tuple[str, ...]:
    """Profiles and sizes that can be asked for on these instance types, profiles first."""
    gpus = [INSTANCE_TYPES[name].gpu for name in instance_types]
    return (*sorted({profile.name for gpu in gpus for profile in gpu.profiles}), *SIZES)


def device_class(kind: str) -> Manifest:
    """The class of one profile's devices, or of one size's: `1g.5gb`, `small`."""
    said = f'device.attributes["{labels.DRIVER}"]'
    chosen = f"in [{', '.join(_quoted(profiles(kind)))}]" if kind in SIZES else f'== "{kind}"'
    return {
        "apiVersion": API_VERSION,
        "kind": "DeviceClass",
        "metadata": {"name": labels.device_class(kind), "labels": labels.OURS},
        "spec": {
            "selectors": [
                {
                    "cel": {
                        "expression": f'device.driver == "{labels.DRIVER}" && {said}.type == "mig" && '
                        f"{said}.profile {chosen}"
                    }
                }
            ]
        },
    }


def profiles(size: str) -> tuple[str, ...]:
    """What a size means on the GPUs that we know."""
    return tuple(sorted({cut.name for gpu in GPUS.values() if (cut := gpu.cut(size)) is not None}))


def claim_spec(kind: str) -> Manifest:
    """A claim for one slice of that profile or size, as it stands in a ResourceClaimTemplate."""
    wanted = {"deviceClassName": labels.device_class(kind), "allocationMode": "ExactCount", "count": 1}
    return {"devices": {"requests": [{"name": "slice", "exactly": wanted}]}}


def quota_key(kind: str) -> str:
    """What a ResourceQuota limits: devices claimed through the class."""
    return f"{labels.device_class(kind)}.deviceclass.resource.k8s.io/devices"


def _quoted(names: Iterable[str]) -> Iterable[str]:
    return (f'"{name}"' for name in names)
