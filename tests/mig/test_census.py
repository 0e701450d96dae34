"""Promises of the census: every slice is counted once, whoever holds it, and one that is gone is named."""

import pytest

from mig.census import Census, ClaimSeen, Count, Gone, count, holdings, summary, table
from mig.readiness import DeviceSeen


def device(name: str, profile: str = "1g.5gb") -> DeviceSeen:
    """A published device; without a profile it is a whole GPU."""
    return DeviceSeen(name=name, type="mig" if profile else "gpu", uuid="", parent_uuid="", profile=profile)


POOLS = {"n1": (device("a"), device("b"), device("big", "3g.20gb")), "n2": (device("a"),)}


def claim(holder: str = "r1", *, held: tuple[tuple[str, str], ...] = (), waits_for: tuple[str, ...] = ()) -> ClaimSeen:
    """A claim."""
    return ClaimSeen(holder=holder, held=held, waits_for=waits_for)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param([], [(3, 0, 3, 0), (1, 0, 1, 0)], id="nobody claims anything"),
        pytest.param([claim(held=(("n1", "a"),))], [(3, 1, 2, 0), (1, 0, 1, 0)], id="one is held"),
        pytest.param(
            [claim(held=(("n1", "a"),)), claim("other/c", held=(("n2", "a"), ("n1", "big")))],
            [(3, 2, 1, 0), (1, 1, 0, 0)],
            id="other people's count too, and devices of one name on two nodes are two",
        ),
        pytest.param(
            [claim(held=(("n1", "a"),)), claim("other/c", held=(("n1", "a"),))],
            [(3, 1, 2, 0), (1, 0, 1, 0)],
            id="a device in two claims is one",
        ),
        pytest.param(
            [claim(waits_for=("1g.5gb", "1g.5gb")), claim("other/c", waits_for=("3g.20gb",))],
            [(3, 0, 3, 2), (1, 0, 1, 1)],
            id="who waits takes nothing away",
        ),
        pytest.param(
            [claim(held=(("n1", "was-here"), ("n9", "a")))],
            [(3, 0, 3, 0), (1, 0, 1, 0)],
            id="what is gone is neither there nor held",
        ),
    ],
)
def test_what_there_is(claims: list[ClaimSeen], expected: list[tuple[int, ...]]) -> None:
    """By profile: total, allocated, available, pending."""
    counted = count(POOLS, claims).profiles

    assert ["1g.5gb", "3g.20gb"] == [each.profile for each in counted]
    assert expected == [(each.total, each.allocated, each.available, each.pending) for each in counted]


def test_a_slice_that_no_node_has_can_be_waited_for() -> None:
    """What is asked for and nowhere published has a count of its own."""
    waiting = count({}, [claim(waits_for=("7g.40gb",))])

    assert (Count(profile="7g.40gb", total=0, allocated=0, pending=1),) == waiting.profiles


def test_a_gpu_that_is_not_cut_counts_as_one() -> None:
    """A whole GPU is on offer, too."""
    assert (Count(profile="gpu", total=1, allocated=0),) == count({"n1": (device("gpu-0", ""),)}, []).profiles


def test_what_a_node_has() -> None:
    """The same counts, node by node."""
    nodes = count(POOLS, [claim(held=(("n1", "a"),))]).nodes

    assert ["n1", "n2"] == list(nodes)
    assert [("1g.5gb", 1), ("3g.20gb", 1)] == [(each.profile, each.available) for each in nodes["n1"]]
    assert [("1g.5gb", 1)] == [(each.profile, each.available) for each in nodes["n2"]]


def test_a_device_that_disappeared_while_it_is_held_is_named() -> None:
    """Node, device and holder stand beside the counts."""
    assert (Gone(node="n1", device="was-here", holder="r1"),) == count(POOLS, [claim(held=(("n1", "was-here"),))]).gone


@pytest.fixture
def shared() -> Census:
    """Two runs and a stranger at work, one of the runs on a device that is gone."""
    return count(
        POOLS,
        [
            claim("r1", held=(("n1", "a"), ("n1", "b"))),
            claim("r1", waits_for=("1g.5gb",)),
            claim("r2", held=(("n1", "was-here"),)),
            claim("other/c", held=(("n1", "big"),)),
        ],
    )


def test_who_has_them(shared: Census) -> None:
    """All claims of a run are one holder's; a stranger's go by namespace and name."""
    assert [
        {"holder": "other/c", "profile": "3g.20gb", "holds": 1, "waits for": 0},
        {"holder": "r1", "profile": "1g.5gb", "holds": 2, "waits for": 1},
        {"holder": "r2", "profile": "gone", "holds": 1, "waits for": 0},
    ] == holdings(shared)


def test_a_table_is_by_profile_or_by_node(shared: Census) -> None:
    """Nobody waits for one node in particular: the node's lines do not say who waits."""
    big = {"profile": "3g.20gb", "total": 1, "allocated": 1, "available": 0}

    assert {**big, "pending": 0} == table(shared)[1]
    assert {"node": "n1", **big} == table(shared, by_node=True)[1]


def test_a_summary_has_everything(shared: Census) -> None:
    """What a program is told leaves nothing out."""
    said = summary(shared)

    assert (table(shared), table(shared, by_node=True), holdings(shared)) == (
        said["slices"],
        said["nodes"],
        said["holders"],
    )
    assert [{"node": "n1", "device": "was-here", "holder": "r2"}] == said["gone"]
