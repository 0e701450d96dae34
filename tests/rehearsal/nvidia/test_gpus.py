"""GPUs change as the driver lets them, and their UUIDs can be predicted."""

import pytest

from mig.gpu import INSTANCE_TYPES
from mig.layout import Placed
from rehearsal.nvidia.gpus import Card, fresh


def card(instance_type: str) -> Card:
    """The first GPU of a new machine."""
    return fresh(INSTANCE_TYPES[instance_type], seed=1, node="node-a")[0]


@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [
        pytest.param("p4d.24xlarge", (False, True), id="an A100 waits for a reset that the cloud refuses"),
        pytest.param("p5.48xlarge", (True, True), id="an H100 needs no reset"),
    ],
)
def test_mode_change(instance_type: str, expected: tuple[bool, bool]) -> None:
    """Whether MIG mode is on at once depends on the architecture."""
    changed = card(instance_type).with_mode(mig=True)

    assert expected == (changed.mig, changed.pending)


@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [
        pytest.param("p4d.24xlarge", True, id="an A100 stores it"),
        pytest.param("p5.48xlarge", False, id="an H100 does not"),
    ],
)
def test_mode_after_a_reboot(instance_type: str, expected: bool) -> None:  # noqa: FBT001 (a table's column)
    """Whether MIG mode survives a reboot depends on the architecture."""
    assert expected is card(instance_type).with_mode(mig=True).rebooted().mig


def test_geometry_is_lost_in_a_reboot() -> None:
    """No GPU remembers how it was cut."""
    cut = card("p4d.24xlarge").with_mode(mig=True).rebooted().with_devices([Placed(profile="3g.20gb", start=4, size=4)])

    assert cut.rebooted().devices == ()


def test_uuids_follow_from_seed_and_node() -> None:
    """Another seed, node or GPU has other UUIDs; the same have the same."""
    machine = INSTANCE_TYPES["p4d.24xlarge"]
    cards = [*fresh(machine, seed=1, node="a"), *fresh(machine, seed=2, node="a"), *fresh(machine, seed=1, node="b")]

    assert len({one.uuid for one in cards}) == 24
    assert fresh(machine, seed=1, node="a") == tuple(cards[:8])


def test_mig_uuid_follows_from_its_place() -> None:
    """The same instance at the same place of the same GPU has the same UUID, whatever was there meanwhile."""
    placed = [Placed(profile="1g.5gb", start=2, size=1), Placed(profile="1g.5gb", start=3, size=1)]
    first = card("p4d.24xlarge").with_devices(placed)

    assert first.devices == first.with_devices(()).with_devices(placed).devices
    assert len({device.uuid for device in first.devices}) == 2


def test_addresses() -> None:
    """Eight GPUs have eight minor numbers and eight places on the bus."""
    cards = fresh(INSTANCE_TYPES["p4d.24xlarge"], seed=1, node="a")

    assert list(range(8)) == [one.minor for one in cards]
    assert len({one.pci for one in cards}) == 8
