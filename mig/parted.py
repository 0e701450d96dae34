"""
The mig-parted file that stands in a cluster: what MIG Manager can always be asked for, whatever GPU a node has.

Ours replaces the one that MIG Manager ships or generates, whole: it has the same names, and runs add theirs
(tasks.geometry). Where a name means another cut on another GPU, the entry tells them apart by PCI device.
"""

from collections.abc import Mapping
from typing import Any

from mig.gpu import GPUS, Gpu
from mig.layout import Geometry, shipped_configs

PCI_IDS: Mapping[str, tuple[str, ...]] = {
    "A100-40GB": ("20B0", "20B1", "20F1", "20F6"),
    "A100-80GB": ("20B2", "20B5", "20F3", "20F5"),
    "A30": ("20B7",),
    "H100-80GB": ("2330", "2331", "2322", "2324"),
    "H100-94GB": ("2321", "233A"),
    "H100-96GB": ("2342", "233D", "20B6"),
    "H20": ("2329",),
    "H200": ("2335", "233B"),
    "B200": ("2901",),
    "B300": ("3182",),
    "RTX-PRO-6000": ("2BB5",),
}
"""PCI device ids by GPU (nvidia.md, section 5); NVIDIA's vendor id is 10DE."""


def device_filter(gpu: Gpu) -> tuple[str, ...]:
    """The GPU as a `device-filter` names it: `0x20B010DE`."""
    return tuple(f"0x{device}10DE" for device in PCI_IDS[gpu.name])


def standing_config() -> dict[str, Any]:
    """`all-disabled`, `all-enabled`, and `all-balanced` and every `all-PROFILE` for every GPU that we know."""
    cuts: dict[str, dict[Geometry, list[Gpu]]] = {}
    for gpu in GPUS.values():
        for name, geometry in shipped_configs(gpu).items():
            cuts.setdefault(name, {}).setdefault(geometry, []).append(gpu)
    whole = {name: [_whole(enabled=enabled)] for name, enabled in (("all-disabled", False), ("all-enabled", True))}
    return {"version": "v1", "mig-configs": {**whole, **{name: _entry(found) for name, found in cuts.items()}}}


def _whole(*, enabled: bool) -> dict[str, Any]:
    return {"devices": "all", "mig-enabled": enabled, "mig-devices": {}}


def _entry(cuts: Mapping[Geometry, list[Gpu]]) -> list[dict[str, Any]]:
    """
    One selection for each cut.

    Without a filter where there is one cut only: on a GPU that has no such profile MIG Manager then fails, where with a
    filter it would find nothing to do, and call that success.
    """
    return [
        {
            **({"device-filter": [pci for gpu in gpus for pci in device_filter(gpu)]} if len(cuts) > 1 else {}),
            "devices": "all",
            "mig-enabled": True,
            "mig-devices": geometry.as_dict(),
        }
        for geometry, gpus in cuts.items()
    ]
