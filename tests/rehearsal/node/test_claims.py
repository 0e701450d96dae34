"""What a node does for claims."""

from typing import Any

import pytest

from mig.release import RELEASES
from rehearsal.node import claims
from rehearsal.node.claims import Device, Devices
from rehearsal.node.container import Held

CURRENT = RELEASES["current"]
POD: dict[str, Any] = {
    "metadata": {"uid": "pod-1"},
    "spec": {"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "small"}]},
    "status": {"resourceClaimStatuses": [{"name": "gpu", "resourceClaimName": "p-gpu-x"}]},
}
SLICE = {
    "spec": {
        "driver": "gpu.nvidia.com",
        "pool": {"name": "node-a"},
        "devices": [{"name": "gpu-0-mig-1g5gb-19-2", "attributes": {"uuid": {"string": "MIG-1"}}}],
    }
}


def claim(device: str = "gpu-0-mig-1g5gb-19-2", *, user: str = "pod-1") -> dict[str, Any]:
    """A claim that was given this device, for this pod."""
    result = {"request": "slice", "driver": "gpu.nvidia.com", "pool": "node-a", "device": device}
    status = {"allocation": {"devices": {"results": [result]}}, "reservedFor": [{"resource": "pods", "uid": user}]}
    return {"metadata": {"name": "p-gpu-x"}, "status": status}


def device(name: str = "d", *, claim: str = "gpu", request: str = "slice") -> Device:
    """A device that a pod was given."""
    return Device(claim=claim, request=request, driver="gpu.nvidia.com", pool="node-a", name=name, uuid=f"MIG-{name}")


def test_claim_names() -> None:
    """A claim from a template is found by the name it was made under; one by name is its own."""
    by_name = {"spec": {"resourceClaims": [{"name": "gpu", "resourceClaimName": "shared"}]}}

    assert claims.claim_names(POD) == {"gpu": "p-gpu-x"}
    assert claims.claim_names(by_name) == {"gpu": "shared"}
    assert claims.claim_names({"spec": {}}) == {}


def test_devices() -> None:
    """A device is what the claim's allocation names, with the UUID that the node's slice gives it."""
    (only,) = claims.devices(POD, "gpu", claim(), [SLICE], CURRENT)

    assert (only.name, only.uuid) == ("gpu-0-mig-1g5gb-19-2", "MIG-1")


@pytest.mark.parametrize(
    ("found", "slices", "why"),
    [
        pytest.param(claim(user="pod-2"), [SLICE], "not reserved for this pod", id="somebody else's claim"),
        pytest.param(claim("gpu-9"), [SLICE], 'allocatable not found for device "gpu-9"', id="a device that is gone"),
        pytest.param(claim(), [], "DRA driver gpu.nvidia.com is not registered", id="no slice at all"),
    ],
)
def test_refused(found: dict[str, Any], slices: list[dict[str, Any]], why: str) -> None:
    """A pod does not start on what it was not given, or what is not there."""
    with pytest.raises(Held, match=why) as caught:
        claims.devices(POD, "gpu", found, slices, CURRENT)

    assert caught.value.waiting.reason == "FailedPrepareDynamicResources"


def test_not_made_yet() -> None:
    """A claim whose template has not been followed yet is waited for."""
    with pytest.raises(Held, match="gpu is not made yet"):
        claims.claim_names({"spec": POD["spec"]})


def test_one_pod_a_device() -> None:
    """A device that one pod has is not given to another until it is released; the same pod may ask again."""
    table = Devices()
    table.take([device("a")], "pod-1")
    table.take([device("a")], "pod-1")

    with pytest.raises(Held, match="a is still in use by pod pod-1"):
        table.take([device("b"), device("a")], "pod-2")
    table.take([device("b")], "pod-3")
    table.release("pod-1")
    table.take([device("a")], "pod-2")


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        pytest.param([{"name": "gpu"}], "MIG-a,MIG-b", id="a claim is all its requests"),
        pytest.param([{"name": "gpu", "request": "big"}], "MIG-b", id="or one of them"),
        pytest.param([{"name": "other"}], "MIG-c", id="a container sees its own claims only"),
        pytest.param([], "", id="and without any, nothing"),
    ],
)
def test_visible(wishes: list[dict[str, str]], expected: str) -> None:
    """A container is told the devices that it asks for, and no others of its pod."""
    given = [device("a"), device("b", request="big/first"), device("c", claim="other")]

    assert expected == claims.visible({"resources": {"claims": wishes}}, given)
