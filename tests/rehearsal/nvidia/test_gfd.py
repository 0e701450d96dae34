"""GFD's labels are those that nvidia.md prints for a p4d.24xlarge."""

from collections.abc import Mapping

import pytest

from mig.gpu import INSTANCE_TYPES
from mig.layout import Geometry, place
from mig.release import CURRENT
from rehearsal.nvidia.gfd import node_labels
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


def told(cards: tuple[Card, ...]) -> dict[str, str]:
    """GFD's labels, without their prefix."""
    found = node_labels(cards, P4D.name, CURRENT, 1_764_000_000.9)
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


def test_media_extension() -> None:
    """The plus of a profile becomes a dot: a label can hold none, neither in its key nor in its value."""
    found = told(cut({"1g.5gb+me": 1}))

    assert found["mig-1g.5gb.me.count"] == "8"
    assert found["mig-1g.5gb.me.product"] == "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb.me"
