"""A plan holds what is asked on the fewest nodes, cut as nearly as MIG Manager ships as can be, and names its price."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mig.errors import Refused
from mig.gpu import INSTANCE_TYPES, Gpu
from mig.layout import Geometry, legal_geometries, shipped_configs, total
from mig.plan import Demand, Plan, demands, draw, summary
from mig.rates import Rates
from mig.spec import RunSpec, read

SPECS = Path(__file__).parents[2] / "deployments" / "specs"


def request(slices: dict[str, int], *types: str, **fields: Any) -> RunSpec:
    """A request for so many pods on each of these slices."""
    workloads = [
        {"name": f"w{n}", "model": "cnn", "slice": wanted, "count": count}
        for n, (wanted, count) in enumerate(slices.items())
    ]
    return read({"name": "test", "instance_types": list(types), "workloads": workloads, **fields})


def with_batch(spec: RunSpec, batch: int) -> RunSpec:
    """The same, but all are trainings of resnet18-32 in such batches."""
    changed = [workload.model_copy(update={"model": "resnet18-32", "batch": batch}) for workload in spec.workloads]
    return spec.model_copy(update={"workloads": tuple(changed)})


def configs(plan: Plan) -> dict[str, int]:
    """How many nodes have which config."""
    return dict(Counter(node.config_name for node in plan.nodes))


def is_legal(gpu: Gpu, geometry: Geometry) -> bool:
    """Whether instances can be put one after the other somewhere, biggest first, tried in every way."""
    profiles = {profile.name: profile for profile in gpu.profiles}
    names = [name for name, count in geometry.counts for _ in range(count)]

    def fits(rest: list[str], free: frozenset[int]) -> bool:
        if not rest:
            return True
        profile = profiles[rest[0]]
        spans = (frozenset(range(start, start + profile.memory_slices)) for start in profile.starts)
        return any(span <= free and fits(rest[1:], free - span) for span in spans)

    compute = sum(profiles[name].compute_slices for name in names)
    within = all(count <= profiles[name].most for name, count in geometry.counts)
    return within and compute <= gpu.compute_slices and fits(names, frozenset(range(gpu.memory_slices)))


@pytest.mark.parametrize(
    ("slices", "kind", "expected"),
    [
        pytest.param(
            {"3g.20gb": 1, "medium": 1, "small": 2}, "p4d.24xlarge", {"all-balanced": 1}, id="the article's three"
        ),
        pytest.param({"small": 56}, "p4d.24xlarge", {"all-1g.5gb": 1}, id="every 1g of a node"),
        pytest.param({"small": 16}, "p4d.24xlarge", {"all-1g.5gb": 1}, id="of two that hold it the less wasteful"),
        pytest.param({"small": 57}, "p4d.24xlarge", {"all-1g.5gb": 2}, id="one more needs a second node"),
        pytest.param({"full": 9}, "p4d.24xlarge", {"all-7g.40gb": 2}, id="nine whole GPUs"),
        pytest.param({"1g.5gb+me": 8}, "p4d.24xlarge", {"all-1g.5gb.me": 1}, id="media engines"),
        pytest.param({"1g.10gb": 3}, "p4d.24xlarge", {"all-1g.10gb": 1}, id="double memory"),
        pytest.param({"small": 56, "large": 16}, "p4d.24xlarge", {"all-1g.5gb": 1, "all-3g.20gb": 1}, id="two configs"),
        pytest.param(
            {"small": 7, "full": 2}, "p5.4xlarge", {"all-7g.80gb": 2, "all-1g.10gb": 1}, id="nodes of one GPU"
        ),
        pytest.param({"large": 1, "medium": 1}, "g7e.2xlarge", {"all-4g.96gb": 1, "all-2g.48gb": 1}, id="four slices"),
    ],
)
def test_shipped(slices: dict[str, int], kind: str, expected: dict[str, int]) -> None:
    """What MIG Manager ships is used where it holds the workloads on the fewest nodes."""
    plan = draw(request(slices, kind), "run")

    assert expected == configs(plan)
    assert all(node.shipped for node in plan.nodes)


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        pytest.param({"4g.20gb": 8, "large": 8}, [{"4g.20gb": 1, "3g.20gb": 1}] * 8, id="one layout on all GPUs"),
        pytest.param({"4g.20gb": 1, "large": 1}, [{"4g.20gb": 1, "3g.20gb": 1}] * 8, id="and on GPUs not needed too"),
        pytest.param(
            {"4g.20gb": 1, "large": 1, "medium": 2},
            [{"2g.10gb": 1}] * 7 + [{"4g.20gb": 1, "3g.20gb": 1}],
            id="two layouts where one will not do, and no slice cut that is not asked for",
        ),
        pytest.param({"large": 8, "small": 32}, [{"3g.20gb": 1, "1g.5gb": 4}] * 8, id="a cut that nobody ships"),
    ],
)
def test_own(slices: dict[str, int], expected: list[dict[str, int]]) -> None:
    """A geometry of our own has the fewest distinct layouts and wastes the least."""
    (node,) = draw(request(slices, "p4d.24xlarge"), "run").nodes

    assert expected == [gpu.as_dict() for gpu in node.gpus]
    assert not node.shipped


def asked_of(kind: str) -> st.SearchStrategy[tuple[str, dict[str, int]]]:
    """Some pods on some of the slices of an instance type."""
    names = [profile.name for profile in INSTANCE_TYPES[kind].gpu.profiles]
    return st.tuples(st.just(kind), st.dictionaries(st.sampled_from(names), st.integers(1, 40), min_size=1, max_size=4))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(list(INSTANCE_TYPES)).flatmap(asked_of))
def test_every_plan_holds(asked: tuple[str, dict[str, int]]) -> None:
    """Whatever is asked, the plan offers it, on GPUs that can be cut so, and is the same the next time."""
    kind, slices = asked
    spec = request(slices, kind)

    plan = draw(spec, "run")

    gpu = INSTANCE_TYPES[kind].gpu
    assert total(node.geometry for node in plan.nodes).contains(Geometry.of(slices))
    assert all(is_legal(gpu, cut) for node in plan.nodes for cut in set(node.gpus))
    assert {INSTANCE_TYPES[kind].gpus} == {len(node.gpus) for node in plan.nodes}
    assert all(
        node.gpus == (shipped_configs(gpu)[node.config_name],) * len(node.gpus) for node in plan.nodes if node.shipped
    )
    assert plan == draw(spec, "run")


@cache
def fewest_gpus(gpu: Gpu, wanted: Geometry) -> int:
    """By trying every legal geometry for one GPU, and then for the rest."""
    if not wanted.counts:
        return 0
    asked = wanted.as_dict()
    rests = {
        Geometry.of({name: max(0, count - cut.as_dict().get(name, 0)) for name, count in asked.items()})
        for cut in legal_geometries(gpu)
    } - {wanted}
    return 1 + min(fewest_gpus(gpu, rest) for rest in rests)


H100_SLICES = [profile.name for profile in INSTANCE_TYPES["p5.4xlarge"].gpu.profiles]
SMALL_DEMANDS = st.dictionaries(st.sampled_from(H100_SLICES), st.integers(1, 3), min_size=1, max_size=3)


@settings(deadline=None, max_examples=40)
@given(SMALL_DEMANDS)
def test_fewest_nodes(slices: dict[str, int]) -> None:
    """No plan with fewer nodes exists: brute force over all legal geometries needs as many GPUs."""
    gpu = INSTANCE_TYPES["p5.4xlarge"].gpu

    assert fewest_gpus(gpu, Geometry.of(slices)) == len(draw(request(slices, "p5.4xlarge"), "run").nodes)


@settings(deadline=None, max_examples=25)
@given(st.dictionaries(st.sampled_from(["1g.10gb", "2g.20gb", "3g.40gb", "4g.40gb"]), st.integers(1, 3), min_size=2))
def test_least_waste(slices: dict[str, int]) -> None:
    """Where no shipped geometries do, brute force finds neither fewer layouts nor, with as many, less waste."""
    gpu = INSTANCE_TYPES["p5.4xlarge"].gpu
    slices_of = {profile.name: profile.compute_slices + profile.memory_slices for profile in gpu.profiles}
    cuts = [cut for node in draw(request(slices, "p5.4xlarge"), "run").nodes for cut in node.gpus]
    assume(len(cuts) <= 3)

    def cost(chosen: Sequence[Geometry]) -> tuple[int, int]:
        return len(set(chosen)), sum(slices_of[name] * count for cut in chosen for name, count in cut.counts)

    def cheapest(among: set[Geometry]) -> tuple[int, int] | None:
        offers = {cut: cut.as_dict() for cut in among}
        choices = combinations_with_replacement(offers, len(cuts))
        enough = (c for c in choices if all(sum(offers[g].get(n, 0) for g in c) >= slices[n] for n in slices))
        return min(map(cost, enough), default=None)

    shipped = cheapest(set(shipped_configs(gpu).values()))
    useful = {Geometry.of({n: c for n, c in cut.counts if n in slices}) for cut in legal_geometries(gpu)}
    assert (shipped or cheapest(useful - {Geometry(())})) == cost(cuts)


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_workloads(seed: int) -> None:
    """A thousand mixed workloads are planned, on no more nodes than their slices need."""
    rng = random.Random(seed)  # noqa: S311 (a draw that repeats)
    slices = Counter(rng.choice(["1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"]) for _ in range(1000))
    profiles = {profile.name: profile for profile in INSTANCE_TYPES["p4d.24xlarge"].gpu.profiles}

    plan = draw(request(slices, "p4d.24xlarge"), "run")

    least = sum(profiles[name].compute_slices * count for name, count in slices.items()) / 7 / 8
    assert total(node.geometry for node in plan.nodes).contains(Geometry.of(slices))
    assert least <= len(plan.nodes) <= 1.1 * least + 1


@pytest.mark.parametrize(
    ("types", "slices", "expected"),
    [
        pytest.param(["p4d.24xlarge", "p5.48xlarge"], {"small": 1}, "p4d.24xlarge", id="both can: the first"),
        pytest.param(["p5.48xlarge", "p4d.24xlarge"], {"3g.20gb": 1}, "p4d.24xlarge", id="the first cannot be cut so"),
        pytest.param(["g7e.2xlarge", "p5.4xlarge"], {"7g.80gb": 1}, "p5.4xlarge", id="four slices are not seven"),
    ],
)
def test_instance_type(types: list[str], slices: dict[str, int], expected: str) -> None:
    """The first instance type of the request that can carry all workloads is taken."""
    assert expected == draw(request(slices, *types), "run").instance_type.name


def test_instance_type_with_the_memory() -> None:
    """A type whose slices have too little memory is passed over, and the plan says for what."""
    spec = with_batch(request({"small": 1}, "p4d.24xlarge", "p5.48xlarge"), 2000)

    plan = draw(spec, "run")

    assert "p5.48xlarge" == plan.instance_type.name
    assert plan.explanation[0] == (
        "Passed over: p4d.24xlarge (A100-40GB) has too little memory for w0: "
        "training resnet18-32 on 2000 images of 32 px at once needs about 6,232 MiB, a 1g.5gb has 4,864."
    )


def test_demands() -> None:
    """Every workload asks for an exact profile, its size mapped to the GPU."""
    spec = request({"small": 2, "4g.40gb": 1, "full": 3}, "p5.48xlarge")

    assert demands(spec, INSTANCE_TYPES["p5.48xlarge"].gpu) == (
        Demand(workload="w0", profile="1g.10gb", count=2),
        Demand(workload="w1", profile="4g.40gb", count=1),
        Demand(workload="w2", profile="7g.80gb", count=3),
    )


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            request({"3g.20gb": 1, "3g.40gb": 1}, "p4d.24xlarge", "p5.48xlarge"),
            "instance_types: p4d.24xlarge (A100-40GB) cannot be cut into 3g.40gb; p5.48xlarge (H100-80GB) cannot be "
            "cut into 3g.20gb; accepted: a type that can be cut into all that is asked",
            id="no type of the request can carry all",
        ),
        pytest.param(
            with_batch(request({"small": 1}, "g7e.2xlarge", "p4d.24xlarge", "p5.48xlarge"), 60_000),
            "workloads[0].batch: training resnet18-32 on 60000 images of 32 px at once needs about 153,146 MiB, a "
            "1g.24gb has 24,192; accepted: at most 9090",
            id="no type of the request has the memory",
        ),
        pytest.param(
            request({"small": 1}, "p4d.24xlarge", max_usd=43.9),
            "max_usd: 43.9 is less than the plan may cost: $21.96 an hour, at most $43.92 in 2 h (on demand, Linux, "
            "us-east-1, table of 2026-07-20); accepted: 0 (no limit), or 43.92 and more",
            id="a budget below the price",
        ),
        pytest.param(
            request({"small": 1}, "p5e.48xlarge", max_usd=1000),
            "max_usd: it cannot be kept: the price is unknown: table of 2026-07-20 has no price on demand for "
            "p5e.48xlarge; accepted: 0 (no limit), or another instance type",
            id="a budget, and no price",
        ),
    ],
)
def test_refused(spec: RunSpec, expected: str) -> None:
    """What cannot be planned is refused in one sentence with its field and what would do."""
    with pytest.raises(Refused) as refused:
        draw(spec, "run")

    assert expected == str(refused.value)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("p4d.24xlarge", (43.915284, 65.87), id="two nodes for an hour and a half"),
        pytest.param("p5e.48xlarge", (None, None), id="no table has a price"),
    ],
)
def test_price(kind: str, expected: tuple[float | None, float | None]) -> None:
    """The price is that of all nodes, by the hour and for the whole run."""
    plan = draw(request({"full": 9}, kind, max_hours=1.5), "run")

    assert expected == (plan.usd_per_hour, plan.usd_max)


def test_budget_that_is_just_enough() -> None:
    """A budget that the plan just keeps is accepted."""
    assert draw(request({"small": 1}, "p4d.24xlarge", max_usd=43.92), "run").usd_max == 43.92


def test_explanation() -> None:
    """A person reads what is created, how it is cut, what of it is used, and what it costs."""
    spec = read(yaml.safe_load((SPECS / "rehearsal.yaml").read_text(encoding="utf-8")))

    assert draw(spec, "run").explanation == (
        "1 × p4d.24xlarge (8 × A100-40GB).",
        "1 cut as all-balanced, shipped with MIG Manager: each GPU into 1 × 3g.20gb + 1 × 2g.10gb + 2 × 1g.5gb.",
        (
            "Workloads take 1 of 8 × 3g.20gb, 1 of 8 × 2g.10gb, 2 of 16 × 1g.5gb; "
            "spare: 7 × 3g.20gb + 7 × 2g.10gb + 14 × 1g.5gb."
        ),
        (
            "The fullest slice is that of serve: "
            "serving cnn on 64 images of 32 px at once needs about 943 MiB, a 1g.5gb has 4,864."
        ),
        "$21.96 an hour, at most $43.92 in 2 h (on demand, Linux, us-east-1, table of 2026-07-20).",
    )


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            request({"3g.20gb": 1}, "p5.4xlarge", "p4d.24xlarge"),
            "Passed over: p5.4xlarge (H100-80GB) cannot be cut into 3g.20gb.",
            id="why an instance type was not taken",
        ),
        pytest.param(
            request({"small": 1}, "p5e.48xlarge"),
            "The price is unknown: table of 2026-07-20 has no price on demand for p5e.48xlarge.",
            id="that no price is known",
        ),
        pytest.param(
            request({"small": 1}, "p5en.48xlarge"),
            "Assumed of H200: it is cut where A100 and H100 are cut.",
            id="what is assumed of the GPU",
        ),
        pytest.param(
            request({"small": 1}, "p5.4xlarge", eks={"region": "eu-west-1"}),
            "$6.88 an hour, at most $13.76 in 2 h (on demand, Linux, us-east-1, table of 2026-07-20; "
            "eu-west-1 will differ).",
            id="that the price is another region's",
        ),
    ],
)
def test_explained(spec: RunSpec, expected: str) -> None:
    """What a person should know of a plan is in its explanation."""
    assert expected in draw(spec, "run").explanation


def test_summary() -> None:
    """The report's plan names type, nodes with their devices, and prices."""
    assert summary(draw(request({"full": 9}, "p4d.24xlarge"), "run")) == {
        "instance_type": "p4d.24xlarge",
        "nodes": [{"config_name": "all-7g.40gb", "geometry": {"7g.40gb": 8}}] * 2,
        "usd_per_hour": 43.915284,
        "usd_max": 87.83,
    }


@pytest.mark.parametrize("name", ["rehearsal", "article"])
def test_ready_made_requests(name: str) -> None:
    """Both ready-made requests need one p4d cut as all-balanced."""
    spec = read(yaml.safe_load((SPECS / f"{name}.yaml").read_text(encoding="utf-8")))

    assert configs(draw(spec, "run")) == {"all-balanced": 1}


def test_no_solver_where_a_shipped_geometry_does() -> None:
    """A request that a shipped geometry holds on one node is planned without loading the solver."""
    story = (
        "import sys, yaml; from mig.plan import draw; from mig.spec import read; "
        f"draw(read(yaml.safe_load(open({str(SPECS / 'rehearsal.yaml')!r}))), 'run'); "
        "sys.exit('ortools' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", story], cwd=SPECS.parents[1], check=False).returncode == 0


def test_prices_are_those_that_are_told() -> None:
    """A plan by AWS's prices says whose they are and of when, and what spot costs now; the budget is held to them."""
    told = Rates(
        region="us-east-1",
        on_demand={"p4d.24xlarge": 10.0},
        spot={("p4d.24xlarge", "us-east-1a"): 4.0, ("p4d.24xlarge", "us-east-1b"): 3.0},
        source="AWS's price list of 2026-11-25",
    )
    plan = draw(request({"small": 1}, "p4d.24xlarge", max_usd=20), "r", told)

    assert (10.0, {"us-east-1a": 4.0, "us-east-1b": 3.0}) == (plan.usd_per_hour, plan.spot_usd_per_hour)
    assert (
        "$10.00 an hour, at most $20.00 in 2 h (on demand, Linux, us-east-1, AWS's price list of 2026-11-25; "
        "on spot $3.00 an hour now)."
    ) == plan.explanation[-1]
    with pytest.raises(Refused, match="max_usd: 19 is less than the plan may cost"):
        draw(request({"small": 1}, "p4d.24xlarge", max_usd=19), "r", told)
