"""Promises of the judge of capacity."""

import pytest

from mig.capacity import Activity, Answer, judge
from mig.verdict import Broken, Settled, Waiting

TEXT = "We currently do not have sufficient p4d.24xlarge capacity in the Availability Zone you requested (us-east-1a)."
NO_SPOT = (
    "Could not launch Spot Instances. UnfulfillableCapacity - Unable to fulfill capacity. "
    "Launching EC2 instance failed."
)
NO_ZONE = f"Could not launch On-Demand Instances. InsufficientInstanceCapacity - {TEXT} Launching EC2 instance failed."
NO_QUOTA = (
    "Could not launch On-Demand Instances. "
    "You've requested more vCPU capacity than your current vCPU limit of 0 allows. Launching EC2 instance failed."
)
NO_RIGHT = (
    "Could not launch On-Demand Instances. UnauthorizedOperation - You are not authorized to perform this operation. "
    "Launching EC2 instance failed."
)


def activity(status: str, message: str = "") -> Activity:
    """One activity."""
    return Activity(status=status, message=message)


@pytest.mark.parametrize(
    ("activities", "expected"),
    [
        pytest.param([], Waiting("0 of 2 instances launched"), id="nothing has happened yet"),
        pytest.param([activity("InProgress")], Waiting("0 of 2 instances launched"), id="a launch is under way"),
        pytest.param([activity("Successful")], Waiting("1 of 2 instances launched"), id="one of two is there"),
        pytest.param([activity("Successful")] * 2, Settled(Answer(held=True)), id="both are there"),
        pytest.param(
            [activity("Failed", NO_ZONE)],
            Settled(Answer(held=False, code="InsufficientInstanceCapacity", reason=TEXT)),
            id="a zone without capacity is a shortage, in AWS's words",
        ),
        pytest.param(
            [activity("Failed", NO_SPOT)],
            Settled(Answer(held=False, code="UnfulfillableCapacity", reason="Unable to fulfill capacity.")),
            id="spot that cannot be fulfilled is a shortage",
        ),
        pytest.param(
            [activity("Failed", NO_QUOTA)],
            Settled(
                Answer(
                    held=False,
                    code="VcpuLimitExceeded",
                    reason="You've requested more vCPU capacity than your current vCPU limit of 0 allows.",
                )
            ),
            id="a quota sentence without a code is a quota",
        ),
        pytest.param(
            [activity("Failed", NO_RIGHT)],
            Broken(f"AWS refused, and not for want of capacity: {NO_RIGHT}"),
            id="a missing permission is not a shortage",
        ),
        pytest.param(
            [activity("Successful"), activity("Failed", NO_ZONE)],
            Settled(Answer(held=False, code="InsufficientInstanceCapacity", reason=TEXT)),
            id="half of the nodes is no offer held",
        ),
    ],
)
def test_activities_are_read_by_code(activities: list[Activity], expected: object) -> None:
    """Each history of a group's activities means one thing."""
    assert expected == judge(activities, wanted=2)
