"""The pairs say what the last table of docs/nvidia.md says."""

import pytest

from mig import labels
from mig.release import RELEASES, Release


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        pytest.param("current", "gpu-0-mig-1g5gb-19-2", id="the current driver writes profile, instance id and start"),
        pytest.param("article", "gpu-0-mig-19-2-1", id="the article's driver writes instance id, start and size"),
    ],
)
def test_device_name(release: str, expected: str) -> None:
    """A device is called as its pair's driver calls it."""
    assert expected == RELEASES[release].device_name(0, "1g.5gb", gi_id=19, start=2, size=1)


def test_device_name_media_extension() -> None:
    """The plus of a profile becomes a dash in a device's name."""
    assert RELEASES["current"].device_name(7, "1g.5gb+me", gi_id=20, start=0, size=1) == "gpu-7-mig-1g5gb-me-20-0"


@pytest.mark.parametrize(
    ("release", "expected"), [("current", "00-gpu.nvidia.com-node-a-"), ("article", "node-a-gpu.nvidia.com-")]
)
def test_slice_prefix(release: str, expected: str) -> None:
    """A node's slice begins as its pair's driver begins it."""
    assert expected == RELEASES[release].slice_prefix("node-a")


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("current", 'allocatable not found for device "gpu-0"'),
        ("article", "requested device is not allocatable: gpu-0"),
    ],
)
def test_stale_error(release: str, expected: str) -> None:
    """A stale device is refused in its pair's own words."""
    assert expected == RELEASES[release].stale_error("gpu-0")


def test_pair_that_bounces_its_plugin() -> None:
    """Only a plugin that selects the client label is bounced by MIG Manager's pause."""
    bounced = {
        name: set(r.plugin_node_selector) <= set(r.pause_labels) for name, r in RELEASES.items() if r.client_label
    }

    assert bounced == {"current": True}
    assert dict(RELEASES["current"].plugin_node_selector) == {labels.DEPLOY_CLIENT: "true"}
    assert dict(RELEASES["article"].plugin_node_selector) == {}


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_wedge_is_longer_than_every_wait(release: Release) -> None:
    """MIG Manager is given all its waits of five minutes before it is called wedged."""
    assert release.wedge_minutes > 5 * release.client_waits
