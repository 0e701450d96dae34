"""Promises of a run in a shell: who waits sees try after try, and the exit code is that of the last."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State
from prefect.context import TagsContext
from prefect.states import Completed

from flows import in_shell as shell
from flows.endings import broken
from flows.telling import run_id
from mig.errors import Failed, NoCapacity, Refused
from mig.offer import Tried
from mig.report import Story, compose
from mig.spec import RunSpec, read
from tasks.publish import report_path

SPEC = read({
    "name": "r",
    "workloads": [{"name": "small", "kind": "train", "model": "mlp", "slice": "small"}],
    "capacity": {"markets": ["spot"], "attempts": 3, "retry_minutes": 15},
})  # fmt: skip
SHORT = NoCapacity((Tried(rung="spot", outcome="refused", code="C", reason="none", seconds=1),))
TORN = Failed("ready", "stale")


class FakeClock:
    """A clock that moves only when somebody sleeps."""

    slept = 0.0

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.time = 0.0

    def now(self) -> float:
        """The time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.time += seconds
        FakeClock.slept += seconds


class Runs:
    """The pipeline, whose runs end as it is told; it remembers the tags of each."""

    def __init__(self, *endings: Exception) -> None:
        self._endings: Iterator[Exception] = iter(endings)
        self.tags: list[set[str]] = []

    def __call__(self, spec: RunSpec, *, return_state: bool) -> State[Any]:
        """One run, with its report where it came so far."""
        assert return_state
        self.tags.append(set(TagsContext.get().current_tags))
        error = next(self._endings)
        state = broken(error, None)
        flow_run = UUID(int=len(self.tags) << 96)
        state.state_details.flow_run_id = flow_run
        if not isinstance(error, Refused):
            path = report_path(run_id(spec.name, str(flow_run)))
            path.parent.mkdir(parents=True)
            story = Story(spec=spec, run_id=path.parent.name, told=(), phases=())
            path.write_text(compose(story, error=error, simulated=(), scale=60).to_json(), encoding="utf-8")
        return state


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for reports, where waiting takes no time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shell, "PacedClock", FakeClock)
    monkeypatch.setattr(FakeClock, "slept", 0.0)


@pytest.mark.parametrize(
    ("endings", "wait", "expected"),
    [
        pytest.param([SHORT], False, (3, 1, 0), id="who does not wait has tried once"),
        pytest.param([SHORT, TORN], True, (1, 2, 15), id="the second try gets further, and its code counts"),
        pytest.param([SHORT, SHORT, SHORT], True, (3, 3, 30), id="as often as was asked for, and no more"),
        pytest.param([TORN], True, (1, 1, 0), id="what failed otherwise is not tried again"),
        pytest.param([Refused("target", "no")], True, (2, 1, 0), id="nor what was refused"),
    ],
)
def test_who_waits_tries_again(
    monkeypatch: pytest.MonkeyPatch, endings: list[Exception], expected: tuple[int, int, float], *, wait: bool
) -> None:
    """The pause passes on the clock of cloud and nodes, between two tries and after none."""
    made = Runs(*endings)
    monkeypatch.setattr(shell, "pipeline", made)

    code = shell.carried_out(SPEC, wait=wait, tell=print)

    assert expected == (code, len(made.tags), FakeClock.slept / 60)


def test_each_try_carries_whose_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As through a deployment; the last line of what is said names the last report."""
    made = Runs(SHORT, TORN)
    monkeypatch.setattr(shell, "pipeline", made)

    shell.carried_out(SPEC, wait=True, tell=print)

    first, second = made.tags
    assert {"try:1/3"} == first
    assert {"try:2/3", "tries:r-00000001", f"after:{UUID(int=1 << 96)}"} == {t for t in second if "until" not in t}
    assert capsys.readouterr().out.splitlines()[-1].endswith("runs/r-00000002/report.json")


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (Completed(), 0),
        (broken(Refused("RUN", "no")), 2),
        (broken(TORN), 1),
    ],
)
def test_a_flow_of_one_line_has_an_exit_code(state: State[Any], code: int) -> None:
    """Done, refused, failed."""
    assert code == shell.ended(state)
