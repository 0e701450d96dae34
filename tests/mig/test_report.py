"""The report of runs that came to their end, and of runs that did not."""

import json
from dataclasses import replace
from typing import Any

import pytest

from mig.errors import Failed, LeftBehind, NoCapacity, Refused
from mig.ledger import Phase, Released
from mig.offer import GpuNodes, Offer, Tried
from mig.outcome import PodResult, Result
from mig.plan import draw
from mig.readiness import Device, ReadyNode, ReadySlices
from mig.report import RunReport, Story, compose, exit_code
from mig.spec import RunSpec

SPEC = RunSpec.model_validate(
    {
        "name": "told",
        "instance_types": ["p4d.24xlarge"],
        "workloads": [{"name": "medium", "kind": "train", "model": "cnn", "slice": "medium"}],
    }
)
PLAN = draw(SPEC, "r1")
REFUSED = Tried(rung="spot p4d.24xlarge us-east-1a", outcome="refused", code="Unfulfillable", reason="no", seconds=4.0)
HELD = Tried(rung="on-demand p4d.24xlarge us-east-1a", outcome="held", code="", reason="", seconds=3.0)
NODES = GpuNodes(
    run_id="r1",
    offer=Offer(
        rung=HELD.rung,
        market="on-demand",
        instance_type="p4d.24xlarge",
        zone="us-east-1a",
        nodes=1,
        usd_per_hour=20.0,
    ),
    tried=(REFUSED, HELD),
    node_groups=("r1-1",),
    stack="r1-1",
    expected=1,
)
DEVICE = Device(name="d0", node="n", profile="2g.10gb", uuid="MIG-0", parent_uuid="GPU-0", memory_slices=(0, 1))
READY = ReadySlices(
    nodes=(
        ReadyNode(
            name="n",
            instance_type="p4d.24xlarge",
            capacity="on-demand",
            zone="us-east-1a",
            config_name="all-balanced",
        ),
    ),
    devices=(DEVICE,),
)
RESULT = Result(
    workload="medium",
    kind="train",
    slice="medium",
    profile="2g.10gb",
    status="succeeded",
    why="",
    pods=(
        PodResult(
            name="medium-0-a",
            index=0,
            node="n",
            device="d0",
            parent_uuid="GPU-0",
            exit_code=0,
            started="2026-11-23T12:01:00Z",
            finished="2026-11-23T12:02:00Z",
        ),
    ),
    metrics={"accuracy": 0.78},
    curve=({"epoch": 1, "loss": 0.5},),
    artifacts=("s3://b/k",),
)
GONE = Released(verified=True, left=())


def phase(name: str) -> Phase:
    """A phase of twelve and a bit seconds."""
    return Phase(name=name, started="2026-11-23T12:00:00+00:00", seconds=12.3456)


def story(*told: object, phases: tuple[str, ...] = ("plan", "capacity", "ready", "run", "teardown")) -> Story:
    """What a run has told."""
    return Story(spec=SPEC, run_id="r1", told=told, phases=tuple(phase(name) for name in phases))


def composed(*told: object, error: BaseException | None = None, scale: float = 60.0) -> RunReport:
    """The report of a rehearsal."""
    return compose(story(*told), error=error, simulated=("the cloud is simulated",), scale=scale)


WHOLE = composed(PLAN, NODES, READY, (RESULT,), GONE)


def written(report: RunReport) -> Any:
    """As others read it."""
    return json.loads(report.to_json())


def test_fields() -> None:
    """The report has the fields that others rely on, by their names."""
    assert list(written(WHOLE)) == [
        "schema",
        "run_id",
        "previous_run",
        "target",
        "simulated",
        "clock",
        "spec",
        "plan",
        "offers",
        "nodes",
        "workloads",
        "phases",
        "cost",
        "teardown",
        "status",
        "why",
    ]


def test_read_back() -> None:
    """A report that was written is read back as it was."""
    assert RunReport.model_validate_json(WHOLE.to_json()) == WHOLE


def test_whole() -> None:
    """A run that came to its end tells of all its stages."""
    said = written(WHOLE)

    assert (said["schema"], said["status"], said["why"]) == (1, "succeeded", "")
    assert [(offer["rung"], offer["outcome"]) for offer in said["offers"]] == [
        (REFUSED.rung, "refused"),
        (HELD.rung, "held"),
    ]
    assert said["nodes"][0]["devices"][0]["memory_slices"] == [0, 1]
    assert said["workloads"][0]["pods"][0]["device"] == "d0"
    assert said["plan"]["instance_type"] == "p4d.24xlarge"
    assert said["teardown"] == {"verified": True, "left": []}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("capacity", 740.7, id="the cloud's time runs on its clock"),
        pytest.param("ready", 740.7, id="the nodes' time does, too"),
        pytest.param("run", None, id="training takes what this machine takes"),
    ],
)
def test_simulated_seconds(name: str, expected: float | None) -> None:
    """What ran on the compressed clock carries its seconds beside the wall's."""
    told = {phase.name: phase for phase in WHOLE.phases}

    assert expected == told[name].simulated_seconds
    assert told[name].seconds == 12.35


def test_no_simulated_seconds_on_a_real_cloud() -> None:
    """Where the clock is the wall's there is one time only."""
    assert {phase.simulated_seconds for phase in composed(PLAN, scale=1).phases} == {None}


def test_nothing_told() -> None:
    """A run that was refused at once has empty lists, not missing ones."""
    report = compose(story(phases=()), error=Refused("max_usd", "too small"), simulated=(), scale=1)

    assert (report.plan, report.offers, report.nodes, report.workloads) == ({}, (), (), ())
    assert (report.cost.usd, report.teardown.verified) == (0.0, True)
    assert report.why == "max_usd: too small"


def test_no_capacity_names_every_rung() -> None:
    """When nothing held, what was tried is still told, and costs nothing."""
    report = composed(PLAN, GONE, error=NoCapacity((REFUSED, REFUSED)))

    assert [offer.code for offer in report.offers] == ["Unfulfillable", "Unfulfillable"]
    assert report.cost.usd == 0.0


@pytest.mark.parametrize(
    ("told", "error", "expected"),
    [
        pytest.param((PLAN, (RESULT,), GONE), None, "succeeded", id="every workload succeeded"),
        pytest.param((PLAN, (RESULT,)), LeftBehind(("i-1",)), "succeeded", id="the work is done, whatever is left"),
        pytest.param((PLAN, (replace(RESULT, status="failed", why="x"),)), None, "failed", id="one workload failed"),
        pytest.param((PLAN, READY), Failed("ready", "stuck"), "failed", id="a phase failed"),
        pytest.param((PLAN,), ValueError("a bug"), "failed", id="nobody foresaw it"),
        pytest.param((PLAN,), KeyboardInterrupt(), "cancelled", id="somebody stopped it"),
        pytest.param((PLAN,), NoCapacity(()), "no_capacity", id="no offer held"),
        pytest.param((), Refused("name", "no"), "refused", id="the request was wrong"),
        pytest.param((), None, "failed", id="nothing ran"),
    ],
)
def test_status(told: tuple[object, ...], error: BaseException | None, expected: str) -> None:
    """The status says what happened to the work; what is left behind is told by the teardown."""
    assert expected == composed(*told, error=error).status


@pytest.mark.parametrize(
    ("told", "error", "expected"),
    [
        pytest.param((GONE,), None, (True, ()), id="asked, and nothing is left"),
        pytest.param((Released(verified=False, left=("i-1",)),), None, (False, ("i-1",)), id="asked, and it is there"),
        pytest.param((), LeftBehind(("i-1",)), (False, ("i-1",)), id="the error names it"),
        pytest.param((), Failed("capacity", "x"), (False, ()), id="nobody asked, after something was asked for"),
    ],
)
def test_teardown(
    told: tuple[object, ...], error: BaseException | None, expected: tuple[bool, tuple[str, ...]]
) -> None:
    """Teardown is verified by an answer, never by the absence of an error."""
    teardown = composed(*told, error=error).teardown

    assert expected == (teardown.verified, teardown.left)


@pytest.mark.parametrize(
    ("status", "expected"), [("succeeded", 0), ("failed", 1), ("cancelled", 1), ("refused", 2), ("no_capacity", 3)]
)
def test_exit_code(status: Any, expected: int) -> None:
    """Each status has its exit code, and all have the same when something may still be billed."""
    assert [expected, 4] == [exit_code(status, verified=verified) for verified in (True, False)]


def test_the_price_is_that_of_what_held() -> None:
    """Spot nodes are billed by what EC2 said of their zone, and the report says so; else by the plan's own source."""
    spot = replace(NODES, offer=replace(NODES.offer, market="spot", usd_per_hour=5.0))
    known = composed(replace(PLAN, spot_usd_per_hour={"us-east-1a": 5.0}), spot, READY, (RESULT,), GONE)
    unknown = composed(PLAN, spot, READY, (RESULT,), GONE)

    assert "spot, Linux, us-east-1a, EC2's price history when the run began" == known.cost.rate_source
    assert PLAN.rate_source == unknown.cost.rate_source
    assert known.cost.usd == pytest.approx(5.0 * known.cost.hours, abs=0.01)
