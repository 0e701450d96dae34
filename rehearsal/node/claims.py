"""
What a node does for claims: which devices a pod was given, whether the node has them, and that no two pods share one.

The allocation is the real scheduler's; the devices are those that the node's ResourceSlices name. CDI and the device
files that a real driver prepares have no counterpart here but the device's UUID.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mig.release import Release
from rehearsal.api_server import Object
from rehearsal.node.container import Held

DRA_ERROR = "FailedPrepareDynamicResources"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device that a claim gave to a pod."""

    claim: str
    """As the pod's containers name it."""
    request: str
    driver: str
    pool: str
    name: str
    uuid: str
    """Empty where its slice names none."""


class Devices:
    """Which pod has which device of one node."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: dict[tuple[str, str, str], str] = {}

    def take(self, devices: Sequence[Device], pod: str) -> None:
        """Give all of them to a pod or none: Held when another pod, by UID, has one."""
        keys = [(d.driver, d.pool, d.name) for d in devices]
        with self._lock:
            for key in keys:
                holder = self._holder.get(key, pod)
                if holder != pod:
                    raise Held(DRA_ERROR, f"device {key[2]} is still in use by pod {holder}")
            self._holder |= dict.fromkeys(keys, pod)

    def release(self, pod: str) -> None:
        """What this pod had is free again."""
        with self._lock:
            self._holder = {key: holder for key, holder in self._holder.items() if holder != pod}


def claim_names(pod: Object) -> dict[str, str]:
    """The ResourceClaims of a pod, by the names that its containers use. Raises Held while one is not made yet."""
    made = {s["name"]: s.get("resourceClaimName") for s in pod.get("status", {}).get("resourceClaimStatuses", [])}
    names: dict[str, str] = {}
    for claim in pod["spec"].get("resourceClaims", []):
        name = claim.get("resourceClaimName") or made.get(claim["name"])
        if name is None:
            raise Held(DRA_ERROR, f"claim {claim['name']} is not made yet")
        names[claim["name"]] = name
    return names


def devices(
    pod: Object, claim: str, found: Object, slices: Sequence[Object], driver: Release | None
) -> tuple[Device, ...]:
    """
    The devices of one claim of a pod.

    Args:
        pod: who wants them.
        claim: what the pod's containers call the claim.
        found: the ResourceClaim.
        slices: the node's ResourceSlices, as they are now.
        driver: in whose words it is said that a device is not among them; None: there is no driver any more.
    """
    status = found.get("status", {})
    name = found["metadata"]["name"]
    if not any(user["uid"] == pod["metadata"]["uid"] for user in status.get("reservedFor", [])):
        raise Held(DRA_ERROR, f"claim {name} is not reserved for this pod")
    results = status.get("allocation", {}).get("devices", {}).get("results", [])
    return tuple(_device(claim, name, result, slices, driver) for result in results)


def visible(container: Object, given: Sequence[Device]) -> str:
    """`NVIDIA_VISIBLE_DEVICES` of one container: the UUIDs of the devices that it asks for."""
    return ",".join(device.uuid for device in _wanted(container, given) if device.uuid)


def _wanted(container: Object, given: Sequence[Device]) -> Iterator[Device]:
    for wish in container.get("resources", {}).get("claims", []):
        for device in given:
            # A request with alternatives is allocated as `request/alternative`.
            if device.claim == wish["name"] and wish.get("request", "") in {"", device.request.split("/")[0]}:
                yield device


def _device(claim: str, name: str, result: Object, slices: Sequence[Object], driver: Release | None) -> Device:
    whose, pool, wanted = result["driver"], result["pool"], result["device"]
    specs = [s["spec"] for s in slices if s["spec"]["driver"] == whose and s["spec"]["pool"]["name"] == pool]
    if driver is None or not specs:
        raise Held(DRA_ERROR, f"prepare dynamic resources: DRA driver {whose} is not registered")
    for device in (device for spec in specs for device in spec.get("devices", [])):
        if device["name"] == wanted:
            uuid = device.get("attributes", {}).get("uuid", {}).get("string", "")
            return Device(claim=claim, request=result["request"], driver=whose, pool=pool, name=wanted, uuid=uuid)
    error = driver.stale_error(wanted)
    raise Held(DRA_ERROR, f"prepare dynamic resources: NodePrepareResources failed for ResourceClaim {name}: {error}")
