"""The profiles are NVIDIA's: ids, placements and resources as its own tools print them (nvidia.md section 5)."""

import pytest

from mig.gpu import GPUS
from mig.profiles import Profile, biggest_first

SEVEN = [
    # GI id, starts, memory slices, most: of 7g, 4g, 3g, 2g, 1g with double memory, 1g, 1g+me
    (0, (0,), 8, 1),
    (5, (0,), 4, 1),
    (9, (0, 4), 4, 2),
    (14, (0, 2, 4), 2, 3),
    (15, (0, 2, 4, 6), 2, 4),
    (19, (0, 1, 2, 3, 4, 5, 6), 1, 7),
    (20, (0, 1, 2, 3, 4, 5, 6), 1, 1),
]

NAMES = {
    "A100-40GB": "7g.40gb 4g.20gb 3g.20gb 2g.10gb 1g.10gb 1g.5gb 1g.5gb+me",
    "A100-80GB": "7g.80gb 4g.40gb 3g.40gb 2g.20gb 1g.20gb 1g.10gb 1g.10gb+me",
    "H100-80GB": "7g.80gb 4g.40gb 3g.40gb 2g.20gb 1g.20gb 1g.10gb 1g.10gb+me",
    "H100-94GB": "7g.94gb 4g.47gb 3g.47gb 2g.24gb 1g.24gb 1g.12gb 1g.12gb+me",
    "H100-96GB": "7g.96gb 4g.48gb 3g.48gb 2g.24gb 1g.24gb 1g.12gb 1g.12gb+me",
    "H20": "7g.96gb 4g.48gb 3g.48gb 2g.24gb 1g.24gb 1g.12gb 1g.12gb+me",
    "H200": "7g.141gb 4g.71gb 3g.71gb 2g.35gb 1g.35gb 1g.18gb 1g.18gb+me",
    "B200": "7g.180gb 4g.90gb 3g.90gb 2g.45gb 1g.45gb 1g.23gb 1g.23gb+me",
    "B300": "7g.269gb 4g.135gb 3g.135gb 2g.67gb 1g.67gb 1g.34gb 1g.34gb+me",
}


def placement(profile: Profile) -> tuple[int, tuple[int, ...], int, int]:
    """What `nvidia-smi mig -lgipp` and `-lgip` say of a profile."""
    return profile.gi_id, profile.starts, profile.memory_slices, profile.most


@pytest.mark.parametrize(("gpu", "names"), NAMES.items(), ids=NAMES)
def test_seven_slices(gpu: str, names: str) -> None:
    """A GPU of seven slices has its seven profiles, biggest first, where A100 and H100 have them."""
    profiles = GPUS[gpu].profiles

    assert names.split() == [profile.name for profile in profiles]
    assert [placement(profile) for profile in profiles] == SEVEN


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        pytest.param(
            "A30",
            {
                "4g.24gb": (0, (0,), 4, 1),
                "2g.12gb": (5, (0, 2), 2, 2),
                "2g.12gb+me": (6, (0, 2), 2, 1),
                "1g.6gb": (14, (0, 1, 2, 3), 1, 4),
                "1g.6gb+me": (21, (0, 1, 2, 3), 1, 1),
            },
            id="A30 as the MIG user guide prints it",
        ),
        pytest.param(
            "RTX-PRO-6000",
            {
                "4g.96gb": (0, (0,), 12, 1),
                "4g.96gb+gfx": (32, (0,), 12, 1),
                "2g.48gb": (5, (0, 6), 6, 2),
                "2g.48gb+gfx": (35, (0, 6), 6, 2),
                "2g.48gb+me.all": (64, (0, 6), 6, 1),
                "2g.48gb-me": (66, (0, 6), 6, 2),
                "1g.24gb": (14, (0, 3, 6, 9), 3, 4),
                "1g.24gb+gfx": (47, (0, 3, 6, 9), 3, 4),
                "1g.24gb+me": (21, (0, 3, 6, 9), 3, 1),
                "1g.24gb+me.all": (65, (0, 3, 6, 9), 3, 1),
                "1g.24gb-me": (67, (0, 3, 6, 9), 3, 4),
            },
            id="RTX PRO 6000 as drivers in the field print it",
        ),
    ],
)
def test_four_slices(gpu: str, expected: dict[str, tuple[int, tuple[int, ...], int, int]]) -> None:
    """A GPU of four slices has these profiles in these places."""
    assert expected == {profile.name: placement(profile) for profile in GPUS[gpu].profiles}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # memory MiB, multiprocessors, copy engines, then decoders, encoders, JPEG and OFA engines
        ("7g.40gb", (40192, 98, 7, (5, 0, 1, 1))),
        ("4g.20gb", (19968, 56, 4, (2, 0, 0, 0))),
        ("3g.20gb", (19968, 42, 3, (2, 0, 0, 0))),
        ("2g.10gb", (9856, 28, 2, (1, 0, 0, 0))),
        ("1g.10gb", (9856, 14, 1, (1, 0, 0, 0))),
        ("1g.5gb", (4864, 14, 1, (0, 0, 0, 0))),
        ("1g.5gb+me", (4864, 14, 1, (1, 0, 1, 1))),
    ],
)
def test_resources(name: str, expected: tuple[int, int, int, tuple[int, int, int, int]]) -> None:
    """A slice of an A100-40GB has what GFD says of it on driver 570 and later."""
    profile = GPUS["A100-40GB"].cut(name)

    assert profile is not None
    assert expected == (profile.memory_mib, profile.multiprocessors, profile.copy_engines, profile.media)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("1g.5gb", ""), ("1g.5gb+me", "+me"), ("1g.24gb-me", "-me"), ("2g.48gb+me.all", "+me.all")],
)
def test_suffix(name: str, expected: str) -> None:
    """What follows a profile's size says which media engines it has."""
    profile = next(p for gpu in GPUS.values() for p in gpu.profiles if p.name == name)

    assert expected == profile.suffix


def test_biggest_first() -> None:
    """Profiles are sorted by compute slices, then memory, then name."""
    names = ["1g.5gb+me", "3g.20gb", "1g.10gb", "7g.40gb", "1g.5gb", "4g.20gb"]

    assert sorted(names, key=biggest_first) == ["7g.40gb", "4g.20gb", "3g.20gb", "1g.10gb", "1g.5gb", "1g.5gb+me"]


@pytest.mark.parametrize("name", ["small", "1c.3g.20gb", "3g", ""])
def test_no_profile(name: str) -> None:
    """What is no profile's name is not sorted among profiles."""
    with pytest.raises(ValueError, match="is no profile"):
        biggest_first(name)
