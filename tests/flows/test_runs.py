"""Promises of the end: which runs are ours, that they are cancelled and waited for, and what a death leaves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType

from flows.interrupts import Ending
from flows.runs import Ours, cancel, fate, judge, named_cancelled, settle, told_to_end
from mig.errors import Failed
from mig.verdict import Settled, Waiting

OURS = Ours(pool="local", worker="mine", whole=True)
SHARED = Ours(pool="local", worker="mine", whole=False)


def run(kind: StateType, *, name: str = "run", worker: str = "", planned: bool = False) -> FlowRun:
    """A flow run in a state."""
    labels = {"prefect.worker.name": worker} if worker else {}
    return FlowRun(
        id=uuid4(),
        flow_id=uuid4(),
        name=name,
        labels=labels,
        auto_scheduled=planned,
        state=State(type=kind),
        state_type=kind,
    )


class Server:
    """Flow runs, each of which ends after it has been looked at a few times since it was cancelled."""

    def __init__(self, *runs: FlowRun, looks: int = 2) -> None:
        self.runs = {each.id: each for each in runs}
        self.said: list[tuple[UUID, StateType, bool]] = []
        self._looks = dict.fromkeys(self.runs, looks)

    def read_flow_runs(self, **_filters: Any) -> list[FlowRun]:
        """Those that have not ended."""
        for each in self.runs.values():
            if each.state_type is StateType.CANCELLING:
                self._looks[each.id] -= 1
        return [each for each in self.runs.values() if self._looks[each.id] > 0]

    def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """As it is now."""
        return self.runs[flow_run_id]

    def set_flow_run_state(self, flow_run_id: UUID, state: State[Any], force: bool = False) -> None:  # noqa: FBT001, FBT002
        """Note it."""
        self.said.append((flow_run_id, state.type, force))
        self.runs[flow_run_id] = self.runs[flow_run_id].model_copy(update={"state_type": state.type})


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        """Seconds since the start."""
        return self.at

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self.at += seconds


@contextmanager
def ending(told: list[str]) -> Iterator[Ending]:
    """The end, asked for once."""
    end = Ending(told.append)
    with pytest.raises(KeyboardInterrupt):
        end.hear(2, None)
    yield end


def test_every_run_is_cancelled_once_and_waited_for() -> None:
    """Running and due ones alike are asked to end one time, and the wait lasts until none is left."""
    server = Server(run(StateType.RUNNING), run(StateType.SCHEDULED), run(StateType.PENDING), looks=4)
    clock = Clock()

    cancel(server, OURS, Ending(print), tell=print, clock=clock)

    assert [(each, StateType.CANCELLING, False) for each in server.runs] == server.said
    assert [] == server.read_flow_runs()
    assert clock.at > 0


def test_what_a_person_cancelled_already_is_only_waited_for() -> None:
    """A run that is on its way out is not asked again."""
    server = Server(run(StateType.CANCELLING))

    cancel(server, OURS, Ending(print), tell=print, clock=Clock())

    assert [] == server.said


def test_what_is_going_is_told_to_end_and_not_killed() -> None:
    """Prefect's cancelling would kill it after 30 s, in the middle of a long teardown; its process is told once."""
    going = run(StateType.RUNNING)
    server = Server(going, run(StateType.SCHEDULED), looks=4)
    told: list[UUID] = []

    def end(each: FlowRun) -> bool:
        told.append(each.id)
        server.runs[each.id] = each.model_copy(update={"state_type": StateType.CANCELLING})
        return True

    ended = cancel(server, OURS, Ending(print), tell=print, clock=Clock(), end=end)

    assert ((going.id,), [going.id]) == (ended, told)
    assert [StateType.CANCELLING] == [kind for _, kind, _ in server.said]


def test_what_was_told_to_end_is_cancelled_in_the_history() -> None:
    """Prefect takes it for crashed; one that came to its own end keeps that."""
    crashed, completed = run(StateType.CRASHED), run(StateType.COMPLETED)
    server = Server(crashed, completed)

    named_cancelled(server, OURS, [crashed.id, completed.id])

    assert [(crashed.id, StateType.CANCELLED, True)] == server.said


def test_what_nobody_waited_for_is_cancelled_in_the_history() -> None:
    """Its process died with the worker, and nobody else would say so; what has not begun waits for the next start."""
    begun = [run(kind) for kind in (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)]
    server = Server(*begun, run(StateType.SCHEDULED))

    named_cancelled(server, OURS, [])

    assert [(each.id, StateType.CANCELLED, True) for each in begun] == server.said


def test_on_a_shared_server_only_our_workers_dead_are_named() -> None:
    """Another worker's run goes on."""
    mine = run(StateType.RUNNING, worker="mine")
    server = Server(mine, run(StateType.RUNNING, worker="other"))

    named_cancelled(server, SHARED, [])

    assert [mine.id] == [each for each, _, _ in server.said]


@pytest.mark.parametrize("pid", [None, "", "nobody", "1", "999999999"])
def test_only_a_process_that_is_the_runs_own_is_told(pid: str | None) -> None:
    """A number that another process has by now is left alone."""
    elsewhere = run(StateType.RUNNING).model_copy(update={"infrastructure_pid": pid})

    assert not told_to_end(elsewhere)


def test_of_a_shared_server_only_what_our_worker_started_is_ours() -> None:
    """Runs of other workers of the same pool, and runs nobody has begun, are left alone."""
    mine = run(StateType.RUNNING, worker="mine")
    server = Server(mine, run(StateType.RUNNING, worker="other"), run(StateType.SCHEDULED))

    assert (mine,) == SHARED.due(server)


def test_a_run_that_does_not_end_is_named() -> None:
    """After three minutes the wait fails with its name."""
    server = Server(run(StateType.RUNNING, name="stuck"), looks=10_000)

    with pytest.raises(Failed, match=r"end: .*stuck"):
        cancel(server, OURS, Ending(print), tell=print, clock=Clock())


def test_a_second_ctrl_c_ends_the_wait_alone() -> None:
    """Runs are still asked to end, and nobody waits for them; what ends them is the World's end."""
    told: list[str] = []
    server = Server(run(StateType.RUNNING), looks=10_000)
    clock = Clock()

    with ending(told) as end:
        end.hear(2, None)
        cancel(server, OURS, end, tell=print, clock=clock)

    assert (1, 0.0) == (len(server.said), clock.at)
    assert "not waiting for runs any longer" == told[-1]


def test_only_the_first_signal_breaks_anything_off() -> None:
    """Those after it are heard, and nothing that ends is interrupted by them."""
    told: list[str] = []

    with ending(told) as end:
        end.hear(15, None)
        end.hear(15, None)

    assert (True, True, 3) == (end.begun, end.hurried, len(told))


@pytest.mark.parametrize(
    ("unfinished", "hurried", "expected"),
    [
        pytest.param([], False, Settled(None), id="none left"),
        pytest.param(
            [run(StateType.RUNNING, name="b"), run(StateType.RUNNING, name="a")],
            False,
            Waiting("runs take their nodes down: a, b"),
            id="two left",
        ),
        pytest.param([run(StateType.RUNNING)], True, Settled(None), id="nobody waits"),
    ],
)
def test_the_end_waits_for_what_is_left(unfinished: list[FlowRun], hurried: bool, expected: object) -> None:  # noqa: FBT001
    """It names what it waits for."""
    assert expected == judge(unfinished, hurried=hurried)


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        pytest.param(run(StateType.RUNNING), StateType.CRASHED, id="it ran"),
        pytest.param(run(StateType.PENDING), StateType.CRASHED, id="it was about to"),
        pytest.param(run(StateType.CANCELLING), StateType.CRASHED, id="it was being cancelled"),
        pytest.param(run(StateType.SCHEDULED, planned=True), StateType.CANCELLED, id="a clock asked, and it is past"),
        pytest.param(run(StateType.SCHEDULED), None, id="a person asked"),
    ],
)
def test_what_an_earlier_death_left_comes_to_an_end(left: FlowRun, expected: StateType | None) -> None:
    """What was begun has crashed, what a clock asked for is past, and what a person asked for is still carried out."""
    state = fate(left)

    assert expected == (state and state.type)


def test_an_earlier_deaths_runs_are_settled_whatever_their_server_thinks() -> None:
    """The states are forced: no process is there to agree."""
    crashed = run(StateType.RUNNING)
    server = Server(crashed, run(StateType.SCHEDULED))

    settle(server, OURS)

    assert [(crashed.id, StateType.CRASHED, True)] == server.said
