"""
The report: what a run set out to do, what came of it, and what it cost, however far it came.

Its fields are a contract (docs/design.md, "The report"): others read `report.json`. Times are ISO 8601, UTC, by the
wall's clock; seconds are wall seconds, and what ran on the compressed clock carries `simulated_seconds` beside them.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mig.cost import NOTHING, bill
from mig.errors import LeftBehind, NoCapacity, Refused
from mig.ledger import Phase, Released
from mig.offer import GpuNodes, Tried
from mig.outcome import Result
from mig.plan import Plan, summary
from mig.readiness import ReadySlices
from mig.spec import RunSpec

Status = Literal["succeeded", "failed", "cancelled", "refused", "no_capacity"]
Thing = TypeVar("Thing")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True, serialize_by_alias=True)


Seconds = Annotated[float, AfterValidator(lambda seconds: round(seconds, 2))]
"""Wall seconds; more than hundredths are noise."""


class ClockReport(_Part):
    """The clock of cloud and nodes."""

    scale: float
    """Simulated seconds in one wall second; 1 where nothing is simulated."""


class OfferReport(_Part):
    """One rung that was asked."""

    rung: str
    outcome: Literal["held", "refused"]
    code: str
    reason: str
    seconds: Seconds


class DeviceReport(_Part):
    """One slice that a node offered, claimed or not."""

    name: str
    profile: str
    parent_uuid: str
    memory_slices: tuple[int, ...]
    """Which memory slices of its GPU it covers; empty where the driver did not say."""


class NodeReport(_Part):
    """One node that was cut as planned."""

    name: str
    instance_type: str
    capacity: str
    zone: str
    config_name: str
    gpu: str
    memory_slices: int
    """Of one of its GPUs."""
    devices: tuple[DeviceReport, ...]


class PodReport(_Part):
    """What one pod did, where, and when."""

    name: str
    index: int
    node: str
    device: str
    parent_uuid: str
    exit_code: int | None
    started: str
    finished: str


class WorkloadReport(_Part):
    """What one workload came to."""

    name: str
    kind: str
    slice: str
    profile: str
    status: Literal["succeeded", "failed", "cancelled"]
    why: str
    pods: tuple[PodReport, ...]
    metrics: dict[str, Any]
    curve: tuple[dict[str, Any], ...]
    """One entry for each epoch, as the first pod told it."""
    steps: tuple[dict[str, Any], ...]
    """The same by steps, thinned to a curve's worth."""
    artifacts: tuple[str, ...]


class PhaseReport(_Part):
    """One stage of the run in time."""

    name: str
    started: str
    seconds: Seconds
    simulated_seconds: Seconds | None = None


class CostReport(_Part):
    """What the nodes cost."""

    usd: float | None
    """None: no price is known."""
    usd_by_workload: dict[str, float]
    """The whole bill, by compute slices times seconds."""
    hours: float
    """On the clock that the nodes run on."""
    rate_source: str
    """Where the price comes from, with its date."""


class TeardownReport(_Part):
    """What was asked of AWS and Kubernetes at the end, and the answer."""

    verified: bool
    left: tuple[str, ...]


class RunReport(_Part):
    """One run."""

    # BaseModel has a method of this name: the field goes by another one, and is written as the contract says.
    version: Literal[1] = Field(default=1, alias="schema")
    run_id: str
    previous_run: str
    target: str
    simulated: tuple[str, ...]
    """What was not real, a sentence each."""
    clock: ClockReport
    spec: dict[str, Any]
    plan: dict[str, Any]
    """Empty: none was drawn."""
    offers: tuple[OfferReport, ...]
    nodes: tuple[NodeReport, ...]
    workloads: tuple[WorkloadReport, ...]
    phases: tuple[PhaseReport, ...]
    cost: CostReport
    teardown: TeardownReport
    status: Status
    why: str
    """Why it is not `succeeded`; empty otherwise."""

    def to_json(self) -> str:
        """As `report.json`."""
        return self.model_dump_json(indent=2) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a run has told."""

    spec: RunSpec
    run_id: str
    told: tuple[object, ...]
    """What its stages returned, in order: whatever is there of Plan, GpuNodes, ReadySlices, Results and Released."""
    phases: tuple[Phase, ...]
    previous_run: str = ""
    """The run that this one takes up; empty: none."""

    def each(self, kind: type[Thing]) -> tuple[Thing, ...]:
        """All values of one kind that were told, those within a told tuple or list too."""
        flat = (part for told in self.told for part in (told if isinstance(told, tuple | list) else (told,)))
        return tuple(value for value in flat if isinstance(value, kind))


def compose(story: Story, *, error: BaseException | None, simulated: tuple[str, ...], scale: float) -> RunReport:
    """
    The report of a run, however far it came.

    Args:
        story: what it has told.
        error: the first one that ended it; None: it came to its end.
        simulated: what was not real, a sentence each.
        scale: of the clock of cloud and nodes.
    """
    plans, results = story.each(Plan), story.each(Result)
    phases = tuple(phase.on_clock(scale) for phase in story.phases)
    return RunReport(
        run_id=story.run_id,
        previous_run=story.previous_run,
        target=story.spec.target,
        simulated=simulated,
        clock=ClockReport(scale=scale),
        spec=story.spec.model_dump(mode="json"),
        plan=summary(plans[-1]) if plans else {},
        offers=tuple(OfferReport.model_validate(tried) for tried in _tried(story, error)),
        nodes=_nodes(story),
        workloads=tuple(_workload(result) for result in results),
        phases=tuple(PhaseReport.model_validate(phase) for phase in phases),
        cost=_cost(story, phases),
        teardown=_teardown(story, error),
        status=_status(error, results),
        why=str(error) if error else "; ".join(f"{r.workload}: {r.why}" for r in results if r.why),
    )


def exit_code(status: Status, *, verified: bool) -> int:
    """What `mig run` ends with."""
    if not verified:
        return 4
    return {"succeeded": 0, "failed": 1, "cancelled": 1, "refused": 2, "no_capacity": 3}[status]


def _status(error: BaseException | None, results: tuple[Result, ...]) -> Status:
    match error:
        case Refused():
            return "refused"
        case NoCapacity():
            return "no_capacity"
        case None | LeftBehind():  # what is left behind is the teardown's matter, the work may be done all the same
            return "succeeded" if results and all(r.status == "succeeded" for r in results) else "failed"
        case Exception():
            return "failed"
        case _:
            return "cancelled"


def _tried(story: Story, error: BaseException | None) -> tuple[Tried, ...]:
    if isinstance(error, NoCapacity):
        return error.tried
    return tuple(tried for nodes in story.each(GpuNodes) for tried in nodes.tried)


def _nodes(story: Story) -> tuple[NodeReport, ...]:
    return tuple(
        NodeReport(
            name=node.name,
            instance_type=node.instance_type,
            capacity=node.capacity,
            zone=node.zone,
            config_name=node.config_name,
            gpu=plan.instance_type.gpu.name,
            memory_slices=plan.instance_type.gpu.memory_slices,
            devices=tuple(DeviceReport.model_validate(d) for d in ready.devices if d.node == node.name),
        )
        for plan in story.each(Plan)[-1:]
        for ready in story.each(ReadySlices)[-1:]
        for node in ready.nodes
    )


def _workload(result: Result) -> WorkloadReport:
    return WorkloadReport(
        name=result.workload,
        kind=result.kind,
        slice=result.slice,
        profile=result.profile,
        status=result.status,
        why=result.why,
        pods=tuple(PodReport.model_validate(pod) for pod in result.pods),
        metrics=dict(result.metrics),
        curve=tuple(dict(epoch) for epoch in result.curve),
        steps=tuple(dict(step) for step in result.steps),
        artifacts=result.artifacts,
    )


def _cost(story: Story, phases: tuple[Phase, ...]) -> CostReport:
    plans, held = story.each(Plan), story.each(GpuNodes)
    cost = NOTHING
    if plans and held:
        cost = bill(plans[-1], phases, story.each(Result), usd_per_hour=held[-1].offer.usd_per_hour or None)
    return CostReport(
        usd=cost.usd,
        usd_by_workload=dict(cost.usd_by_workload),
        hours=cost.hours,
        rate_source=_rate_source(plans[-1], held) if plans else "",
    )


def _rate_source(plan: Plan, held: tuple[GpuNodes, ...]) -> str:
    """Where the price that was paid comes from."""
    if held and held[-1].offer.market == "spot" and held[-1].offer.zone in plan.spot_usd_per_hour:
        return f"spot, Linux, {held[-1].offer.zone}, EC2's price history when the run began"
    return plan.rate_source


def _teardown(story: Story, error: BaseException | None) -> TeardownReport:
    """Where nothing was asked for nothing is left; where something was, only an answer counts."""
    if isinstance(error, LeftBehind):
        return TeardownReport(verified=False, left=error.left)
    if released := story.each(Released):
        return TeardownReport(verified=released[-1].verified, left=released[-1].left)
    return TeardownReport(verified=not any(phase.name == "capacity" for phase in story.phases), left=())
