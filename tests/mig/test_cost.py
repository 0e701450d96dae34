"""What nodes cost, and whose part it was."""

import pytest

from mig.cost import bill
from mig.ledger import Phase
from mig.outcome import PodResult, Result
from mig.plan import draw
from mig.spec import RunSpec

SPEC = RunSpec.model_validate(
    {
        "name": "cost",
        "instance_types": ["p4d.24xlarge"],
        "workloads": [{"name": "a", "kind": "train", "model": "cnn", "slice": "3g.20gb"}],
    }
)
PLAN = draw(SPEC, "r1")


def phase(name: str, seconds: float, simulated: float | None = None) -> Phase:
    """A phase of so many seconds."""
    return Phase(name=name, started="2026-11-23T12:00:00Z", seconds=seconds, simulated_seconds=simulated)


def ran(workload: str, profile: str, *minutes: int) -> Result:
    """A workload whose pods each ran for so many minutes."""
    pods = tuple(
        PodResult(
            name=f"{workload}-{index}",
            index=index,
            node="n",
            device="d",
            parent_uuid="g",
            exit_code=0,
            started="2026-11-23T12:00:00Z",
            finished=f"2026-11-23T12:{each:02}:00Z",
        )
        for index, each in enumerate(minutes)
    )
    return Result(
        workload=workload,
        kind="train",
        slice=profile,
        profile=profile,
        status="succeeded",
        why="",
        pods=pods,
        metrics={},
        curve=(),
        artifacts=(),
    )


PHASES = (
    phase("plan", 100),
    phase("capacity", 900),
    phase("ready", 60, 1800),
    phase("run", 1200),
    phase("teardown", 10, 600),
)


def test_hours() -> None:
    """Nodes are billed from the moment they were held, on the clock they run on."""
    assert bill(PLAN, PHASES, (), usd_per_hour=20.0).hours == 1.0


def test_usd() -> None:
    """The bill is the price of what was held for those hours."""
    assert bill(PLAN, PHASES, (), usd_per_hour=20.0).usd == 20.0


def test_usd_without_a_price() -> None:
    """What nobody knows a price of is unknown, not free."""
    cost = bill(PLAN, PHASES, (ran("a", "3g.20gb", 10),), usd_per_hour=None)

    assert (cost.usd, cost.usd_by_workload) == (None, {})


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        pytest.param((), {}, id="nobody used it: nobody's part"),
        pytest.param((ran("a", "3g.20gb", 10),), {"a": 20.0}, id="one alone pays for all"),
        pytest.param((ran("a", "3g.20gb", 10), ran("b", "1g.5gb", 10)), {"a": 15.0, "b": 5.0}, id="by compute slices"),
        pytest.param((ran("a", "1g.5gb", 30), ran("b", "1g.5gb", 10)), {"a": 15.0, "b": 5.0}, id="by time"),
        pytest.param((ran("a", "1g.5gb", 10, 10, 10), ran("b", "1g.5gb", 10)), {"a": 15.0, "b": 5.0}, id="by pods"),
    ],
)
def test_usd_by_workload(results: tuple[Result, ...], expected: dict[str, float]) -> None:
    """The whole bill is shared by compute slices times seconds."""
    assert expected == bill(PLAN, PHASES, results, usd_per_hour=20.0).usd_by_workload
