"""A class takes the devices that its name says."""

import pytest

from mig.device_class import NAMES, device_class, kinds


@pytest.mark.parametrize(
    ("profile", "name"), [("1g.5gb", "mig-1g.5gb.nvidia.com"), ("1g.5gb+me", "mig-1g.5gb.me.nvidia.com")]
)
def test_device_class(profile: str, name: str) -> None:
    """A class takes the MIG devices of one profile and of no other."""
    made = device_class(profile)

    assert name == made["metadata"]["name"]
    assert made["spec"]["selectors"][0]["cel"]["expression"] == (
        'device.driver == "gpu.nvidia.com" && device.attributes["gpu.nvidia.com"].type == "mig" && '
        f'device.attributes["gpu.nvidia.com"].profile == "{profile}"'
    )


def test_device_class_of_a_size() -> None:
    """A size takes whatever profile a GPU has for it, and the small size no bigger one."""
    made = device_class("small")

    expression = made["spec"]["selectors"][0]["cel"]["expression"]
    assert "mig-small.nvidia.com" == made["metadata"]["name"]
    assert '.profile in ["1g.10gb", "1g.12gb", ' in expression
    assert "2g." not in expression


def test_kinds() -> None:
    """What an A100 of 40 GB can be asked for, its profiles and the four sizes, and each has a class of ours."""
    asked = kinds(["p4d.24xlarge"])

    assert (
        "1g.10gb", "1g.5gb", "1g.5gb+me", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb",
        "small", "medium", "large", "full",
    ) == asked  # fmt: skip
    assert {device_class(kind)["metadata"]["name"] for kind in asked} <= set(NAMES)
