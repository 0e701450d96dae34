"""What an instance costs, from its launch to its end."""

from dataclasses import dataclass

import pytest

from rehearsal.aws.bill import Bill, Item


@dataclass
class Watch:
    """A clock that is set by hand."""

    time: float = 0.0

    def now(self) -> float:
        """What it shows."""
        return self.time


def item(instance_type: str) -> Item:
    """An instance from the beginning on."""
    return Item(
        instance_id="i-1", instance_type=instance_type, market="spot", zone="us-east-1a", run_id="demo", since=0.0
    )


def test_a_running_instance_costs_more_and_more() -> None:
    """Until it ends, an instance is billed up to now."""
    watch = Watch()
    bill = Bill(watch.now)
    bill.open(item("p4d.24xlarge"))
    watch.time = 1800.0
    (billed,) = bill.billed()

    assert (0.5, None) == (billed.hours, billed.item.until)
    assert billed.usd == pytest.approx(21.957642 / 2)


def test_an_ended_instance_costs_no_more() -> None:
    """It stays on the bill with what it has cost; ending it again changes nothing."""
    watch = Watch()
    bill = Bill(watch.now)
    bill.open(item("p4d.24xlarge"))
    for watch.time in (3600.0, 7200.0):
        bill.close("i-1")
    (billed,) = bill.billed()

    assert 1.0 == billed.hours


def test_unknown_price() -> None:
    """A price that no table has is not made up."""
    bill = Bill(Watch().now)
    bill.open(item("p5e.48xlarge"))
    (billed,) = bill.billed()

    assert billed.usd is None
