"""
A process worker of our own. It ends when its owner does, as by Ctrl-C: its runs die with it, without their teardown.

So whoever ends it ends its runs first (`flows.runs`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient

from flows.command import Process, command, told
from flows.owned import end
from flows.runs import Ours
from mig.verdict import Broken, Settled, Verdict, Waiting
from tasks.wait import PacedClock, Patience, until

PARTS = ("prefect.cli.worker", "prefect.workers.process", "prefect_kubernetes")
"""What a worker needs; the last because Prefect looks for kinds of workers in whatever brings some."""

START_SECONDS = 120
"""For a worker to report to its server: about two seconds on two free cores, ten where its imports are still to do."""

SETTINGS = {"PREFECT_WORKER_QUERY_SECONDS": "1"}
"""It asks for work each second: what a person has started begins at once."""


@contextmanager
def coming(log: Path) -> Iterator[Process]:
    """What will be a worker: it imports what one needs, before there is a server to work for."""
    with (
        log.open("wb") as said,
        command(*PARTS, said=said, settings=SETTINGS) as process,
    ):
        yield process


@contextmanager
def working(process: Process, ours: Ours) -> Iterator[None]:
    """That process works for our pool meanwhile; its runs have our environment."""
    told(process, "worker", "start", "--pool", ours.pool, "--name", ours.worker, "--type", "process")
    try:
        yield
    finally:
        end(process)


def started(
    prefect: SyncPrefectClient, process: Process, ours: Ours, *, log: Path, tell: Callable[[str], None]
) -> None:
    """Wait until the server knows it. Raises Failed when it does not start."""
    patience = Patience(phase="worker", deadline=START_SECONDS, every=0.5, clock=PacedClock(), tell=tell)
    until(lambda: (process.poll(), _online(prefect, ours)), lambda seen: judge(*seen, log=log), patience)


def judge(code: int | None, online: bool, *, log: Path) -> Verdict[None]:  # noqa: FBT001 (what was seen)
    """Whether a worker has started."""
    if code is not None:
        return Broken(f"it ended with exit code {code}; {log} says why")
    return Settled(None) if online else Waiting("the worker starts")


def _online(prefect: SyncPrefectClient, ours: Ours) -> bool:
    return any(each.name == ours.worker for each in prefect.read_workers_for_work_pool(ours.pool))
