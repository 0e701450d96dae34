"""
Why AWS does not launch an instance: a scripted shortage, or a place that does not have the type.

Pure. The sentences are those of Auto Scaling's activities on real accounts; the first word behind the market is EC2's
error code, and everything that chooses another zone or market decides by it.
"""

from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass

from mig.offer import Market
from rehearsal.faults import Enrolment, applies

_SENTENCES: Mapping[str, str] = {
    "InsufficientInstanceCapacity": (
        "We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested ({zone})."
        " Our system will be working on provisioning additional capacity. You can currently get {instance_type}"
        " capacity by not specifying an Availability Zone in your request or choosing {others}."
    ),
    "UnfulfillableCapacity": (
        "Unable to fulfill capacity due to your request configuration. Please adjust your request and try again."
    ),
    "ReservationCapacityExceeded": (
        "The requested reservation does not have sufficient compatible and available capacity for this request."
    ),
    "VcpuLimitExceeded": (
        "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that"
        " the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request"
        " an adjustment to this limit."
    ),
    "MaxSpotInstanceCountExceeded": "Max spot instance count exceeded",
    "InsufficientFreeAddressesInSubnet": "There are not enough free addresses in the subnet to satisfy the request.",
    "Unsupported": (
        "Your requested instance type ({instance_type}) is not supported in your requested Availability Zone ({zone})."
        " Please retry your request by not specifying an Availability Zone or choosing {others}."
    ),
    "InvalidFleetConfiguration": (
        "Your requested instance type ({instance_type}) is not supported in your requested Availability Zone ({zone})."
    ),
    "UnauthorizedOperation": "You are not authorized to perform this operation.",
}

_USUAL: Mapping[Market, str] = {
    "on-demand": "InsufficientInstanceCapacity",
    "spot": "UnfulfillableCapacity",
    "reservation": "ReservationCapacityExceeded",
}
"""What a market that is sold out answers, when the fault does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What Auto Scaling asks EC2 for."""

    instance_type: str
    zone: str
    market: Market

    def facts(self) -> dict[str, str]:
        """What a fault may name of it."""
        return {**asdict(self), "rung": f"{self.market} {self.instance_type} {self.zone}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """EC2's refusal."""

    code: str
    sentence: str


def shortage(
    launch: Launch, enrolment: Enrolment, offered: Container[str], *, zones: tuple[str, ...]
) -> Shortage | None:
    """
    Why this launch fails, None if it succeeds: `offered` are the zones that have the type, `zones` all there are.

    The simulated account has no reservations, so a launch that may only go into one always fails.
    """
    for fault in enrolment.of("no_capacity"):
        if applies(fault, **launch.facts()):
            others = tuple(zone for zone in zones if zone != launch.zone)
            return _worded(fault.get("code") or _USUAL[launch.market], launch, others)
    if launch.zone not in offered:
        code = "InvalidFleetConfiguration" if launch.market == "spot" else "Unsupported"
        return _worded(code, launch, tuple(zone for zone in zones if zone in offered))
    if launch.market == "reservation":
        return _worded("ReservationCapacityExceeded", launch, zones)
    return None


def status_message(market: Market, refused: Shortage) -> str:
    """How Auto Scaling reports it."""
    sold_as = "Spot" if market == "spot" else "On-Demand"
    return f"Could not launch {sold_as} Instances. {refused.code} - {refused.sentence} Launching EC2 instance failed."


def _worded(code: str, launch: Launch, others: tuple[str, ...]) -> Shortage:
    sentence = _SENTENCES.get(code, "The request was refused.")
    facts = {"instance_type": launch.instance_type, "zone": launch.zone, "others": ", ".join(others)}
    return Shortage(code=code, sentence=sentence.format(**facts))
