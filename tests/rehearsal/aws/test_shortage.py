"""Which launches fail, and in what words."""

from typing import Any

import pytest

from mig.capacity import Activity, judge
from mig.offer import Market
from mig.verdict import Broken, Settled
from rehearsal.aws.shortage import Launch, Shortage, shortage, status_message
from rehearsal.faults import Enrolment

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def asked(market: Market, *faults: dict[str, Any], offered: tuple[str, ...] = ZONES) -> Shortage | None:
    """What a launch of a p4d in us-east-1a comes to."""
    launch = Launch(instance_type="p4d.24xlarge", zone="us-east-1a", market=market)
    enrolment = Enrolment(run_id="demo", seed=1, faults=faults)
    return shortage(launch, enrolment, offered, zones=ZONES)


FAULT = {"kind": "no_capacity"}


@pytest.mark.parametrize(
    ("market", "fault", "code"),
    [
        pytest.param("on-demand", FAULT, "InsufficientInstanceCapacity", id="on demand is sold out"),
        pytest.param("spot", FAULT, "UnfulfillableCapacity", id="spot is sold out"),
        pytest.param("spot", {**FAULT, "code": "VcpuLimitExceeded"}, "VcpuLimitExceeded", id="the code it asks for"),
        pytest.param("spot", {**FAULT, "zone": "us-east-1a"}, "UnfulfillableCapacity", id="in this zone"),
        pytest.param(
            "spot", {**FAULT, "rung": "spot p4d.24xlarge us-east-1a"}, "UnfulfillableCapacity", id="this very offer"
        ),
    ],
)
def test_scripted(market: Market, fault: dict[str, Any], code: str) -> None:
    """A scripted shortage answers with the code that the market has, or the one it names."""
    found = asked(market, fault)

    assert found is not None
    assert code == found.code


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({**FAULT, "market": "spot"}, id="another market"),
        pytest.param({**FAULT, "zone": "us-east-1b"}, id="another zone"),
        pytest.param({**FAULT, "rung": "spot p4d.24xlarge us-east-1a"}, id="another offer"),
        pytest.param({**FAULT, "instance_type": "p5.48xlarge"}, id="another type"),
        pytest.param({"kind": "mig_failed"}, id="another kind of fault"),
    ],
)
def test_not_meant(fault: dict[str, Any]) -> None:
    """A fault that names something else leaves this launch alone."""
    assert asked("on-demand", fault) is None


def test_reservation_without_one() -> None:
    """The simulated account has no reservations."""
    found = asked("reservation")

    assert found is not None
    assert "ReservationCapacityExceeded" == found.code


@pytest.mark.parametrize(
    ("market", "code"),
    [
        pytest.param("on-demand", "Unsupported", id="on demand"),
        pytest.param("spot", "InvalidFleetConfiguration", id="spot says it otherwise"),
    ],
)
def test_zone_without_the_type(market: Market, code: str) -> None:
    """A zone that does not have the type refuses it."""
    found = asked(market, offered=("us-east-1b",))

    assert found is not None
    assert code == found.code


def test_words_of_auto_scaling() -> None:
    """The activity says it as a real one does."""
    found = asked("on-demand", FAULT)
    assert found is not None

    assert (
        "Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have sufficient"
        " p4d.24xlarge capacity in the Availability Zone you requested (us-east-1a). Our system will be working on"
        " provisioning additional capacity. You can currently get p4d.24xlarge capacity by not specifying an"
        " Availability Zone in your request or choosing us-east-1b, us-east-1c. Launching EC2 instance failed."
    ) == status_message("on-demand", found)


@pytest.mark.parametrize("market", ["on-demand", "spot", "reservation"])
@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        *((code, Settled) for code in ("InsufficientInstanceCapacity", "VcpuLimitExceeded", "Unsupported")),
        pytest.param("UnauthorizedOperation", Broken, id="a missing permission is no shortage"),
    ],
)
def test_the_product_understands(market: Market, code: str, verdict: type) -> None:
    """What the stage says is what the product's judge reads."""
    found = asked(market, {**FAULT, "code": code})
    assert found is not None

    assert isinstance(judge([Activity(status="Failed", message=status_message(market, found))], wanted=1), verdict)
