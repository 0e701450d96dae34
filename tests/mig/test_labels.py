"""Promises of names: what is written in NVIDIA's way can be read back."""

import pytest

from mig import labels


@pytest.mark.parametrize("profile", ["1g.5gb", "1g.5gb+me", "1g.24gb-me", "2g.48gb+me.all"])
def test_a_class_tells_its_profile(profile: str) -> None:
    """The profile that a DeviceClass was made for is read from its name."""
    assert profile == labels.class_profile(labels.device_class(profile))


@pytest.mark.parametrize("name", ["gpu.nvidia.com", "mig.nvidia.com", "anything-small"])
def test_another_class_goes_by_its_name(name: str) -> None:
    """A class that is of no single profile is told as it is called."""
    assert name == labels.class_profile(name)
