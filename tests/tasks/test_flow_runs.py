"""Promises of asking Prefect's server for flow runs: all that there are, and one more, later."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Self
from uuid import UUID

import pytest
from httpx import Request, Response
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectHTTPStatusError

from mig.errors import Failed
from tasks import flow_runs


class Server:
    """A server with so many runs, each as its id and state; it counts what it is asked."""

    def __init__(self, runs: int) -> None:
        self.runs = [SimpleNamespace(id=f"id-{n}", state_type=StateType.RUNNING) for n in range(runs)]
        self.asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left open."""

    def read_flow_runs(self, *, limit: int, offset: int, **_: Any) -> list[SimpleNamespace]:
        """One page."""
        self.asked += 1
        return self.runs[offset : offset + limit]


@pytest.mark.parametrize(
    ("runs", "read", "pages"),
    [
        pytest.param(0, 0, 1, id="none"),
        pytest.param(450, 450, 3, id="some pages"),
        pytest.param(2100, 2000, 10, id="more than anybody wants"),
    ],
)
def test_the_newest_runs_are_read(monkeypatch: pytest.MonkeyPatch, runs: int, read: int, pages: int) -> None:
    """All of them up to a bound, by their ids, and no page is asked for in vain."""
    server = Server(runs)
    monkeypatch.setattr(flow_runs, "get_client", lambda **_: server)

    states = flow_runs.states("pipeline")

    assert (read, pages) == (len(states), server.asked)
    assert {"RUNNING"} >= set(states.values())


def test_a_run_without_a_state_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has not begun: nothing can be its."""
    server = Server(1)
    server.runs[0].state_type = None
    monkeypatch.setattr(flow_runs, "get_client", lambda **_: server)

    assert {} == flow_runs.states("pipeline")


class Deployed:
    """A server with one flow run, of a deployment or of none; it remembers what it is asked to start."""

    def __init__(self, deployment: UUID | None, answer: int = 201) -> None:
        self.asked: dict[str, Any] = {}
        self._answer = answer
        self._run = SimpleNamespace(
            name="r-rehearsal",
            deployment_id=deployment,
            parameters={"spec": {"name": "r"}},
            job_variables={"working_dir": "/w"},
            work_queue_name="default",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left open."""

    def read_flow_run(self, _: UUID) -> SimpleNamespace:
        """The one that asks."""
        return self._run

    def create_flow_run_from_deployment(self, deployment: UUID, **asked: Any) -> Any:
        """Another one, or an error as Prefect's client raises it."""
        if self._answer >= 400:
            raise PrefectHTTPStatusError("", request=Request("POST", "http://p"), response=Response(self._answer))
        self.asked = {"deployment": deployment, **asked}
        return SimpleNamespace(id=UUID(int=3))


RUN, DEPLOYMENT = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_the_same_is_asked_for_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters, folder and queue are those of the run that asks; a run has one successor, however often it asks."""
    server = Deployed(DEPLOYMENT)
    monkeypatch.setattr(flow_runs, "get_client", lambda **_: server)

    flow_runs.ask_again(RUN, "later", due=NOON, tags=["try:2/3"])

    state = server.asked.pop("state")
    assert ("Scheduled", NOON) == (state.name, state.state_details.scheduled_time)
    assert {
        "deployment": DEPLOYMENT,
        "parameters": {"spec": {"name": "r"}},
        "job_variables": {"working_dir": "/w"},
        "work_queue_name": "default",
        "name": "later",
        "tags": ["try:2/3"],
        "idempotency_key": f"after:{RUN}",
    } == server.asked


@pytest.mark.parametrize(
    ("deployment", "answer"), [(None, 201), (DEPLOYMENT, 404)], ids=["it has none", "it was deleted meanwhile"]
)
def test_what_no_deployment_starts_cannot_be_asked_again(
    monkeypatch: pytest.MonkeyPatch, deployment: UUID | None, answer: int
) -> None:
    """That is said in one sentence."""
    monkeypatch.setattr(flow_runs, "get_client", lambda **_: Deployed(deployment, answer))

    with pytest.raises(Failed, match="later cannot be asked for: there is no deployment of it any more"):
        flow_runs.ask_again(RUN, "later", due=NOON, tags=[])


def test_what_a_server_refuses_otherwise_goes_on_rising(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody foresaw it, and nobody hides it."""
    monkeypatch.setattr(flow_runs, "get_client", lambda **_: Deployed(DEPLOYMENT, 409))

    with pytest.raises(PrefectHTTPStatusError):
        flow_runs.ask_again(RUN, "later", due=NOON, tags=[])
