"""
Capacity: what AWS's answers to being asked for instances mean, told by code and never by guess.

The codes are those that Karpenter acts on and EC2 documents; the form of an activity's message is what Auto Scaling
writes. A missing permission is not a shortage.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mig.verdict import Broken, Settled, Verdict, Waiting

SHORTAGE = frozenset({
    "InsufficientInstanceCapacity",
    "InsufficientCapacity",
    "UnfulfillableCapacity",
    "ReservationCapacityExceeded",
    "SpotMaxPriceTooLow",
    "InsufficientFreeAddressesInSubnet",
    "Unsupported",
    "InvalidFleetConfiguration",
})  # fmt: skip
"""There is none here now: another zone, market or type may have some."""

QUOTA = frozenset({
    "VcpuLimitExceeded",
    "MaxSpotInstanceCountExceeded",
    "InstanceLimitExceeded",
    "MaxFleetCountExceeded",
})  # fmt: skip
"""The account may not have more: another market may be counted apart."""

_LAUNCH = re.compile(
    r"Could not launch (?:On-Demand|Spot) Instances\. (?:(\w+) - )?(.*?)(?: Launching EC2 instance failed\.)?$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One scaling activity of a node group's Auto Scaling group."""

    status: str
    """`Successful`, `Failed`, `Cancelled`, or a word for being under way."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an offer came to: held, or refused with AWS's code and sentence."""

    held: bool
    code: str = ""
    reason: str = ""


def judge(activities: Iterable[Activity], *, wanted: int) -> Verdict[Answer]:
    """
    Whether so many instances launched, or AWS refused.

    Broken for a failure that is neither shortage nor quota: asking elsewhere would hide what is wrong.
    """
    launched = 0
    for activity in activities:
        if activity.status == "Successful":
            launched += 1
        elif activity.status in {"Failed", "Cancelled"}:
            return _refusal(activity.message)
    if launched < wanted:
        return Waiting(f"{launched} of {wanted} instances launched")
    return Settled(Answer(held=True))


def _refusal(message: str) -> Verdict[Answer]:
    found = _LAUNCH.search(message)
    code, reason = (found[1] or "", found[2]) if found else ("", message)
    if not code and ("vCPU limit" in reason or "your quota" in reason):
        code = "VcpuLimitExceeded"  # Auto Scaling leaves the code out of its quota sentences
    if code in SHORTAGE | QUOTA:
        return Settled(Answer(held=False, code=code, reason=reason))
    return Broken(f"AWS refused, and not for want of capacity: {message}")
