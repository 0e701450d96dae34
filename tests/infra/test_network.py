"""Which zones a cluster stands in."""

import pytest

from infra.network import Zone, choose
from mig.errors import Refused


def zone(letter: str, *types: str, identity: str = "") -> Zone:
    """One of a region."""
    return Zone(name=f"us-east-1{letter}", identity=identity or f"use1-az-{letter}", types=frozenset(types))


P4, P5 = "p4d.24xlarge", "p5.48xlarge"


@pytest.mark.parametrize(
    ("zones", "chosen"),
    [
        pytest.param([zone("a"), zone("b"), zone("c", P4)], "abc", id="three are all there are"),
        pytest.param([zone("a"), zone("b"), zone("c"), zone("d", P4)], "abd", id="one offers the type"),
        pytest.param([zone("a", P4), zone("b"), zone("c", P4), zone("d", P4, P5)], "acd", id="more comes first"),
        pytest.param([zone("b", P4), zone("a", P4)], "ab", id="two do"),
        pytest.param(
            [zone("a"), zone("b"), zone("e", P4, identity="use1-az3"), zone("f", P4)], "abf", id="EKS is not everywhere"
        ),
    ],
)  # fmt: skip
def test_choice(zones: list[Zone], chosen: str) -> None:
    """A cluster stands in three zones of which as many as possible offer what is asked for."""
    assert tuple(f"us-east-1{letter}" for letter in chosen) == choose(zones, [P4, P5])


@pytest.mark.parametrize(
    ("zones", "field"),
    [
        pytest.param([zone("a"), zone("b")], "instance_types", id="no zone offers the type"),
        pytest.param([zone("a", P4)], "eks.region", id="one zone is no cluster"),
        pytest.param(
            [zone("a"), zone("b"), zone("e", P4, identity="use1-az3")], "instance_types", id="no EKS where it is"
        ),
    ],
)  # fmt: skip
def test_refused(zones: list[Zone], field: str) -> None:
    """A region in which no node could ever start is refused by the field that names it."""
    with pytest.raises(Refused) as refused:
        choose(zones, [P4])

    assert field in str(refused.value)
