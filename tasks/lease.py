"""
Leases: a run's word for what it has created, kept in S3 where a sweep looks, and said again while the run lives.

Time is the wall's here, whatever clock cloud and nodes run on: a lease is read by whoever comes, without the run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from threading import Event, Thread

from mig.errors import PipelineError
from mig.ledger import Lease
from tasks.aws import call
from tasks.connect import Site
from tasks.progress import say

RENEWALS = 3
"""So often a lease is said again before it would lapse: two that fail, because S3 is away for a while, cost nothing."""


def write(site: Site, lease: Lease) -> None:
    """Put a stack's lease where a sweep looks for it, before anything of the stack is asked for."""
    key = f"runs/{lease.run_id}/leases/{lease.stack}.json"
    call(site, "s3", "put_object", Bucket=site.bucket, Key=key, Body=lease.to_json().encode())


def newest(site: Site, run_id: str) -> Lease | None:
    """The one of a run's leases that holds longest; None: it wrote none."""
    there = {"Bucket": site.bucket, "Prefix": f"runs/{run_id}/leases/"}
    keys = [each["Key"] for each in call(site, "s3", "list_objects_v2", **there).get("Contents", ())]
    texts = [call(site, "s3", "get_object", Bucket=site.bucket, Key=key)["Body"].read().decode() for key in keys]
    return max(map(Lease.from_json, texts), key=lambda lease: lease.expires, default=None)


def renew(site: Site, run_id: str, *, minutes: float, now: datetime) -> None:
    """Answer for a run's nodes for so many minutes more, if it has any yet."""
    held = newest(site, run_id)
    if held is not None:
        write(site, held.renewed(now, minutes=minutes))


@contextmanager
def kept(site: Site, run_id: str, *, minutes: float) -> Iterator[None]:
    """
    A run's lease holds for as long as this lasts, and lapses some time after its process is gone, however it went.

    A thread of its own: the run waits for AWS, for nodes and for pods in many places, and none of them knows of leases.
    """
    over = Event()

    def keep() -> None:
        while not over.wait(minutes * 60 / RENEWALS):
            try:
                renew(site, run_id, minutes=minutes, now=datetime.now(UTC))
            except PipelineError as trouble:
                say(f"the lease could not be renewed: {trouble}")

    thread = Thread(target=copy_context().run, args=(keep,), name=f"lease of {run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
