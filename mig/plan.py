"""
The plan: which nodes, cut how, for how much; drawn from the request before anything is created.

Exact, in this order: the first instance type that can carry all workloads, the fewest nodes of it, geometries that MIG
Manager ships on all GPUs of a node where those hold the workloads, else the fewest distinct layouts of a GPU and the
least waste over all legal geometries. Whether AWS has such nodes is not known here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any

from mig.errors import Refused
from mig.gpu import INSTANCE_TYPES, SIZES, Gpu, InstanceType
from mig.layout import Geometry, NodeLayout, legal_geometries, node_layout, shipped_configs, total
from mig.memory import Load, hungriest, refused
from mig.packing import Choice, Way, choose, fewest
from mig.rates import TABLE, Rates
from mig.spec import RunSpec

NOT_PROVEN = "the waste is the least that was found; it was not proven that none is less"


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
    """All nodes together, on demand; None where no price is known."""
    spot_usd_per_hour: Mapping[str, float] = field(default_factory=dict)
    """All nodes together on the spot market, by zone, where that is known."""
    usd_max: float | None
    """`usd_per_hour` for the request's `max_hours`."""
    rate_source: str
    """Where the price comes from, with its date."""
    explanation: tuple[str, ...]
    """A few lines a person reads."""


def draw(spec: RunSpec, run_id: str, rates: Rates = TABLE) -> Plan:
    """
    The plan of a checked request. Raises Refused when no instance type can carry it, or its budget cannot.

    The budget is held against the price on demand: what spot costs by then nobody knows.
    """
    kind, most, passed = _first_able(spec)
    asked = demands(spec, kind.gpu)
    wanted = total(Geometry.of({demand.profile: demand.count}) for demand in asked)
    nodes, proven = _nodes(kind, wanted)
    each = rates.on_demand.get(kind.name)
    usd_per_hour = None if each is None else round(each * len(nodes), 6)
    usd_max = None if usd_per_hour is None else round(usd_per_hour * spec.max_hours, 2)
    spot = {zone: round(usd * len(nodes), 6) for zone, usd in rates.spot_by_zone(kind.name).items()}
    price = _price(spec, rates, kind.name, usd_per_hour=usd_per_hour, usd_max=usd_max, spot=spot.values())
    _check_budget(spec, usd_max, price)
    return Plan(
        run_id=run_id,
        instance_type=kind,
        nodes=nodes,
        demands=asked,
        usd_per_hour=usd_per_hour,
        spot_usd_per_hour=spot,
        usd_max=usd_max,
        rate_source=rates.told(kind.name),
        explanation=tuple(
            f"{line[0].upper()}{line[1:]}."
            for line in (
                *(f"passed over: {why}" for why in passed),
                *_told(kind, nodes, wanted),
                *([] if proven else [NOT_PROVEN]),
                f"the fullest slice is that of {most.workload}: {most}",
                price,
            )
        ),
    )


def demands(spec: RunSpec, gpu: Gpu) -> tuple[Demand, ...]:
    """What each workload asks of nodes with this GPU. Raises Refused for the first that it cannot be cut into."""
    asked = []
    for index, workload in enumerate(spec.workloads):
        profile = gpu.cut(workload.slice)
        if profile is None:
            accepted = ", ".join((*SIZES, *(profile.name for profile in gpu.profiles)))
            why = f"{gpu.name} cannot be cut into {workload.slice}"
            raise Refused(f"workloads[{index}].slice", why, accepted=accepted)
        asked.append(Demand(workload=workload.name, profile=profile.name, count=workload.count))
    return tuple(asked)


def summary(plan: Plan) -> dict[str, Any]:
    """The report's `plan` object."""
    return {
        "instance_type": plan.instance_type.name,
        "nodes": [{"config_name": node.config_name, "geometry": node.geometry.as_dict()} for node in plan.nodes],
        "usd_per_hour": plan.usd_per_hour,
        "usd_max": plan.usd_max,
    }


def _first_able(spec: RunSpec) -> tuple[InstanceType, Load, list[str]]:
    """The first type that can be cut into all that is asked with memory for it, its fullest slice; why none before."""
    passed: list[str] = []
    too_small: list[Refused] = []
    for name in spec.instance_types:
        gpu = INSTANCE_TYPES[name].gpu
        slices = [workload.slice for workload in spec.workloads if not gpu.cut(workload.slice)]
        if slices:
            passed.append(f"{name} ({gpu.name}) cannot be cut into {slices[0]}")
            continue
        most = hungriest(spec, gpu)
        if most.fits:
            return INSTANCE_TYPES[name], most, passed
        too_small.append(refused(most, gpu))
        passed.append(f"{name} ({gpu.name}) has too little memory for {most.workload}: {most}")
    if too_small:
        raise too_small[0]
    raise Refused("instance_types", "; ".join(passed), accepted="a type that can be cut into all that is asked")


def _nodes(kind: InstanceType, wanted: Geometry) -> tuple[tuple[NodeLayout, ...], bool]:
    """The nodes, and whether it is proven that none waste less."""
    gpu, each = kind.gpu, kind.gpus
    useful = {_only(geometry, wanted) for geometry in legal_geometries(gpu)} - {Geometry(())}
    own = [_way(gpu, (geometry,)) for geometry in sorted(useful, key=lambda geometry: geometry.counts)]
    shipped = [_way(gpu, (geometry,) * each) for geometry in shipped_configs(gpu).values()]
    least = partial(_least_gpus, gpu)
    count = ceil(fewest(own, wanted, at_least=each * ceil(least(wanted) / each)) / each)
    choice = (
        choose(shipped, wanted, count, lambda rest: ceil(least(rest) / each))
        or choose(own, wanted, count * each, least)
        or Choice(ways=())
    )
    gpus = [geometry for way in choice.ways for geometry in way.gpus]
    return tuple(node_layout(gpu, gpus[n * each : (n + 1) * each]) for n in range(count)), choice.proven


def _only(geometry: Geometry, wanted: Geometry) -> Geometry:
    """What of a geometry anybody asks for. It fits where the geometry fits."""
    asked = wanted.as_dict()
    return Geometry.of({name: count for name, count in geometry.counts if name in asked})


def _way(gpu: Gpu, gpus: tuple[Geometry, ...]) -> Way:
    slices = {profile.name: profile.compute_slices + profile.memory_slices for profile in gpu.profiles}
    offers = total(gpus)
    return Way(gpus=gpus, offers=offers, slices=sum(slices[name] * count for name, count in offers.counts))


def _least_gpus(gpu: Gpu, wanted: Geometry) -> int:
    """So many GPUs are needed at least: by slices, and by each profile's most alone."""
    counts = wanted.as_dict()
    asked = [(profile, counts[profile.name]) for profile in gpu.profiles if profile.name in counts]
    compute = sum(profile.compute_slices * count for profile, count in asked) / gpu.compute_slices
    memory = sum(profile.memory_slices * count for profile, count in asked) / gpu.memory_slices
    return ceil(max(compute, memory, *(count / profile.most for profile, count in asked)))


def _told(kind: InstanceType, nodes: Sequence[NodeLayout], wanted: Geometry) -> list[str]:
    """What the nodes are, how they are cut, and what of it is used."""
    offered = total(node.geometry for node in nodes).as_dict()
    used = (f"{count} of {offered[name]} × {name}" for name, count in wanted.counts)
    spare = {name: count - wanted.as_dict().get(name, 0) for name, count in offered.items()}
    return [
        f"{len(nodes)} × {kind.name} ({kind.gpus} × {kind.gpu.name})",
        *(_told_cut(node, count) for node, count in Counter(nodes).items()),
        f"workloads take {', '.join(used)}; spare: {Geometry.of(spare)}",
        *([f"assumed of {kind.gpu.name}: {kind.gpu.assumed}"] if kind.gpu.assumed else []),
    ]


def _told_cut(node: NodeLayout, count: int) -> str:
    """One line for nodes that are cut alike."""
    cuts = Counter(node.gpus)
    whose = "shipped with MIG Manager" if node.shipped else "our own"
    each = "; ".join(f"{'each GPU' if len(cuts) == 1 else f'{n} of its GPUs'} into {cut}" for cut, n in cuts.items())
    return f"{count} cut as {node.config_name}, {whose}: {each}"


def _price(
    spec: RunSpec, rates: Rates, name: str, *, usd_per_hour: float | None, usd_max: float | None, spot: Iterable[float]
) -> str:
    if usd_per_hour is None:
        return f"the price is unknown: {rates.told(name)}"
    elsewhere = "" if spec.eks.region == rates.region else f"; {spec.eks.region} will differ"
    least = min(spot, default=None)
    now = f"; on spot ${least:.2f} an hour now" if least is not None else ""
    hours = f"{spec.max_hours:g} h"
    return f"${usd_per_hour:.2f} an hour, at most ${usd_max:.2f} in {hours} ({rates.told(name)}{elsewhere}{now})"


def _check_budget(spec: RunSpec, usd_max: float | None, price: str) -> None:
    if spec.max_usd and usd_max is None:
        raise Refused("max_usd", f"it cannot be kept: {price}", accepted="0 (no limit), or another instance type")
    if spec.max_usd and usd_max is not None and usd_max > spec.max_usd:
        raise Refused(
            "max_usd",
            f"{spec.max_usd:g} is less than the plan may cost: {price}",
            accepted=f"0 (no limit), or {usd_max:.2f} and more",
        )
