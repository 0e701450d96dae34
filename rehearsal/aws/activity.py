"""Scaling activities: what an Auto Scaling group tells of its attempts to launch and end instances, in AWS's words."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One activity; its fields are those of DescribeScalingActivities."""

    activity_id: str
    auto_scaling_group_name: str
    description: str
    cause: str
    start_time: datetime
    """Wall clock: AWS knows nothing of a compressed one."""
    status_code: str = "InProgress"
    status_message: str | None = None
    end_time: datetime | None = None
    progress: int = 50
    details: str

    def with_success(self, instance_id: str = "") -> "Activity":
        """It is done; `instance_id` is what a launch brought."""
        description = f"{self.description}: {instance_id}" if instance_id else self.description
        return replace(self._ended("Successful"), description=description)

    def with_failure(self, message: str) -> "Activity":
        """EC2 refused."""
        description = f"{self.description}.  Status Reason: {message}"
        return replace(self._ended("Failed"), description=description, status_message=message)

    def with_cancel(self) -> "Activity":
        """The group's size was changed meanwhile."""
        return self._ended("Cancelled")

    def _ended(self, status: str) -> "Activity":
        return replace(self, status_code=status, end_time=datetime.now(UTC), progress=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a group acts."""

    group: str
    subnet: str
    zone: str


def launching(place: Place, *, current: int, desired: int) -> Activity:
    """One instance is being launched."""
    now = datetime.now(UTC)
    cause = (
        f"At {now:%Y-%m-%dT%H:%M:%SZ} an instance was started in response to a difference between desired and actual"
        f" capacity, increasing the capacity from {current} to {desired}."
    )
    return _begun(place, "Launching a new EC2 instance", cause, now)


def terminating(place: Place, instance_id: str, *, current: int, desired: int) -> Activity:
    """One instance is being ended."""
    now = datetime.now(UTC)
    cause = (
        f"At {now:%Y-%m-%dT%H:%M:%SZ} an instance was taken out of service in response to a difference between desired"
        f" and actual capacity, shrinking the capacity from {current} to {desired}."
    )
    return _begun(place, f"Terminating EC2 instance: {instance_id}", cause, now)


def _begun(place: Place, description: str, cause: str, now: datetime) -> Activity:
    return Activity(
        activity_id=str(uuid4()),
        auto_scaling_group_name=place.group,
        description=description,
        cause=cause,
        start_time=now,
        details=json.dumps({"Subnet ID": place.subnet, "Availability Zone": place.zone}),
    )
