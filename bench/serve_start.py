"""
`mig serve` from nothing to the end: how soon one can click, how soon a run is at work, and what is left after Ctrl-C.

Beside it, in turns, how long Prefect's own server takes on this machine, from an empty home like ours.
"""

import os
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from bench.parts import BIN, ROOT, START_SECONDS, Parts, ask, endless, free_port, living, training, wait
from bench.promise import Promise
from tasks import world

TURNS = 2
END_SECONDS = 180


def measure() -> Iterator[Promise]:
    """Up and down in turns with Prefect's own server; then with a run, then `--check`."""
    pairs = [(_ours(), _theirs()) for _ in range(TURNS)]
    ours = " and ".join(f"{each:.1f} s" for each, _ in pairs)
    theirs = " and ".join(f"{each:.1f} s" for _, each in pairs)
    ratio = statistics.mean(ours / theirs for ours, theirs in pairs)
    what = f"mig serve to its address: {ours}; Prefect's server alone: {theirs}; ours / theirs"
    yield Promise(what=what, measured=ratio, most=1.5, unit="x")
    yield from _with_a_run()
    yield from _check()


def _theirs() -> float:
    with TemporaryDirectory(ignore_cleanup_errors=True) as home:
        alone = Parts(home=Path(home), address="", port=free_port())
        began = time.monotonic()
        try:
            alone.start_server()
            return time.monotonic() - began
        finally:
            alone.end()


def _ours() -> float:
    with _home() as home, _serving(home) as (process, began):
        _address(home, process)
        seconds = time.monotonic() - began
        _ctrl_c(process)
    return seconds


def _with_a_run() -> Iterator[Promise]:
    """In a World that outlives the server, so that it can be asked what is billed when everything else has gone."""
    with world.opened(60, lambda _: None) as address, _home() as home:
        parts = Parts(home=home, address=address, port=0)
        with _serving(home, given=address) as (process, _):
            pages = _address(home, process)
            with SyncPrefectClient(f"{pages}/api") as prefect:
                asked = time.time()
                run = ask(prefect, endless("going"))
                training(prefect, run)
                tasks = prefect.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])))
            first = min(each.start_time.timestamp() for each in tasks if each.start_time)
            yield Promise(what="a run asked for is at its first task after", measured=first - asked, most=15, unit="s")
            billed = parts.billed()
            ending = time.monotonic()
            code = _ctrl_c(process)
        seconds = time.monotonic() - ending
        what = f"Ctrl-C while {', '.join(billed)} is paid for: exit code {code} after {seconds:.0f} s; billed"
        yield Promise(what=what, measured=len(parts.billed()), most=0, unit="instances")
        yield _left(home)


def _check() -> Iterator[Promise]:
    with _home() as home, _serving(home, "--check") as (process, began):
        code = process.wait(END_SECONDS)
        what = f"mig serve --check, from an empty home to the end in {time.monotonic() - began:.0f} s: exit code"
        yield Promise(what=what, measured=code, most=0, unit="")
        yield _left(home)


def _left(home: Path) -> Promise:
    """Nobody listens where nothing runs: what holds a port is a process."""
    return Promise(what="  processes left, and so ports", measured=len(living(home)), most=0, unit="processes")


@contextmanager
def _home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="mig-bench-", ignore_cleanup_errors=True) as home:
        yield Path(home)


@contextmanager
def _serving(home: Path, *words: str, given: str = "") -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
    """`mig serve` with nothing of the person's own, and when it was begun."""
    own = {name: value for name, value in os.environ.items() if name not in ("PREFECT_API_URL", world.GIVEN)}
    environment = {**own, "XDG_DATA_HOME": str(home), "PREFECT_HOME": str(home / "nobodys")}
    environment |= {world.GIVEN: given} if given else {}
    with (home / "out").open("wb") as out, (home / "err").open("wb") as err:
        began = time.monotonic()
        process = subprocess.Popen(
            [str(BIN / "mig"), "serve", "--port", "0", *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    try:
        yield process, began
    finally:
        process.kill()
        process.wait()


def _address(home: Path, process: "subprocess.Popen[bytes]") -> str:
    said = home / "out"
    wait(lambda: process.poll() is not None or said.stat().st_size > 0, START_SECONDS, "its address")
    assert process.poll() is None, (home / "err").read_text(encoding="utf-8")
    return said.read_text(encoding="utf-8").splitlines()[-1]


def _ctrl_c(process: "subprocess.Popen[bytes]") -> int:
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    return process.wait(END_SECONDS)
