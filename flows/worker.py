"""
A process worker of our own. It ends when its owner does, as by Ctrl-C: its runs die with it, without their teardown.

So whoever ends it ends its runs first (`flows.runs`).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient

from flows.owned import begin, begun, owned, with_owner
from mig.verdict import Broken, Settled, Verdict, Waiting
from tasks.wait import PacedClock, Patience, until

START_SECONDS = 120
"""For a worker to report to its server: about ten seconds on two free cores, mostly imports."""

SETTINGS = {"PREFECT_WORKER_QUERY_SECONDS": "1"}
"""It asks for work each second: what a person has started begins at once."""


@contextmanager
def worker(
    prefect: SyncPrefectClient,
    pool: str,
    *,
    name: str,
    log: Path,
    first: Callable[[], None],
    tell: Callable[[str], None],
) -> Iterator["subprocess.Popen[bytes]"]:
    """
    A worker of a pool; its runs have our environment. Raises Failed when it does not start.

    Its imports take place beside what is done first, its questions for work do not: a server on SQLite refuses writers
    that meet, and a client that was refused sleeps for seconds.
    """
    with log.open("wb") as said, owned("flows.worker", pool, name, settings=SETTINGS, said=said) as process:
        first()
        begin(process)
        patience = Patience(phase="worker", deadline=START_SECONDS, every=0.5, clock=PacedClock(), tell=tell)
        until(lambda: (process.poll(), _online(prefect, pool, name)), lambda seen: judge(*seen, log=log), patience)
        yield process


def judge(code: int | None, online: bool, *, log: Path) -> Verdict[None]:  # noqa: FBT001 (what was seen)
    """Whether a worker has started."""
    if code is not None:
        return Broken(f"it ended with exit code {code}; {log} says why")
    return Settled(None) if online else Waiting("the worker starts")


def _online(prefect: SyncPrefectClient, pool: str, name: str) -> bool:
    return any(each.name == name for each in prefect.read_workers_for_work_pool(pool))


def _work(pool: str, name: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would inherit ignoring it
    from prefect.cli import app

    if not begun():
        return
    with_owner(lambda: os.kill(os.getpid(), signal.SIGINT))
    sys.argv = ["prefect", "worker", "start", "--pool", pool, "--name", name, "--type", "process"]
    app()


if __name__ == "__main__":
    _work(*sys.argv[1:])
