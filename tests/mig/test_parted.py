"""The file that stands in a cluster serves every GPU as MIG Manager's own would."""

import pytest

from mig.gpu import GPUS, Gpu
from mig.layout import shipped_configs
from mig.parted import PCI_IDS, device_filter, standing_config

CONFIGS = standing_config()["mig-configs"]


def cut(name: str, gpu: Gpu) -> list[dict[str, int]]:
    """What an entry makes of a GPU."""
    ids = set(device_filter(gpu))
    parts = [part for part in CONFIGS[name] if not part.get("device-filter") or ids & set(part["device-filter"])]
    return [part["mig-devices"] for part in parts]


@pytest.mark.parametrize("gpu", GPUS.values(), ids=GPUS)
def test_every_shipped_cut(gpu: Gpu) -> None:
    """What MIG Manager ships for a GPU means the same cut here, and only one."""
    assert [] == [
        (name, cut(name, gpu))
        for name, shipped in shipped_configs(gpu).items()
        if [shipped.as_dict()] != cut(name, gpu)
    ]


def test_whole() -> None:
    """The two names that cut nothing are there: the operator's own default is one of them."""
    assert {"devices": "all", "mig-enabled": False, "mig-devices": {}} == CONFIGS["all-disabled"][0]
    assert {"devices": "all", "mig-enabled": True, "mig-devices": {}} == CONFIGS["all-enabled"][0]


def test_wrong_gpu_fails() -> None:
    """A cut that one GPU alone has no filter: on another it must fail, not succeed with nothing."""
    assert "device-filter" not in CONFIGS["all-1g.5gb"][0]
    assert 2 == len(CONFIGS["all-1g.10gb"])


def test_gpus_are_told_apart() -> None:
    """No PCI device is two GPUs."""
    ids = [device for devices in PCI_IDS.values() for device in devices]

    assert sorted(set(ids)) == sorted(ids)
    assert GPUS.keys() == PCI_IDS.keys()
