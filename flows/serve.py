"""
What `mig serve` adds to a server and a World: the work pool, the deployments and a worker, for as long as it lasts.

At the end runs are cancelled and waited for, then the worker ends; server and World are their opener's to end.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from json import JSONDecodeError
from pathlib import Path
from uuid import UUID

import httpx
from prefect.client.base import ServerType
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import get_current_settings

from flows import automations
from flows.command import Process
from flows.deployments import Deployer, Entry, deployer, prepare, read_file
from flows.documents import mapping
from flows.interrupts import Ending
from flows.runs import Ours, cancel, named_cancelled, settle
from flows.server import API
from flows.work_pool import Wanted
from flows.worker import coming, started, working
from mig.errors import Failed, Refused
from mig.verdict import Settled, Verdict, Waiting
from tasks.wait import PacedClock, Patience, until

DEPLOYMENT = "pipeline/rehearsal"
"""Flow and deployment that the check asks for."""

TINY = Path("deployments/specs/tiny.yaml")
"""The request of the check, beside prefect.yaml."""

CHECK_SECONDS = 600
"""For the tiny rehearsal: about forty on two free cores."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What runs, for whoever clicks."""

    prefect: SyncPrefectClient
    address: str
    """Of the pages."""
    working: Process
    log: Path
    """What the worker says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """Who will deploy a file, and who will carry out its runs: processes that import while the server starts."""

    entries: tuple[Entry, ...]
    """What the file declares."""
    deployer: Deployer
    worker: Process
    log: Path
    """What the worker says."""


@contextmanager
def hands(file: Path, log: Path) -> Iterator[Hands]:
    """For a file that is looked at first. Raises Refused for what is wrong in it."""
    entries = read_file(file)
    with deployer(entries) as deploys, coming(log) as works:
        yield Hands(entries=entries, deployer=deploys, worker=works, log=log)


@contextmanager
def served(api: str, file: Path, hands: Hands, *, ending: Ending, tell: Tell) -> Iterator[Served]:
    """
    Everything a file declares, deployed and with a worker. At the end no run of ours is left.

    Args:
        api: the address of a server of our own; empty: one is configured, and others may use it too.
        file: a prefect.yaml.
        hands: who does it.
        ending: knows whether somebody waits for the end.
        tell: hears what is waited for.
    """
    automatic = automations.read_file(automations.beside(file))
    with _connected(api) as prefect:
        pool = prepare(prefect, hands.entries)
        automations.set_heartbeat(prefect, automatic)
        ours = Ours(pool=pool, worker=f"mig-serve-{socket.gethostname()}-{os.getpid()}", whole=bool(api))
        if ours.whole:
            # Of an earlier start: its runs are over, and nothing of them stands.
            automations.switch(prefect, on=False)
            settle(prefect, ours)
        ended: tuple[UUID, ...] = ()
        try:
            with working(hands.worker, ours):
                try:
                    hands.deployer.deploy(prefect, file)
                    automations.applied(prefect, automatic, tell)
                    if ours.whole:
                        automations.switch(prefect, on=True)
                    started(prefect, hands.worker, ours, log=hands.log, tell=tell)
                    yield Served(prefect=prefect, address=_pages(api), working=hands.worker, log=hands.log)
                finally:
                    ending.begun = True
                    if ours.whole:
                        automations.switch(prefect, on=False)  # runs are ended, and taken down, here
                    ended = cancel(prefect, ours, ending, tell=tell)
        finally:
            named_cancelled(prefect, ours, ended)


def hold(what: Served) -> None:
    """Last until somebody asks for the end. Raises Failed when the worker ends by itself."""
    code = what.working.wait()
    raise Failed("worker", f"it ended with exit code {code}; {what.log} says why")


def rehearse(what: Served, file: Path, time_scale: float, tell: Tell) -> int:
    """Ask for one tiny rehearsal as a person would, and wait for it; 0: it has succeeded, else 1."""
    request = mapping(file.resolve().parent / TINY, named="--check", accepted="a tiny request beside prefect.yaml")
    spec = {**request, "rehearsal": {"time_scale": time_scale}}
    deployment = what.prefect.read_deployment_by_name(DEPLOYMENT)
    made = what.prefect.create_flow_run_from_deployment(deployment.id, parameters={"spec": spec})
    patience = Patience(phase="check", deadline=CHECK_SECONDS, every=0.5, clock=PacedClock(), tell=tell)
    state = until(lambda: what.prefect.read_flow_run(made.id), judge, patience)
    tell(f"{state.name}: {state.message}" if state.message else str(state.name))
    return 0 if state.is_completed() else 1


def judge(run: FlowRun) -> Verdict["State[object]"]:
    """Whether a run has ended, and how."""
    if run.state is not None and run.state.is_final():
        return Settled(run.state)
    return Waiting(f"{run.name}: {run.state_name}")


def deployed(file: Path, wanted: Wanted | None = None) -> int:
    """Deploy everything a file declares to the server that is configured, for such a pool; returns how much that is."""
    entries, automatic = read_file(file), automations.read_file(automations.beside(file))
    with deployer(entries) as deploys, configured() as prefect:
        prepare(prefect, entries, wanted)
        automations.set_heartbeat(prefect, automatic)
        deploys.deploy(prefect, file)
    return len(entries)


@contextmanager
def configured() -> Iterator[SyncPrefectClient]:
    """A client of the server that is configured. Raises Refused where there is none."""
    if get_current_settings().api.url is None:
        raise Refused(API, "no Prefect server is configured", accepted="its address; `mig serve` brings a server")
    with _connected("") as prefect:
        yield prefect


def check_version(ours: str, theirs: object) -> None:
    """Raises Refused for a server of another minor version: what one of them sends the other may not know."""
    if str(theirs).split(".")[:2] != ours.split(".")[:2]:
        minor = ".".join(ours.split(".")[:2])
        why = f"the server there is Prefect {theirs}, and here is {ours}"
        raise Refused(API, why, accepted=f"a server of {minor}; unset, `mig serve` brings one")


@contextmanager
def _connected(api: str) -> Iterator[SyncPrefectClient]:
    """A client of the server. Raises Failed or Refused, with what to do, when that does not answer as one of ours."""
    url = api or get_current_settings().api.url
    try:
        with SyncPrefectClient(api) if api else get_client(sync_client=True) as prefect:
            _greet(prefect)
            yield prefect
    except (httpx.TransportError, httpx.InvalidURL) as error:
        todo = "start it, or unset PREFECT_API_URL and let `mig serve` bring one"
        raise Failed("connect", f"Prefect does not answer at {url}: {todo}") from error


def _greet(prefect: SyncPrefectClient) -> None:
    try:
        prefect.hello()
        if prefect.server_type is not ServerType.CLOUD:  # which suits every client
            check_version(prefect.client_version(), prefect.api_version())
    except httpx.HTTPStatusError as error:
        raise _unfit(error.response.status_code) from error
    except JSONDecodeError as error:
        raise _unfit(HTTPStatus.NOT_FOUND) from error  # a page for whatever is asked


def _unfit(status: int) -> Failed | Refused:
    """Why nothing can be asked of what answers there."""
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        accepted = "the server's password in PREFECT_API_AUTH_STRING, or a key in PREFECT_API_KEY"
        return Refused(API, "the server there wants to know who asks", accepted=accepted)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Failed("connect", f"Prefect's server answers {status}: its own log says why")
    return Refused(API, "what answers there is no Prefect server", accepted="its address, with /api at its end")


def _pages(api: str) -> str:
    return api.removesuffix("/api") if api else str(get_current_settings().ui_url)
