"""Promises of leases: written where a sweep looks, and said again while the run lives."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mig.errors import PipelineError, Temporary
from mig.ledger import Lease
from tasks import aws, lease
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=15)


class Bucket:
    """S3, with what was put there."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> dict[str, Any]:  # noqa: N803 (boto3's names)
        """Write one."""
        self.objects[Key] = Body
        return {}

    def list_objects_v2(self, *, Prefix: str, **_: object) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        """Those whose key begins so; without any, S3 leaves the list out."""
        found = [{"Key": key} for key in self.objects if key.startswith(Prefix)]
        return {"Contents": found} if found else {}

    def get_object(self, *, Key: str, **_: object) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        """Read one."""
        return {"Body": io.BytesIO(self.objects[Key])}


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket with the leases of a run's two attempts, and one of a run whose name begins alike."""
    made = Bucket()
    monkeypatch.setattr(aws, "aws", lambda *_: made)
    for run, attempt, minutes in (("r-1", 1, -5), ("r-1", 2, 5), ("r-10", 1, 600)):
        lease.write(SITE, Lease(run_id=run, stack=f"{run}-{attempt}", expires=NOON + timedelta(minutes=minutes)))
    return made


def test_a_lease_lies_where_a_sweep_looks(bucket: Bucket) -> None:
    """Under its run and its stack, and it can be read again."""
    held = Lease(run_id="r-2", stack="r-2-1", expires=NOON)

    lease.write(SITE, held)

    assert held == Lease.from_json(bucket.objects["runs/r-2/leases/r-2-1.json"].decode())


def test_the_lease_that_holds_longest_counts() -> None:
    """A run has one for each attempt; another run's is never taken for it."""
    assert Lease(run_id="r-1", stack="r-1-2", expires=NOON + timedelta(minutes=5)) == lease.newest(SITE, "r-1")
    assert lease.newest(SITE, "r-3") is None


def test_renewing_says_the_newest_again(bucket: Bucket) -> None:
    """It holds for its whole time from now; that of an attempt that was given up stays as it was."""
    former = bucket.objects["runs/r-1/leases/r-1-1.json"]

    lease.renew(SITE, "r-1", minutes=15, now=NOON)

    assert Lease(run_id="r-1", stack="r-1-2", expires=LATER) == lease.newest(SITE, "r-1")
    assert former == bucket.objects["runs/r-1/leases/r-1-1.json"]


def test_before_the_first_lease_there_is_nothing_to_renew(bucket: Bucket) -> None:
    """A run that has asked for nothing yet answers for nothing."""
    before = dict(bucket.objects)

    lease.renew(SITE, "r-3", minutes=15, now=NOON)

    assert before == bucket.objects


class Over:
    """An event for which somebody waits a few times in vain; the waits take no time."""

    def __init__(self, times: int) -> None:
        self.waits: list[float] = []
        self.told = False
        self._times = times

    def wait(self, seconds: float) -> bool:
        """Whether it has happened."""
        self.waits.append(seconds)
        return len(self.waits) > self._times

    def set(self) -> None:
        """It happens."""
        self.told = True


@pytest.mark.parametrize("trouble", [None, Temporary("S3 is away", delay=1)], ids=["all is well", "S3 is away"])
def test_a_lease_is_kept_while_the_run_lives(monkeypatch: pytest.MonkeyPatch, trouble: PipelineError | None) -> None:
    """Three times before it would lapse, trouble or none; at the end of the run nobody renews it any more."""
    over, renewed = Over(4), list[float]()

    def renew(_: Site, __: str, *, minutes: float, now: datetime) -> None:
        assert now.tzinfo is UTC
        renewed.append(minutes)
        if trouble:
            raise trouble

    monkeypatch.setattr(lease, "Event", lambda: over)
    monkeypatch.setattr(lease, "renew", renew)

    with lease.kept(SITE, "r-1", minutes=15):
        pass

    assert ([15.0] * 4, [300.0] * 5, True) == (renewed, over.waits, over.told)
