"""Promises of asking Prefect's server for flow runs: page after page, as far as there is something to read."""

from types import SimpleNamespace
from typing import Any, Self

import pytest
from prefect.client.schemas.objects import StateType

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
