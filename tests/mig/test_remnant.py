"""Promises of judging what outlived its run: in doubt it is kept, and the reason is said."""

from datetime import UTC, datetime, timedelta

import pytest

from mig.remnant import Keep, Remnant, Sweep, judge

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
EARLIER, LATER = NOON - timedelta(minutes=1), NOON + timedelta(minutes=1)


def remnant(*flow_states: str, lease: datetime | None = EARLIER, working: bool = False) -> Remnant:
    """Of a run whose lease has lapsed and where nobody works."""
    return Remnant(run_id="r-01234567", lease=lease, flow_states=flow_states, working=working)


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CANCELLED", "CRASHED"])
@pytest.mark.parametrize("lease", [EARLIER, LATER, None], ids=["lapsed", "holds", "no lease"])
@pytest.mark.parametrize("working", [False, True], ids=["idle", "at work"])
def test_a_run_whose_flow_run_is_over_is_swept(state: str, lease: datetime | None, working: bool) -> None:  # noqa: FBT001
    """Nobody is left who would take it down, whatever its lease says and whoever still computes."""
    assert Sweep(f"its flow run is over: {state}") == judge(remnant(state, lease=lease, working=working), NOON)


@pytest.mark.parametrize("state", ["RUNNING", "PENDING", "SCHEDULED", "PAUSED", "CANCELLING"])
@pytest.mark.parametrize(
    ("lease", "working", "expected"),
    [
        pytest.param(LATER, False, Keep, id="its lease holds"),
        pytest.param(None, False, Keep, id="it has none yet"),
        pytest.param(EARLIER, True, Keep, id="lapsed, but somebody works"),
        pytest.param(EARLIER, False, Sweep, id="lapsed, and nobody works"),
    ],
)
def test_a_run_that_is_said_to_be_alive_goes_only_with_its_lease(
    state: str,
    lease: datetime | None,
    working: bool,  # noqa: FBT001
    expected: type[Keep | Sweep],
) -> None:
    """Prefect believes in a killed process for ever; the lease that nobody renews tells it from one at work."""
    verdict = judge(remnant(state, lease=lease, working=working), NOON)

    assert isinstance(verdict, expected)
    assert f"its flow run is {state}" in verdict.why


@pytest.mark.parametrize("states", [("CRASHED", "RUNNING"), ("RUNNING", "CRASHED")])
def test_of_two_flow_runs_that_it_may_be_one_alive_keeps_it(states: tuple[str, str]) -> None:
    """A run's name tells its flow run's first digits only."""
    assert isinstance(judge(remnant(*states, lease=LATER), NOON), Keep)


@pytest.mark.parametrize(
    ("unknown", "expected"),
    [
        pytest.param(remnant(), Sweep, id="lapsed, nobody works"),
        pytest.param(remnant(lease=NOON), Sweep, id="lapsed this moment"),
        pytest.param(remnant(lease=LATER), Keep, id="the lease holds"),
        pytest.param(remnant(working=True), Keep, id="lapsed, but somebody works"),
        pytest.param(remnant(lease=None), Keep, id="no lease"),
    ],
)
def test_a_run_of_another_servers(unknown: Remnant, expected: type[Keep | Sweep]) -> None:
    """A run whose flow run is unknown is touched only when its lease has lapsed and nobody works there."""
    assert isinstance(judge(unknown, NOON), expected)


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        pytest.param(remnant(lease=LATER), "its lease holds until 2026-11-24T12:01:00+00:00", id="the lease holds"),
        pytest.param(remnant(working=True), "but its pods run", id="somebody works"),
        pytest.param(remnant(lease=None), "no lease says until when", id="no lease"),
    ],
)
def test_why_it_is_kept_is_said(kept: Remnant, why: str) -> None:
    """A person who wonders about a bill reads the reason."""
    assert why in judge(kept, NOON).why
