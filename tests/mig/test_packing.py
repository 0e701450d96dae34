"""A choice of ways is exact: brute force finds none with fewer kinds, nor one of as many that wastes less."""

from itertools import combinations_with_replacement

from hypothesis import given, settings
from hypothesis import strategies as st

from mig.layout import Geometry, total
from mig.packing import Choice, Way, choose, fewest

PROFILES = ("1g.5gb", "2g.10gb", "3g.20gb")
GEOMETRIES = st.dictionaries(st.sampled_from(PROFILES), st.integers(1, 4), min_size=1).map(Geometry.of)


def way(geometry: Geometry) -> Way:
    """A way to cut one GPU, its slices weighed by the profile's first digit."""
    slices = sum(int(name[0]) * count for name, count in geometry.counts)
    return Way(gpus=(geometry,), offers=geometry, slices=slices)


WAYS = st.lists(GEOMETRIES, min_size=1, max_size=6, unique=True).map(lambda found: [way(each) for each in found])


def every_choice(ways: list[Way], wanted: Geometry, places: int) -> list[tuple[Way, ...]]:
    """All multisets of so many ways that offer what is wanted."""
    return [
        chosen
        for chosen in combinations_with_replacement(ways, places)
        if total(each.offers for each in chosen).contains(wanted)
    ]


def no_bound(_: Geometry) -> int:
    """Nothing is known of how many places are needed."""
    return 0


def cost(ways: tuple[Way, ...]) -> tuple[int, int]:
    """Kinds first, then slices."""
    return len(set(ways)), sum(each.slices for each in ways)


@settings(deadline=None)
@given(WAYS, GEOMETRIES, st.integers(1, 4))
def test_choose(ways: list[Way], wanted: Geometry, places: int) -> None:
    """No choice has fewer kinds, and none of as many kinds fewer slices; where there is none, none is found."""
    possible = every_choice(ways, wanted, places)

    choice = choose(ways, wanted, places, no_bound)

    assert (min(map(cost, possible)) if possible else None) == (cost(choice.ways) if choice else None)
    assert choice is None or (choice.proven and len(choice.ways) == places)
    assert choice is None or total(each.offers for each in choice.ways).contains(wanted)


@settings(deadline=None)
@given(WAYS, GEOMETRIES)
def test_fewest(ways: list[Way], wanted: Geometry) -> None:
    """So many ways do, and one less does not."""
    ways.append(way(Geometry.of(dict.fromkeys(PROFILES, 1))))  # so that every demand can be met

    least = fewest(ways, wanted, at_least=1)

    assert every_choice(ways, wanted, least)
    assert least == 1 or not every_choice(ways, wanted, least - 1)


def test_equal_ways_stand_together() -> None:
    """The way that is used most comes first, so that most nodes are cut alike."""
    threes, ones = way(Geometry.of({"3g.20gb": 2})), way(Geometry.of({"1g.5gb": 7}))

    choice = choose([threes, ones], Geometry.of({"3g.20gb": 1, "1g.5gb": 15}), 4, no_bound)

    assert choice == Choice(ways=(ones, ones, ones, threes))
