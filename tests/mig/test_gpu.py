"""GPUs mean sizes in their own way, and instance types carry them at a dated price."""

import pytest

from mig.gpu import GPUS, INSTANCE_TYPES, NO_MIG, PRICES_AS_OF, SIZES


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        ("A100-40GB", "1g.5gb 2g.10gb 3g.20gb 7g.40gb"),
        ("A100-80GB", "1g.10gb 2g.20gb 3g.40gb 7g.80gb"),
        ("A30", "1g.6gb 2g.12gb 4g.24gb 4g.24gb"),
        ("H100-80GB", "1g.10gb 2g.20gb 3g.40gb 7g.80gb"),
        ("H100-94GB", "1g.12gb 2g.24gb 3g.47gb 7g.94gb"),
        ("H100-96GB", "1g.12gb 2g.24gb 3g.48gb 7g.96gb"),
        ("H20", "1g.12gb 2g.24gb 3g.48gb 7g.96gb"),
        ("H200", "1g.18gb 2g.35gb 3g.71gb 7g.141gb"),
        ("B200", "1g.23gb 2g.45gb 3g.90gb 7g.180gb"),
        ("B300", "1g.34gb 2g.67gb 3g.135gb 7g.269gb"),
        ("RTX-PRO-6000", "1g.24gb 2g.48gb 4g.96gb 4g.96gb"),
    ],
)
def test_sizes(gpu: str, expected: str) -> None:
    """Small, medium, large and full are the smallest plain profiles of at least 1, 2 and 3 slices, and the whole."""
    assert expected.split() == [profile.name for size in SIZES if (profile := GPUS[gpu].cut(size))]


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param("3g.40gb", id="a profile of another GPU"),
        pytest.param("1c.3g.20gb", id="a compute instance"),
        pytest.param("1g.5gb.me", id="a profile as labels write it"),
        pytest.param("Small", id="a size in capitals"),
        pytest.param("", id="nothing"),
    ],
)
def test_no_cut(wanted: str) -> None:
    """What is neither a size nor a profile of the GPU cannot be cut."""
    assert GPUS["A100-40GB"].cut(wanted) is None


def test_profile_by_name() -> None:
    """A profile's own name means that profile."""
    assert [p.name for p in GPUS["A100-40GB"].profiles] == [
        cut.name for p in GPUS["A100-40GB"].profiles if (cut := GPUS["A100-40GB"].cut(p.name))
    ]


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        ("A100-40GB", {"3g.20gb": 1, "2g.10gb": 1, "1g.5gb": 2}),
        ("A100-80GB", {"3g.40gb": 1, "2g.20gb": 1, "1g.10gb": 2}),
        ("H100-80GB", {"3g.40gb": 1, "2g.20gb": 1, "1g.10gb": 2}),
        ("A30", {"2g.12gb": 1, "1g.6gb": 2}),
        ("H100-94GB", {"3g.47gb": 1, "2g.24gb": 1, "1g.12gb": 2}),
        ("H100-96GB", {"3g.48gb": 1, "2g.24gb": 1, "1g.12gb": 2}),
        ("H20", {"3g.48gb": 1, "2g.24gb": 1, "1g.12gb": 2}),
        ("H200", {"3g.71gb": 1, "2g.35gb": 1, "1g.18gb": 2}),
        ("B200", {"3g.90gb": 1, "2g.45gb": 1, "1g.23gb": 2}),
        ("B300", {"3g.135gb": 1, "2g.67gb": 1, "1g.34gb": 2}),
        ("RTX-PRO-6000", {"2g.48gb": 1, "1g.24gb": 2}),
    ],
)
def test_balanced(gpu: str, expected: dict[str, int]) -> None:
    """`all-balanced` cuts a GPU as MIG Manager's own table says."""
    assert expected == dict(GPUS[gpu].balanced)


def test_assumptions_are_named() -> None:
    """Of GPUs that NVIDIA prints whole nothing is assumed; of the others it is said what."""
    printed = {name for name, gpu in GPUS.items() if not gpu.assumed}

    assert printed == {"A100-40GB", "A100-80GB", "H100-80GB", "H100-94GB", "H100-96GB"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("p4d.24xlarge", ("A100-40GB", 8, 21.957642)),
        ("p4de.24xlarge", ("A100-80GB", 8, 27.44705)),
        ("p5.4xlarge", ("H100-80GB", 1, 6.88)),
        ("p5.48xlarge", ("H100-80GB", 8, 55.04)),
        ("p5e.48xlarge", ("H200", 8, None)),
        ("p5en.48xlarge", ("H200", 8, 63.296)),
        ("p6-b200.48xlarge", ("B200", 8, 113.9328)),
        ("p6-b300.48xlarge", ("B300", 8, 142.416)),
        ("g7e.2xlarge", ("RTX-PRO-6000", 1, 3.36312)),
        ("g7e.48xlarge", ("RTX-PRO-6000", 8, 33.14432)),
    ],
)
def test_instance_type(name: str, expected: tuple[str, int, float | None]) -> None:
    """An instance type has so many GPUs of a model, at the price of the dated table."""
    kind = INSTANCE_TYPES[name]

    assert expected == (kind.gpu.name, kind.gpus, kind.usd_per_hour)
    assert PRICES_AS_OF == "2026-07-20"


def test_families_without_mig() -> None:
    """No family whose GPU has no MIG is offered."""
    assert {name.partition(".")[0] for name in INSTANCE_TYPES}.isdisjoint(NO_MIG)
