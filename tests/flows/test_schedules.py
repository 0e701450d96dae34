"""Promises of schedules: their time is the one that is meant, and deploying leaves them on or off as they were."""

from types import SimpleNamespace
from typing import Any, NoReturn, cast
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient

from flows.schedules import as_switched, check
from mig.errors import Failed, Refused

NIGHT: dict[str, Any] = {"cron": "0 4 * * *", "timezone": "America/New_York", "active": False, "slug": "at-four"}
DEPLOYMENT = UUID(int=1)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"slug": ""}, "nightly: schedules[0].slug: it has none", id="nothing to find it by"),
        pytest.param(
            {"timezone": None}, "nightly: schedules[0].timezone: it is not said, and Prefect takes UTC", id="no zone"
        ),
        pytest.param(
            {"timezone": "Mars/Base"},
            "nightly: schedules[0].timezone: Mars/Base is no time zone",
            id="a zone of nowhere",
        ),
        pytest.param({"cron": "0 4 * *"}, "nightly: schedules[0].cron: ", id="four fields"),
    ],
)
def test_a_schedule_for_another_time_than_is_meant_is_refused(changed: dict[str, Any], expected: str) -> None:
    """One sentence with the deployment, the place and what is accepted."""
    with pytest.raises(Refused) as refused:
        check("nightly", {"schedules": [{**NIGHT, **changed}]})

    assert str(refused.value).startswith(expected)
    assert "; accepted: " in str(refused.value)


def test_a_schedule_says_whether_it_is_on() -> None:
    """Prefect would switch it on in silence."""
    silent = {name: value for name, value in NIGHT.items() if name != "active"}

    with pytest.raises(Refused, match=r"schedules\[0\]\.active: it is not said, and Prefect takes true"):
        check("nightly", {"schedules": [silent]})


def test_what_is_meant_passes() -> None:
    """A schedule that says everything, one by an interval, and none."""
    every = {"interval": 900, "timezone": "UTC", "active": False, "slug": "often"}

    check("nightly", {"schedules": [NIGHT, every]})
    check("nightly", {})


class Server:
    """Prefect's schedules of one deployment, by slug; deploying makes them anew."""

    def __init__(self, **on: bool) -> None:
        self.deploy(**on)

    def deploy(self, **on: bool) -> None:
        """As Prefect does it: with other ids than before, and as the file says."""
        self.there = {slug: SimpleNamespace(id=uuid4(), slug=slug, active=active) for slug, active in on.items()}

    def read_deployments(self) -> list[Any]:
        """The one that there is."""
        return [SimpleNamespace(id=DEPLOYMENT, schedules=list(self.there.values()))]

    def update_deployment_schedule(self, deployment: UUID, schedule: UUID, *, active: bool) -> None:
        """Switch one of them."""
        (found,) = [each for each in self.there.values() if each.id == schedule]
        assert deployment == DEPLOYMENT
        found.active = active


@pytest.mark.parametrize(
    ("before", "file", "expected"),
    [
        pytest.param({"a": True}, {"a": False}, {"a": True}, id="one that somebody has switched on stays on"),
        pytest.param({"a": False}, {"a": True}, {"a": False}, id="one that somebody has switched off stays off"),
        pytest.param({}, {"a": False}, {"a": False}, id="a new one is as the file says"),
        pytest.param({"a": True}, {"b": False}, {"b": False}, id="one that has gone is forgotten"),
    ],
)
def test_deploying_leaves_a_schedule_as_it_was(
    before: dict[str, bool], file: dict[str, bool], expected: dict[str, bool]
) -> None:
    """The file's word counts for a schedule that is new."""
    server = Server(**before)

    with as_switched(cast("SyncPrefectClient", server)):
        server.deploy(**file)

    assert expected == {slug: each.active for slug, each in server.there.items()}


def test_a_deploying_that_breaks_off_leaves_them_so_too() -> None:
    """What it has deployed before that is switched back."""
    server = Server(a=True)

    def deploy_and_fail() -> NoReturn:
        server.deploy(a=False)
        raise Failed("deploy", "the next one")

    with pytest.raises(Failed), as_switched(cast("SyncPrefectClient", server)):
        deploy_and_fail()

    assert server.there["a"].active
