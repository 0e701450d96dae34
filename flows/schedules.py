"""
Schedules of deployments: held to what Prefect lets through, and left as somebody has switched them.

Deploying replaces a deployment's schedules by those of the file (Prefect 3.8, server/models/deployments.py): a night
that somebody had switched on would be off from then on, and nobody told.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.schedules import CronSchedule
from pydantic import ValidationError

from mig.errors import Refused

Entry = Mapping[str, Any]


def check(name: str, entry: Entry) -> None:
    """The schedules of a deployment. Raises Refused for the first that would start at another time than is meant."""
    for number, schedule in enumerate(entry.get("schedules") or ()):
        _check(f"{name}: schedules[{number}]", schedule)


@contextmanager
def as_switched(prefect: SyncPrefectClient) -> Iterator[None]:
    """Schedules that were there before are afterwards on or off as they were, whatever is deployed meanwhile."""
    before = {where: active for where, (_, active) in _there(prefect).items()}
    try:
        yield
    finally:
        for (deployment, slug), (schedule, active) in _there(prefect).items():
            was = before.get((deployment, slug), active)
            if was != active:
                prefect.update_deployment_schedule(deployment, schedule, active=was)


def _there(prefect: SyncPrefectClient) -> dict[tuple[UUID, str], tuple[UUID, bool]]:
    """By deployment and slug, for a schedule's id is another one after each deploying: its id, and whether it is on."""
    return {
        (deployment.id, each.slug): (each.id, each.active)
        for deployment in prefect.read_deployments()
        for each in deployment.schedules
        if each.slug
    }


def _check(where: str, schedule: Entry) -> None:
    if not schedule.get("slug"):
        raise Refused(
            f"{where}.slug", "it has none, and is not found again when it is deployed anew", accepted="a name"
        )
    zone = schedule.get("timezone")
    if zone not in available_timezones():
        why = f"{zone} is no time zone" if zone else "it is not said, and Prefect takes UTC"
        raise Refused(f"{where}.timezone", why, accepted="one of the tz database, as UTC or America/New_York")
    if "active" not in schedule:
        raise Refused(f"{where}.active", "it is not said, and Prefect takes true", accepted="true or false")
    if "cron" in schedule:
        try:
            CronSchedule(cron=schedule["cron"], timezone=zone)
        except ValidationError as error:
            raise Refused(f"{where}.cron", error.errors()[0]["msg"], accepted="five fields, as 0 4 * * *") from error
