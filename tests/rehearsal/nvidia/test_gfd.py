"""GFD's labels are those that nvidia.md prints for a p4d.24xlarge."""

from collections.abc import Mapping

import pytest

from mig.gpu import INSTANCE_TYPES
from mig.layout import Geometry, place
from mig.release import CURRENT
from rehearsal.nvidia.gfd import extended_resources, node_labels
from rehearsal.nvidia.gpus import Card, fresh

P4D = INSTANCE_TYPES["p4d.24xlarge"]
NEW = fresh(P4D, seed=1, node="node-a")
ENABLED = tuple(card.with_mode(mig=True).rebooted() for card in NEW)


def cut(counts: Mapping[str, int]) -> tuple[Card, ...]:
    """All eight GPUs cut alike."""
    return tuple(card.with_devices(place(P4D.gpu, Geometry.of(counts))) for card in ENABLED)


BALANCED = cut({"1g.5gb": 2, "2g.10gb": 1, "3g.20gb": 1})

NODE = {
    "gfd.timestamp": "1764000000",
    "cuda.driver.major": "580",
    "cuda.driver.minor": "126",
    "cuda.driver.rev": "09",
    "cuda.driver-version.major": "580",
    "cuda.driver-version.minor": "126",
    "cuda.driver-version.revision": "09",
    "cuda.driver-version.full": "580.126.09",
    "cuda.runtime.major": "13",
    "cuda.runtime.minor": "0",
    "cuda.runtime-version.major": "13",
    "cuda.runtime-version.minor": "0",
    "cuda.runtime-version.full": "13.0",
    "gpu.machine": "p4d.24xlarge",
    "gpu.product": "NVIDIA-A100-SXM4-40GB",
    "gpu.count": "8",
    "gpu.memory": "40960",
    "gpu.replicas": "0",
    "gpu.sharing-strategy": "none",
    "gpu.family": "ampere",
    "gpu.compute.major": "8",
    "gpu.compute.minor": "0",
    "gpu.mode": "compute",
    "mig.capable": "true",
    "mps.capable": "false",
    "mig.strategy": "mixed",
}
"""Of nvidia.md's first table, without their prefix."""

SUFFIXES = (
    "count",
    "product",
    "memory",
    "multiprocessors",
    "slices.gi",
    "slices.ci",
    "engines.copy",
    "engines.decoder",
    "engines.encoder",
    "engines.jpeg",
    "engines.ofa",
    "replicas",
    "sharing-strategy",
)
PROFILES = {
    "1g.5gb": "16 NVIDIA-A100-SXM4-40GB-MIG-1g.5gb 4864 14 1 1 1 0 0 0 0 1 none",
    "2g.10gb": "8 NVIDIA-A100-SXM4-40GB-MIG-2g.10gb 9856 28 2 2 2 1 0 0 0 1 none",
    "3g.20gb": "8 NVIDIA-A100-SXM4-40GB-MIG-3g.20gb 19968 42 3 3 3 2 0 0 0 1 none",
}
"""Of its second table, in the order of the suffixes."""


def told(cards: tuple[Card, ...], strategy: str = "mixed") -> dict[str, str]:
    """GFD's labels, without their prefix."""
    found = node_labels(cards, P4D.name, CURRENT, 1_764_000_000.9, strategy=strategy)
    return {key.removeprefix("nvidia.com/"): value for key, value in found.items()}


def test_all_balanced() -> None:
    """Every label of the node and of each profile, and no other."""
    profiles = {
        f"mig-{profile}.{suffix}": value
        for profile, values in PROFILES.items()
        for suffix, value in zip(SUFFIXES, values.split(), strict=True)
    }

    assert NODE | profiles == told(BALANCED)


@pytest.mark.parametrize(
    ("cards", "replicas"),
    [
        pytest.param(NEW, "1", id="MIG off"),
        pytest.param(ENABLED, "0", id="MIG on but empty"),
    ],
)
def test_nothing_cut(cards: tuple[Card, ...], replicas: str) -> None:
    """Without MIG devices there are no labels of profiles, and nothing is INVALID: the strategy is mixed."""
    assert NODE | {"gpu.replicas": replicas} == told(cards)


UNIFORM = {
    "gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb",
    "gpu.count": "56",
    "gpu.replicas": "1",
    "gpu.memory": "4864",
    "gpu.multiprocessors": "14",
    "mig.strategy": "single",
}
INVALID = {
    "gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-INVALID",
    "gpu.count": "0",
    "gpu.replicas": "0",
    "gpu.memory": "0",
    "gpu.sharing-strategy": "",
    "mig.strategy": "single",
}
MIXED = (*NEW[:4], *BALANCED[4:])


@pytest.mark.parametrize(
    ("strategy", "cards", "expected"),
    [
        pytest.param("none", BALANCED, {"gpu.count": "8", "mig.strategy": ""}, id="nothing is said of MIG"),
        pytest.param("single", cut({"1g.5gb": 7}), UNIFORM, id="single: slices of one size take the GPUs' place"),
        pytest.param("single", NEW, {"gpu.count": "8", "mig.strategy": "single"}, id="single: MIG off"),
        pytest.param("single", BALANCED, INVALID, id="single: slices of several sizes"),
        pytest.param("single", ENABLED, INVALID, id="single: MIG on but empty"),
        pytest.param("single", MIXED, INVALID, id="single: some GPUs cut, some not"),
    ],
)
def test_other_strategies(strategy: str, cards: tuple[Card, ...], expected: Mapping[str, str]) -> None:
    """No label of a profile is there, and the GPUs' own say what nvidia.md prints."""
    found = told(cards, strategy)

    assert dict(expected) == {key: found.get(key, "") for key in expected}
    assert [] == [key for key in found if key.startswith("mig-")]


@pytest.mark.parametrize(
    ("strategy", "cards", "expected"),
    [
        pytest.param("mixed", BALANCED, {"mig-1g.5gb": 16, "mig-2g.10gb": 8, "mig-3g.20gb": 8}, id="mixed"),
        pytest.param("mixed", NEW, {"gpu": 8}, id="whole GPUs"),
        pytest.param("single", cut({"1g.5gb": 7}), {"gpu": 56}, id="single"),
        pytest.param("single", BALANCED, {}, id="single, of several sizes"),
    ],
)
def test_what_a_device_plugin_offers(strategy: str, cards: tuple[Card, ...], expected: Mapping[str, int]) -> None:
    """Resources of the node, by the same strategies."""
    assert {f"nvidia.com/{name}": count for name, count in expected.items()} == extended_resources(cards, strategy)


def test_media_extension() -> None:
    """The plus of a profile becomes a dot: a label can hold none, neither in its key nor in its value."""
    found = told(cut({"1g.5gb+me": 1}))

    assert found["mig-1g.5gb.me.count"] == "8"
    assert found["mig-1g.5gb.me.product"] == "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb.me"
