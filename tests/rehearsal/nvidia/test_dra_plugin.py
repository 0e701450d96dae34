"""The ResourceSlice is what each pair's driver publishes."""

from random import Random
from typing import Any

import pytest

from mig.gpu import INSTANCE_TYPES
from mig.layout import Geometry, place
from mig.release import ARTICLE, CURRENT, RELEASES, Release
from rehearsal.nvidia.dra_plugin import resource_slice
from rehearsal.nvidia.gpus import Card, fresh

NODE = "ip-10-0-1-23.ec2.internal"
P4D = INSTANCE_TYPES["p4d.24xlarge"]
NEW = fresh(P4D, seed=1, node=NODE)
ENABLED = tuple(card.with_mode(mig=True).rebooted() for card in NEW)
BALANCED = tuple(card.with_devices(place(P4D.gpu, Geometry.of(dict(P4D.gpu.balanced)))) for card in ENABLED)


def published(cards: tuple[Card, ...], release: Release, seed: int = 1) -> dict[str, Any]:
    """The slice of a node with these GPUs."""
    dice = Random(seed)  # noqa: S311 (an order of devices)
    return resource_slice(NODE, "uid-1", cards, release=release, dice=dice)


def device(cards: tuple[Card, ...], release: Release, name: str) -> dict[str, Any]:
    """One device of that slice."""
    found: list[dict[str, Any]] = published(cards, release)["spec"]["devices"]
    return next(one for one in found if one["name"] == name)


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_one_slice_named_like_the_node(release: Release) -> None:
    """One slice, its pool the node, its generation the first, owned by the Node."""
    manifest = published(BALANCED, release)
    spec = {key: value for key, value in manifest["spec"].items() if key != "devices"}

    assert {
        "generateName": release.slice_prefix(NODE),
        "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": NODE, "uid": "uid-1", "controller": True}],
    } == manifest["metadata"]
    assert spec == {
        "driver": "gpu.nvidia.com",
        "nodeName": NODE,
        "pool": {"name": NODE, "generation": 1, "resourceSliceCount": 1},
    }


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        pytest.param(
            CURRENT,
            ["gpu-{}-mig-3g20gb-9-4", "gpu-{}-mig-2g10gb-14-0", "gpu-{}-mig-1g5gb-19-2", "gpu-{}-mig-1g5gb-19-3"],
            id="current",
        ),
        pytest.param(
            ARTICLE, ["gpu-{}-mig-9-4-4", "gpu-{}-mig-14-0-2", "gpu-{}-mig-19-2-1", "gpu-{}-mig-19-3-1"], id="article"
        ),
    ],
)
def test_all_balanced_is_32_devices(release: Release, expected: list[str]) -> None:
    """A p4d cut all-balanced announces its 32 MIG devices, and no GPU."""
    names = [one["name"] for one in published(BALANCED, release)["spec"]["devices"]]

    assert sorted(name.format(gpu) for name in expected for gpu in range(8)) == sorted(names)


def test_mig_device_of_the_article() -> None:
    """Attributes and capacities are those that the article and nvidia.md print."""
    card = BALANCED[0]

    assert {
        "name": "gpu-0-mig-14-0-2",
        "attributes": {
            "type": {"string": "mig"},
            "uuid": {"string": card.devices[1].uuid},
            "parentUUID": {"string": card.uuid},
            "profile": {"string": "2g.10gb"},
            "productName": {"string": "NVIDIA A100-SXM4-40GB"},
            "brand": {"string": "Nvidia"},
            "architecture": {"string": "Ampere"},
            "cudaComputeCapability": {"version": "8.0.0"},
            "driverVersion": {"version": "580.126.9"},
            "cudaDriverVersion": {"version": "13.0.0"},
            "pcieBusID": {"string": "0000:10:1c.0"},
            "resource.kubernetes.io/pcieRoot": {"string": "pci0000:10"},
        },
        "capacity": {
            "memory": {"value": "9856Mi"},
            "multiprocessors": {"value": "28"},
            "copyEngines": {"value": "2"},
            "decoders": {"value": "1"},
            "encoders": {"value": "0"},
            "jpegEngines": {"value": "0"},
            "ofaEngines": {"value": "0"},
            "memorySlice0": {"value": "1"},
            "memorySlice1": {"value": "1"},
        },
    } == device(BALANCED, ARTICLE, "gpu-0-mig-14-0-2")


def test_current_driver_qualifies_the_bus() -> None:
    """The current driver calls the PCI address by Kubernetes' own name, and adds how memory is addressed."""
    ours = device(BALANCED, CURRENT, "gpu-0-mig-1g5gb-19-2")["attributes"]
    old = device(BALANCED, ARTICLE, "gpu-0-mig-19-2-1")["attributes"]

    assert {"resource.kubernetes.io/pciBusID", "addressingMode"} == ours.keys() - old.keys()
    assert {"pcieBusID"} == old.keys() - ours.keys()


def test_whole_gpu() -> None:
    """With MIG off each GPU announces itself, with its memory alone."""
    whole = device(NEW, CURRENT, "gpu-7")

    assert len(published(NEW, CURRENT)["spec"]["devices"]) == 8
    assert whole["capacity"] == {"memory": {"value": "40Gi"}}
    assert whole["attributes"]["type"] == {"string": "gpu"}
    assert {"profile", "parentUUID"}.isdisjoint(whole["attributes"])


def test_enabled_but_empty_announces_nothing() -> None:
    """A GPU in MIG mode without devices is announced in no way."""
    assert published(ENABLED, CURRENT)["spec"]["devices"] == []


def test_order_is_nobodys_promise() -> None:
    """The order of devices differs from start to start; the devices do not."""
    first, second = (published(BALANCED, CURRENT, seed)["spec"]["devices"] for seed in (1, 2))

    assert first != second
    assert sorted(one["name"] for one in first) == sorted(one["name"] for one in second)


@pytest.mark.parametrize("instance_type", INSTANCE_TYPES.values(), ids=INSTANCE_TYPES)
def test_within_the_limits_of_kubernetes(instance_type: Any) -> None:
    """No device has more attributes and capacities than the API allows (32), no slice more devices (128)."""
    for profile in instance_type.gpu.profiles:
        cards = fresh(instance_type, seed=1, node=NODE)
        placed = place(instance_type.gpu, Geometry.of({profile.name: profile.most}))
        cut = tuple(card.with_mode(mig=True).rebooted().with_mode(mig=True).with_devices(placed) for card in cards)
        devices = published(cut, CURRENT)["spec"]["devices"]

        assert 0 < len(devices) <= 128
        assert max(len(one["attributes"]) + len(one["capacity"]) for one in devices) <= 32
