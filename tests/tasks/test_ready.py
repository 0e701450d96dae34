"""Promises of waiting until nodes are cut as planned."""

from dataclasses import replace

import pytest

from mig import labels
from mig.offer import GpuNodes, Offer
from mig.plan import draw
from mig.readiness import DeviceSeen, NodeSeen, ReadySlices
from mig.spec import read
from tasks import ready
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
SPEC = read({"name": "r", "workloads": [{"name": "small", "kind": "train", "model": "mlp", "slice": "small"}]})
PLAN = draw(SPEC, "r-1")
(LAYOUT,) = PLAN.nodes
OFFER = Offer(
    rung="spot p4d.24xlarge us-east-1a",
    market="spot",
    instance_type="p4d.24xlarge",
    zone="us-east-1a",
    nodes=1,
    usd_per_hour=10,
)
NODES = GpuNodes(run_id="r-1", offer=OFFER, tried=(), node_groups=("g",), stack="r-1-1", expected=1)
CUT = NodeSeen(
    name="n1",
    ready=True,
    boot_id="1",
    labels={
        labels.MIG_CONFIG: LAYOUT.config_name,
        labels.MIG_CONFIG_STATE: "success",
        labels.GFD_TIMESTAMP: "200",
        labels.MIG_STRATEGY: "mixed",
        **{labels.profile_label(name, "count"): str(count) for name, count in LAYOUT.geometry.counts},
    },
    devices=tuple(
        DeviceSeen(name=f"{gpu}-{name}-{at}", type="mig", uuid="", parent_uuid=f"GPU-{gpu}", profile=name)
        for gpu, geometry in enumerate(LAYOUT.gpus)
        for name, count in geometry.counts
        for at in range(count)
    ),
    slice_uids=("s",),
    plugin_ready=True,
    plugin_pod="plugin-abc",
    manager_phase="Running",
    manager_crashing=False,
    offered=(),
)
CUTTING = replace(
    CUT, labels={**CUT.labels, labels.MIG_CONFIG_STATE: "pending", labels.GFD_TIMESTAMP: "100"}, devices=()
)


class Outside:
    """A cluster that is seen as told, look by look; its clock; and the bar that people see."""

    def __init__(self, *looks: tuple[NodeSeen, ...]) -> None:
        self.looks = list(looks)
        self.shown: list[tuple[float, str]] = []
        self.time = 0.0

    def nodes(self, *_: object) -> tuple[NodeSeen, ...]:
        """The next look; the last one lasts."""
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def show(self, percent: float, at: str) -> None:
        """A bar's place, and what it is at."""
        self.shown.append((percent, at))

    def now(self) -> float:
        """The time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.time += seconds


def waited(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> ReadySlices:
    """What came of waiting there."""
    monkeypatch.setattr(ready, "observe", outside)
    monkeypatch.setattr(ready, "clock", lambda _: outside)
    monkeypatch.setattr(ready, "Bar", lambda *_: outside)
    slices: ReadySlices = ready.slices_ready.fn(SITE, PLAN, NODES, "current")
    return slices


def test_the_bar_says_what_is_waited_for_and_how_long_that_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """From a node that has not joined to slices that are there, in words and in per cent."""
    outside = Outside((), (CUTTING,), (CUTTING,), (CUT,))

    slices = waited(outside, monkeypatch)

    first, *_, last = outside.shown
    assert (0, "0 of 1 nodes have joined the cluster (usually about 8 minutes)") == first
    applying = f"node n1: MIG Manager applies {LAYOUT.config_name!r} (usually within 10 minutes, 30 with a reboot)"
    assert (50, applying) in outside.shown
    assert (100, f"{len(slices.devices)} slices are there") == last


def test_what_is_cut_as_planned_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every device of every node of the plan, once it has looked as planned for long enough."""
    slices = waited(Outside((CUTTING,), (CUT,)), monkeypatch)

    assert (1, LAYOUT.geometry.total) == (len(slices.nodes), len(slices.devices))
