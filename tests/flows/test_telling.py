"""Promises of the telling: a stage's value goes on, the first error is kept, and the end is named for what happened."""

from collections.abc import Callable
from signal import SIGTERM
from typing import NoReturn

import pytest
from prefect.exceptions import TerminationSignal

from flows import telling
from flows.telling import Telling, run_id
from mig.errors import Failed, LeftBehind, NoCapacity, Refused
from mig.ledger import Released
from mig.offer import Tried
from mig.report import RunReport
from mig.spec import RunSpec
from tasks.connect import Site

SITE = Site(
    target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=("AWS",)
)
SHORT = NoCapacity((Tried(rung="spot", outcome="refused", code="C", reason="none", seconds=1),))
GONE = Released(verified=True, left=())


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[RunReport]:
    """The reports that were published."""
    made: list[RunReport] = []
    monkeypatch.setattr(telling, "publish", lambda _, report: made.append(report))
    return made


@pytest.fixture
def tale() -> Telling:
    """A story that has just begun."""
    return Telling(RunSpec(name="r"))


def raising(error: BaseException) -> Callable[[], NoReturn]:
    """A stage that breaks."""

    def stage() -> NoReturn:
        raise error

    return stage


def told(tale: Telling, *endings: Callable[[], object]) -> None:
    """Tell a run whose stages end so, the last of them in spite of everything."""
    *stages, last = endings
    with tale.ending(), tale.published(SITE):
        try:
            for stage in stages:
                tale.tell("run", stage)
        finally:
            tale.tell("teardown", last)


def test_a_stages_value_is_handed_on(tale: Telling) -> None:
    """What a stage returns is what its telling returns."""
    assert "3 slices" == tale.tell("ready", lambda count, of: f"{count} {of}", 3, of="slices")


def test_phases_are_told_in_order_with_their_times(tale: Telling, published: list[RunReport]) -> None:
    """The report has a phase for each stage, broken ones as well."""
    told(tale, lambda: None, raising(Failed("run", "trouble")), lambda: GONE)

    assert ["run", "run", "teardown"] == [phase.name for phase in published[0].phases]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(Failed("ready", "stale"), ("Failed", "ready: stale", "failed"), id="a phase broke"),
        pytest.param(
            SHORT, ("CapacityUnavailable", "no capacity: spot: none", "no_capacity"), id="there is no capacity"
        ),
        pytest.param(Refused("target", "not yet"), ("Refused", "target: not yet", "refused"), id="it was refused"),
    ],
)
def test_the_state_is_named_for_what_happened(
    error: Exception, expected: tuple[str, str, str], tale: Telling, published: list[RunReport]
) -> None:
    """What ends a run on purpose becomes its state, with the sentence, and its report's status."""
    told(tale, raising(error), lambda: GONE)

    state = tale.state()
    assert expected == (state.name, state.message, published[0].status)


def test_a_good_end_is_completed(tale: Telling, published: list[RunReport]) -> None:
    """A run that came to its end and left nothing is completed, with its report as result."""
    told(tale, lambda: GONE)

    state = tale.state()
    assert ("Completed", published[0]) == (state.name, state.data)


def test_what_is_left_behind_is_the_state(tale: Telling, published: list[RunReport]) -> None:
    """A run that succeeded and left something that may be billed is no success."""
    told(tale, lambda: Released(verified=False, left=("p4d i-1",)))

    state = tale.state()
    assert ("LeftBehind", str(LeftBehind(("p4d i-1",)))) == (state.name, state.message)
    assert not published[0].teardown.verified


@pytest.mark.usefixtures("published")
def test_the_first_error_is_the_one_that_is_shown(tale: Telling) -> None:
    """A teardown that fails after a failed run hides nothing."""
    told(tale, raising(Failed("run", "first")), raising(Failed("teardown", "second")))

    assert "run: first" == tale.state().message


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")], ids=["Ctrl-C", "a bug"])
def test_what_nobody_foresaw_goes_on_rising(error: BaseException, tale: Telling, published: list[RunReport]) -> None:
    """It is no state of ours, but the report is published all the same."""
    with pytest.raises(type(error)):
        told(tale, raising(error), lambda: GONE)

    assert 1 == len(published)


@pytest.mark.usefixtures("published")
def test_a_run_that_is_told_to_end_has_its_last_lines_at_the_server(
    tale: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends by the signal, before Prefect's log is sent the next time: it is sent when all is told."""
    lines: list[str] = []
    sent: list[str] = []
    monkeypatch.setattr("flows.endings.hand_over", lambda: sent.extend(lines))

    with pytest.raises(TerminationSignal):
        told(tale, raising(TerminationSignal(SIGTERM)), lambda: lines.append("verified"))

    assert ["verified"] == sent


def test_a_reports_marks_are_the_places(tale: Telling, published: list[RunReport]) -> None:
    """What was simulated is said as the place says it."""
    told(tale, lambda: GONE)

    assert ("AWS",) == published[0].simulated


def test_a_runs_name_follows_from_its_flow_run() -> None:
    """Whoever knows the flow run finds what belongs to the run."""
    assert "r-01234567" == run_id("r", "01234567-89ab-cdef-0123-456789abcdef")
