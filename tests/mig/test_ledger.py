"""What a run answers for, and until when."""

from datetime import UTC, datetime, timedelta

import pytest

from mig.ledger import Lease

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LEASE = Lease(run_id="r1", stack="r1-1", expires=NOON)


def test_lease_survives_writing() -> None:
    """What is read back is what was written down."""
    assert Lease.from_json(LEASE.to_json()) == LEASE


def test_lease_tag() -> None:
    """The tag says the moment in ISO 8601, UTC."""
    assert LEASE.tag == "2026-11-23T12:00:00+00:00"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(NOON - timedelta(seconds=1), False, id="a second before its end it holds"),
        pytest.param(NOON, True, id="at its end it has lapsed"),
    ],
)
def test_lapsed(now: datetime, expected: bool) -> None:  # noqa: FBT001 (a table's column)
    """A lease holds until its end and no longer."""
    assert expected == LEASE.lapsed(now)


def test_renewed() -> None:
    """A renewal counts from now, whatever was left."""
    assert LEASE.renewed(NOON - timedelta(minutes=10), minutes=15).expires == NOON + timedelta(minutes=5)
