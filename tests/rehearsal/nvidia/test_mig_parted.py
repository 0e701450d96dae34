"""The config file is read as mig-parted reads it, and applied as the GPUs allow."""

from typing import Any

import pytest

from mig.gpu import GPUS, INSTANCE_TYPES
from mig.layout import Geometry, mig_parted, node_layout
from rehearsal.nvidia.gpus import Card, fresh
from rehearsal.nvidia.mig_parted import (
    Setting,
    entry,
    is_applied,
    mode_is,
    shipped,
    with_devices,
    with_mode,
    without_devices,
)

CARDS = fresh(INSTANCE_TYPES["p4d.24xlarge"], seed=1, node="node-a")
BALANCED = Setting(mig=True, counts=(("3g.20gb", 1), ("2g.10gb", 1), ("1g.5gb", 2)))


def file(**selection: object) -> dict[str, Any]:
    """A config file with one entry of one selection."""
    part = {"devices": "all", "mig-enabled": True, "mig-devices": {"1g.5gb": 7}, **selection}
    return {"version": "v1", "mig-configs": {"mine": [part]}}


def on(cards: tuple[Card, ...]) -> tuple[Card, ...]:
    """The same GPUs with MIG mode on."""
    return tuple(card.with_mode(mig=True).rebooted() for card in cards)


def test_all_balanced() -> None:
    """What MIG Manager ships under `all-balanced` is what nvidia.md prints."""
    assert entry(shipped(GPUS["A100-40GB"]), "all-balanced", CARDS) == (BALANCED,) * 8


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("all-disabled", Setting(mig=False, counts=())),
        ("all-enabled", Setting(mig=True, counts=())),
        ("all-1g.5gb", Setting(mig=True, counts=(("1g.5gb", 7),))),
        ("all-1g.5gb.me", Setting(mig=True, counts=(("1g.5gb+me", 1),))),
        ("all-7g.40gb", Setting(mig=True, counts=(("7g.40gb", 1),))),
    ],
)
def test_shipped_entries(name: str, expected: Setting) -> None:
    """MIG Manager has an entry for each profile, and two for none."""
    assert (expected,) * 8 == entry(shipped(GPUS["A100-40GB"]), name, CARDS)


def test_our_own_file() -> None:
    """What the planner writes for a geometry of our own means, GPU for GPU, what it planned."""
    geometries = [Geometry.of({"7g.40gb": 1})] * 3 + [Geometry.of({"1g.5gb": 3, "3g.20gb": 1})] * 5
    layout = node_layout(GPUS["A100-40GB"], geometries)
    wanted = entry(mig_parted([layout]), layout.config_name, CARDS)

    assert wanted is not None
    assert [g.counts for g in geometries] == [setting.counts for setting in wanted if setting is not None]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(None, id="nothing"),
        pytest.param({"mig-configs": {"mine": []}}, id="no version"),
        pytest.param({"version": "v2", "mig-configs": {"mine": []}}, id="another version"),
        pytest.param({"version": "v1", "mig-configs": {"other": []}}, id="another entry only"),
        pytest.param(file(gpus="all"), id="an unknown field"),
        pytest.param(file(devices="some"), id="devices that are none"),
    ],
)
def test_refused(broken: object) -> None:
    """A file that cannot be read, or lacks the entry, is refused as a whole."""
    assert entry(broken, "mine", CARDS) is None


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        pytest.param({"devices": "all"}, 8, id="all of them"),
        pytest.param({"devices": [0, 3]}, 2, id="two by index"),
        pytest.param({"device-filter": "0x20B010DE"}, 8, id="a filter that names this GPU"),
        pytest.param({"device-filter": ["0x233010DE", "0x20B010DE"]}, 8, id="a filter that names it among others"),
        pytest.param({"device-filter": "0x233010DE"}, 0, id="a filter that names another GPU"),
    ],
)
def test_which_gpus(selection: dict[str, object], expected: int) -> None:
    """An entry is about the GPUs that its indexes and its filter name, and about no others."""
    wanted = entry(file(**selection), "mine", CARDS)

    assert wanted is not None
    assert expected == sum(setting is not None for setting in wanted)


def test_an_entry_without_matches_is_applied() -> None:
    """An entry that is about no GPU of the node asks for nothing, and so is fulfilled: a trap of the real tool."""
    wanted = entry(file(**{"device-filter": "0x233010DE"}), "mine", CARDS)

    assert wanted is not None
    assert is_applied(wanted, CARDS)


def test_apply() -> None:
    """Mode first, then devices; only then it is applied."""
    wanted = (BALANCED,) * 8
    cut = with_devices(wanted, on(CARDS))

    assert not mode_is(wanted, CARDS)
    assert mode_is(wanted, on(CARDS))
    assert not is_applied(wanted, on(CARDS))
    assert is_applied(wanted, cut)
    assert not is_applied(wanted, without_devices(wanted, cut))


def test_mode_change_touches_only_what_differs() -> None:
    """A GPU that has the mode already keeps its devices."""
    cut = with_devices((BALANCED,) * 8, on(CARDS))

    assert cut == with_mode((BALANCED,) * 8, cut)


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param((("7g.40gb", 2),), id="more than fits"),
        pytest.param((("1g.10gb+gfx", 1),), id="a profile of another GPU"),
        pytest.param((("huge", 1),), id="no profile at all"),
    ],
)
def test_impossible(counts: tuple[tuple[str, int], ...]) -> None:
    """What the GPU cannot be cut into is refused when it is applied, not before."""
    with pytest.raises(ValueError, match=r"cannot be cut|no profile"):
        with_devices((Setting(mig=True, counts=counts),) * 8, on(CARDS))
