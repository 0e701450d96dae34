"""Promises of `mig serve`: what comes up in which order, and what goes down in which, however it ends."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import serve, surroundings
from flows.interrupts import Ending
from flows.serve import Served, check_version, deployed, hold, judge, served
from flows.work_pool import PoolType, wanted
from flows.worker import judge as judge_worker
from mig.errors import Failed, Refused
from mig.verdict import Broken, Settled, Waiting

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:{}/api"
UP = ["connect", "pool", "heartbeat", "off", "settle", "worker", "deploy", "automations", "on", "online"]
DOWN = ["off", "cancel", "worker ends", "1 named", "disconnect"]


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens around a server, in its order; nothing of it is real."""
    happened: list[str] = []

    @contextmanager
    def lasting(begins: str, ends: str) -> Iterator[None]:
        happened.append(begins)
        try:
            yield
        finally:
            happened.append(ends)

    monkeypatch.setattr(serve, "_connected", lambda _: lasting("connect", "disconnect"))
    monkeypatch.setattr(serve, "prepare", lambda *_: happened.append("pool") or "local")
    monkeypatch.setattr(serve.automations, "set_heartbeat", lambda *_: happened.append("heartbeat"))
    monkeypatch.setattr(serve.automations, "applied", lambda *_: happened.append("automations"))
    monkeypatch.setattr(serve.automations, "switch", lambda _, *, on: happened.append("on" if on else "off"))
    monkeypatch.setattr(serve, "settle", lambda *_: happened.append("settle"))
    monkeypatch.setattr(serve, "working", lambda *_: lasting("worker", "worker ends"))
    monkeypatch.setattr(serve, "started", lambda *_, **__: happened.append("online"))
    monkeypatch.setattr(serve, "cancel", lambda *_, **__: happened.append("cancel") or ("run",))
    monkeypatch.setattr(serve, "named_cancelled", lambda _, __, ended: happened.append(f"{len(ended)} named"))
    return happened


def bring_up(api: str, ending: Ending, deploys: Callable[..., object] = lambda *_: None) -> Any:
    """`served`, of a file that is not looked at."""
    nobody: Any = SimpleNamespace(
        entries=(), deployer=SimpleNamespace(deploy=deploys), worker=None, log=Path("worker.log")
    )
    return served(api, ROOT / "prefect.yaml", nobody, ending=ending, tell=print)


def test_runs_end_before_their_worker_and_that_before_the_server(order: list[str]) -> None:
    """A worker that ended first would kill its runs without their teardown."""
    with bring_up("http://127.0.0.1:1/api", Ending(print), lambda *_: order.append("deploy")) as what:
        assert "http://127.0.0.1:1" == what.address

    assert UP == order[: len(UP)]
    assert DOWN == order[len(UP) :]


@pytest.mark.parametrize("error", [KeyboardInterrupt, Failed("worker", "gone")], ids=["Ctrl-C", "something broke"])
def test_the_end_has_the_same_order_whatever_asks_for_it(order: list[str], error: BaseException) -> None:
    """And from then on no signal breaks it off."""
    ending = Ending(print)

    with pytest.raises((KeyboardInterrupt, Failed)), bring_up("http://127.0.0.1:1/api", ending):
        raise error

    assert (DOWN, True) == (order[-len(DOWN) :], ending.begun)


def test_a_deployment_that_fails_ends_what_was_up(order: list[str]) -> None:
    """Its sentence is the error, and whatever the worker had begun by then is ended."""

    def refuse(*_: object) -> None:
        raise Failed("deploy", "no")

    with pytest.raises(Failed, match="deploy: no"), bring_up("http://127.0.0.1:1/api", Ending(print), refuse):
        pass

    assert ["worker", *DOWN] == order[-len(DOWN) - 1 :]


def test_on_a_server_of_others_nothing_is_settled(order: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that seem to be left there may be somebody's that live."""
    monkeypatch.setattr(serve, "_pages", lambda _: "")

    with bring_up("", Ending(print)):
        assert {"settle", "off"}.isdisjoint(order)


def test_a_worker_that_ends_by_itself_is_an_error() -> None:
    """The sentence names the file that says why."""
    ended: Any = SimpleNamespace(wait=lambda: 3)
    nobody: Any = None

    with pytest.raises(Failed, match=r"worker: it ended with exit code 3; /x\.log says why"):
        hold(Served(prefect=nobody, address="", working=ended, log=Path("/x.log")))


@pytest.mark.parametrize(
    ("code", "online", "expected"),
    [
        pytest.param(None, False, Waiting("the worker starts"), id="it starts"),
        pytest.param(None, True, Settled(None), id="its server knows it"),
        pytest.param(1, False, Broken("it ended with exit code 1; /x.log says why"), id="it ended"),
    ],
)
def test_a_worker_has_started_when_its_server_knows_it(code: int | None, online: bool, expected: object) -> None:  # noqa: FBT001
    """A process alone is no worker."""
    assert expected == judge_worker(code, online, log=Path("/x.log"))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(StateType.RUNNING, Waiting), (StateType.COMPLETED, Settled), (StateType.FAILED, Settled)],
)
def test_a_check_lasts_until_its_run_has_ended(kind: StateType, expected: type) -> None:
    """Well or badly."""
    state: State[Any] = State(type=kind)
    run = FlowRun(id=uuid4(), flow_id=uuid4(), name="tiny", state=state, state_name=state.name)

    assert isinstance(judge(run), expected)


def test_a_server_that_does_not_answer_is_one_sentence() -> None:
    """It names the address, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        api = NOBODY.format(free.getsockname()[1])

    answer = f"connect: Prefect does not answer at {api}: start it, or unset PREFECT_API_URL"
    with pytest.raises(Failed, match=answer), bring_up(api, Ending(print)):
        pass


@pytest.mark.parametrize("kind", ["process", "kubernetes"])
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param(
            {"/hello": (200, "hi"), "/admin/version": (200, "3.7.9")},
            r"the server there is Prefect 3\.7\.9, and here is \S+; accepted: a server of 3\.8",
            id="another minor version",
        ),
        pytest.param({}, "what answers there is no Prefect server; accepted: its address, with /api", id="no Prefect"),
        pytest.param(
            {"/hello": (200, "hi"), "/admin/version": (200, None)},
            "what answers there is no Prefect server",
            id="a page for every address",
        ),
        pytest.param(
            {"/hello": (401, "")}, "wants to know who asks; accepted: .*PREFECT_API_AUTH_STRING", id="a password"
        ),
        pytest.param({"/hello": (500, "")}, "connect: Prefect's server answers 500: its own log", id="it is ill"),
    ],
)
def test_a_server_that_is_not_ours_to_use_is_one_sentence(
    answers: dict[str, tuple[int, str | None]], expected: str, kind: PoolType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what is wrong with it, before anything is done there, for whatever kind of pool."""

    def answer(request: httpx.Request) -> httpx.Response:
        status, said = answers.get(request.url.path.removeprefix("/api"), (404, ""))
        return httpx.Response(status, json=said) if said is not None else httpx.Response(status, text="<html>")

    asked = SyncPrefectClient(NOBODY.format(1), httpx_settings={"transport": httpx.MockTransport(answer)})
    monkeypatch.setattr(serve, "get_client", lambda **_: asked)

    with temporary_settings({PREFECT_API_URL: NOBODY.format(1)}), pytest.raises((Failed, Refused), match=expected):
        deployed(ROOT / "prefect.yaml", wanted(ROOT / "prefect.yaml", kind))


@pytest.mark.parametrize("theirs", ["3.8.0", "3.8.9", "3.8.10rc1"])
def test_a_server_of_the_same_minor_version_is_used(theirs: str) -> None:
    """Patches of one version understand each other."""
    check_version("3.8.8", theirs)


def test_without_a_server_nothing_is_deployed() -> None:
    """Prefect would start one for the moment, and deploy to nowhere; who has none is told of `mig serve`."""
    with (
        temporary_settings(restore_defaults={PREFECT_API_URL}),
        pytest.raises(Refused, match="`mig serve` brings a server"),
    ):
        deployed(ROOT / "prefect.yaml")


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ends of a server and a World that are not real, in their order."""
    happened: list[str] = []

    @contextmanager
    def lasting(what: str) -> Iterator[str]:
        try:
            yield what
        finally:
            happened.append(f"{what} ends")

    monkeypatch.delenv("MIG_WORLD", raising=False)
    monkeypatch.setattr(surroundings, "server", lambda _: lasting("server"))
    monkeypatch.setattr(surroundings.world, "opened", lambda *_, **__: lasting("world"))
    return happened


def test_the_world_ends_after_the_server(ends: list[str]) -> None:
    """Whichever was up first: what is told of the end still reaches the server."""
    with surroundings.surroundings(60, print) as own:
        assert ("server", "world") == (own, os.environ["MIG_WORLD"])

    assert ["server ends", "world ends"] == ends
    assert "MIG_WORLD" not in os.environ


def test_what_takes_a_processor_waits_until_the_world_is_there(ends: list[str]) -> None:
    """The server is waited for longest: nothing competes with it that can wait."""
    seen: list[str | None] = []

    with surroundings.surroundings(60, print, meanwhile=lambda: seen.append(os.environ.get("MIG_WORLD"))):
        assert ["world"] == seen

    assert ["server ends", "world ends"] == ends


def test_what_is_refused_meanwhile_ends_both(ends: list[str]) -> None:
    """A wrong prefect.yaml is found while they start, and leaves neither."""

    def refuse() -> None:
        raise Refused("FILE", "wrong")

    with pytest.raises(Refused, match="FILE: wrong"), surroundings.surroundings(60, print, meanwhile=refuse):
        pass

    assert ["server ends", "world ends"] == ends
