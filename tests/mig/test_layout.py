"""Geometries follow from the placement rules, lie where the driver puts them, and are told in mig-parted's format."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mig.gpu import GPUS, Gpu
from mig.layout import (
    Geometry,
    legal_geometries,
    maximal,
    mig_parted,
    node_layout,
    place,
    shipped_configs,
    total,
)

A100 = GPUS["A100-40GB"]
BALANCED = Geometry.of({"1g.5gb": 2, "2g.10gb": 1, "3g.20gb": 1})
NOTHING = Geometry(())
ALL_GPUS = pytest.mark.parametrize("gpu", GPUS.values(), ids=GPUS)
COUNTS = st.dictionaries(st.sampled_from([profile.name for profile in A100.profiles]), st.integers(0, 20))


def by_brute_force(gpu: Gpu) -> set[Geometry]:
    """Every set of placements without an overlap, tried one by one, that shares out no more than the GPU has."""
    places = [(profile, range(at, at + profile.memory_slices)) for profile in gpu.profiles for at in profile.starts]
    sets: list[list[int]] = [[]]
    for index, (_, here) in enumerate(places):
        sets += [
            [*chosen, index]
            for chosen in sets
            if all(here.stop <= places[other][1].start or places[other][1].stop <= here.start for other in chosen)
        ]
    whole = max(gpu.profiles, key=lambda profile: profile.compute_slices)
    found = set()
    for chosen in sets:
        instances = [places[index][0] for index in chosen]
        counts = Counter(profile.name for profile in instances)
        if (
            instances
            and sum(profile.compute_slices for profile in instances) <= gpu.compute_slices
            and all(counts[profile.name] <= profile.most for profile in instances)
            and sum(profile.decoders for profile in instances) <= whole.decoders
            and sum(profile.encoders for profile in instances) <= whole.encoders
            and sum(profile.jpeg_engines for profile in instances) <= whole.jpeg_engines
            and sum(profile.ofa_engines for profile in instances) <= whole.ofa_engines
        ):
            found.add(Geometry.of(counts))
    return found


@ALL_GPUS
def test_legal_geometries(gpu: Gpu) -> None:
    """Exactly what an exhaustive search against the rules finds is legal, on every GPU."""
    assert by_brute_force(gpu) == set(legal_geometries(gpu))
    assert len(set(legal_geometries(gpu))) == len(legal_geometries(gpu))


def test_plain_geometries_of_the_a100() -> None:
    """An A100-40GB has 37 distinct geometries of its five plain profiles, 12 of them maximal."""
    assert len(legal_geometries(A100, plain_only=True)) == 37
    assert len(maximal(A100, plain_only=True)) == 12


def test_geometries_of_the_a100_with_double_memory() -> None:
    """With 1g.10gb there are 77, of which 28 are maximal."""
    geometries = [g for g in legal_geometries(A100) if "1g.5gb+me" not in g.as_dict()]
    biggest = [g for g in geometries if not any(other != g and other.contains(g) for other in geometries)]

    assert len(geometries) == 77
    assert len(biggest) == 28


@ALL_GPUS
def test_maximal(gpu: Gpu) -> None:
    """Every legal geometry is part of a maximal one, and no maximal one is part of another."""
    biggest = maximal(gpu)

    assert all(any(big.contains(g) for big in biggest) for g in legal_geometries(gpu))
    assert not any(one != other and one.contains(other) for one in biggest for other in biggest)


@ALL_GPUS
def test_place_every_geometry(gpu: Gpu) -> None:
    """Every legal geometry is placed whole, at allowed starts, without an overlap."""
    starts = {profile.name: profile.starts for profile in gpu.profiles}
    for geometry in legal_geometries(gpu):
        placed = place(gpu, geometry)
        covered = [memory for p in placed for memory in range(p.start, p.start + p.size)]

        assert geometry == Geometry.of(Counter(p.profile for p in placed))
        assert all(p.start in starts[p.profile] for p in placed)
        assert len(covered) == len(set(covered))
        assert set(covered) <= set(range(gpu.memory_slices))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param(
            {"3g.20gb": 1, "2g.10gb": 1, "1g.5gb": 2},
            [("3g.20gb", 4), ("2g.10gb", 0), ("1g.5gb", 2), ("1g.5gb", 3)],
            id="all-balanced, as the article's slice shows it",
        ),
        pytest.param({"3g.20gb": 2}, [("3g.20gb", 4), ("3g.20gb", 0)], id="the upper half is taken first"),
        pytest.param(
            {"4g.20gb": 1, "2g.10gb": 1, "1g.5gb": 1},
            [("4g.20gb", 0), ("2g.10gb", 4), ("1g.5gb", 6)],
            id="4g has only one place",
        ),
        pytest.param({"7g.40gb": 1}, [("7g.40gb", 0)], id="the whole GPU"),
        pytest.param({}, [], id="nothing"),
    ],
)
def test_place(counts: dict[str, int], expected: list[tuple[str, int]]) -> None:
    """Instances are made biggest first, each where it leaves the most room, as NVIDIA's tools print it."""
    assert expected == [(placed.profile, placed.start) for placed in place(A100, Geometry.of(counts))]


@pytest.mark.parametrize(
    ("gpu", "counts"),
    [
        pytest.param("A100-40GB", {"1g.5gb": 8}, id="more than seven compute slices"),
        pytest.param("A100-40GB", {"3g.20gb": 1, "2g.10gb": 2, "1g.10gb": 1}, id="more memory than there is"),
        pytest.param("A100-40GB", {"1g.5gb+me": 2}, id="the one set of media engines twice"),
        pytest.param("A100-40GB", {"1g.6gb": 1}, id="a profile of another GPU"),
        pytest.param("A30", {"2g.12gb+me": 1, "1g.6gb+me": 1}, id="the one JPEG engine for two sizes"),
        pytest.param("RTX-PRO-6000", {"1g.24gb+me.all": 1, "1g.24gb": 1}, id="media engines that are all taken"),
    ],
)
def test_place_nothing_illegal(gpu: str, counts: dict[str, int]) -> None:
    """What does not fit is refused whole."""
    with pytest.raises(ValueError, match="cannot be cut into"):
        place(GPUS[gpu], Geometry.of(counts))


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        ("A100-40GB", "1g.5gb 7, 1g.5gb.me 1, 1g.10gb 4, 2g.10gb 3, 3g.20gb 2, 4g.20gb 1, 7g.40gb 1"),
        ("A100-80GB", "1g.10gb 7, 1g.10gb.me 1, 1g.20gb 4, 2g.20gb 3, 3g.40gb 2, 4g.40gb 1, 7g.80gb 1"),
        ("H100-80GB", "1g.10gb 7, 1g.10gb.me 1, 1g.20gb 4, 2g.20gb 3, 3g.40gb 2, 4g.40gb 1, 7g.80gb 1"),
        ("A30", "1g.6gb 4, 1g.6gb.me 1, 2g.12gb 2, 2g.12gb.me 1, 4g.24gb 1"),
        ("H100-94GB", "1g.12gb 7, 1g.12gb.me 1, 1g.24gb 4, 2g.24gb 3, 3g.47gb 2, 4g.47gb 1, 7g.94gb 1"),
        ("H100-96GB", "1g.12gb 7, 1g.12gb.me 1, 1g.24gb 4, 2g.24gb 3, 3g.48gb 2, 4g.48gb 1, 7g.96gb 1"),
        ("H20", "1g.12gb 7, 1g.12gb.me 1, 1g.24gb 4, 2g.24gb 3, 3g.48gb 2, 4g.48gb 1, 7g.96gb 1"),
        ("H200", "1g.18gb 7, 1g.18gb.me 1, 1g.35gb 4, 2g.35gb 3, 3g.71gb 2, 4g.71gb 1, 7g.141gb 1"),
        ("B200", "1g.23gb 7, 1g.23gb.me 1, 1g.45gb 4, 2g.45gb 3, 3g.90gb 2, 4g.90gb 1, 7g.180gb 1"),
        ("B300", "1g.34gb 7, 1g.34gb.me 1, 1g.67gb 4, 2g.67gb 3, 3g.135gb 2, 4g.135gb 1, 7g.269gb 1"),
        (
            "RTX-PRO-6000",
            (
                "1g.24gb 4, 1g.24gb.gfx 4, 1g.24gb.me 1, 1g.24gb.me.all 1, 1g.24gb-me 4, "
                "2g.48gb 2, 2g.48gb.gfx 2, 2g.48gb.me.all 1, 2g.48gb-me 2, 4g.96gb 1, 4g.96gb.gfx 1"
            ),
        ),
    ],
)
def test_shipped_uniform_configs(gpu: str, expected: str) -> None:
    """MIG Manager has one uniform config for each profile, of as many as fit, with a dot for the plus."""
    uniform = {name: geometry for name, geometry in shipped_configs(GPUS[gpu]).items() if name != "all-balanced"}

    assert {f"all-{each.split()[0]}": int(each.split()[1]) for each in expected.split(", ")} == {
        name: geometry.total for name, geometry in uniform.items()
    }
    assert all(len(geometry.counts) == 1 for geometry in uniform.values())


@ALL_GPUS
def test_shipped_configs_are_legal(gpu: Gpu) -> None:
    """Everything that MIG Manager ships for a GPU can be cut."""
    assert set(shipped_configs(gpu).values()) <= set(legal_geometries(gpu))


def test_geometry_order() -> None:
    """Two equal multisets are equal values: biggest slices first, what counts zero left out."""
    assert Geometry.of({"1g.5gb": 2, "3g.20gb": 1, "7g.40gb": 0}) == Geometry((("3g.20gb", 1), ("1g.5gb", 2)))


@given(COUNTS, COUNTS)
def test_plus(one: dict[str, int], other: dict[str, int]) -> None:
    """A sum contains both its parts, counts all their devices, and does not care for their order."""
    a, b = Geometry.of(one), Geometry.of(other)
    both = a.plus(b)

    assert both.contains(a)
    assert both.contains(b)
    assert a.total + b.total == both.total
    assert b.plus(a) == both == total((a, b))


@given(COUNTS, st.integers(0, 5))
def test_times(counts: dict[str, int], copies: int) -> None:
    """Copies of a geometry are that geometry added to itself."""
    geometry = Geometry.of(counts)

    assert total([geometry] * copies) == geometry.times(copies)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param({"1g.5gb": 2}, True, id="fewer of one kind"),
        pytest.param({}, True, id="nothing"),
        pytest.param({"1g.5gb": 3}, False, id="one more than there is"),
        pytest.param({"1g.5gb": 1, "7g.40gb": 1}, False, id="a kind that is not there"),
    ],
)
def test_contains(other: dict[str, int], expected: bool) -> None:  # noqa: FBT001 (a column of the table)
    """A geometry contains what it has at least as many of."""
    assert expected == BALANCED.contains(Geometry.of(other))


@pytest.mark.parametrize(
    ("geometry", "expected"), [(BALANCED, "1 × 3g.20gb + 1 × 2g.10gb + 2 × 1g.5gb"), (NOTHING, "nothing")]
)
def test_geometry_in_words(geometry: Geometry, expected: str) -> None:
    """A person reads how many of what."""
    assert expected == str(geometry)


@pytest.mark.parametrize("name", shipped_configs(A100))
def test_shipped_name(name: str) -> None:
    """A node that is cut as MIG Manager ships it has the shipped name."""
    layout = node_layout(A100, [shipped_configs(A100)[name]] * 8)

    assert (name, True) == (layout.config_name, layout.shipped)


def test_own_name() -> None:
    """A geometry of our own is named by its content: the same every time, another for another order of GPUs."""
    one, other = Geometry.of({"4g.20gb": 1, "3g.20gb": 1}), Geometry.of({"2g.10gb": 1})
    layout = node_layout(A100, [one, other])

    assert not layout.shipped
    assert layout.config_name == node_layout(A100, [one, other]).config_name
    assert layout.config_name != node_layout(A100, [other, one]).config_name
    assert re.fullmatch(r"mig-[0-9a-f]{10}", layout.config_name)


def test_node_geometry() -> None:
    """A node offers what all its GPUs offer together: 32 devices on a balanced p4d."""
    layout = node_layout(A100, [BALANCED] * 8)

    assert Geometry.of({"3g.20gb": 8, "2g.10gb": 8, "1g.5gb": 16}) == layout.geometry
    assert layout.geometry.total == 32


def test_mig_parted_uniform() -> None:
    """GPUs that are all cut alike are one entry for all devices."""
    assert mig_parted([node_layout(A100, [BALANCED] * 8)]) == {
        "version": "v1",
        "mig-configs": {
            "all-balanced": [
                {
                    "devices": "all",
                    "mig-enabled": True,
                    "mig-devices": {"3g.20gb": 1, "2g.10gb": 1, "1g.5gb": 2},
                }
            ]
        },
    }


def test_mig_parted_mixed() -> None:
    """GPUs that are cut differently are listed by index, and one that is cut into nothing still has MIG enabled."""
    layout = node_layout(A100, [Geometry.of({"3g.20gb": 2}), NOTHING, Geometry.of({"3g.20gb": 2})])

    assert mig_parted([layout])["mig-configs"][layout.config_name] == [
        {"devices": [0, 2], "mig-enabled": True, "mig-devices": {"3g.20gb": 2}},
        {"devices": [1], "mig-enabled": True, "mig-devices": {}},
    ]


def test_mig_parted_names_each_config_once() -> None:
    """Nodes that are cut alike share one entry."""
    layouts = [node_layout(A100, [BALANCED] * 8)] * 2 + [node_layout(A100, [Geometry.of({"7g.40gb": 1})] * 8)]

    assert list(mig_parted(layouts)["mig-configs"]) == ["all-balanced", "all-7g.40gb"]
