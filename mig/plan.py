"""The plan: which nodes, cut how, for how much; drawn from the request before anything is created."""

from dataclasses import dataclass

from mig.gpu import InstanceType
from mig.layout import NodeLayout


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one workload asks of the plan."""

    workload: str
    profile: str
    """The exact profile, sizes already mapped: `medium` on an A100-40GB is `2g.10gb`."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be created, and what it may cost."""

    run_id: str
    instance_type: InstanceType
    nodes: tuple[NodeLayout, ...]
    demands: tuple[Demand, ...]
    usd_per_hour: float | None
    """All nodes together, on demand; None where no table has a price."""
    usd_max: float | None
    """`usd_per_hour` for the request's `max_hours`."""
    rate_source: str
    """Where the price comes from, with its date."""
    explanation: tuple[str, ...]
    """A few lines a person reads."""
