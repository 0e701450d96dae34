"""Nodes followed through time: stories of looks, and what the judge says at their end."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from mig import labels
from mig.layout import Geometry, NodeLayout
from mig.readiness import DeviceSeen, NodeSeen, ReadyNode, Wanted
from mig.release import ARTICLE, CURRENT, Release
from mig.verdict import Broken, Settled, Waiting
from mig.watch import Watch

LAYOUT = NodeLayout(config_name="all-3g.20gb", gpus=(Geometry((("3g.20gb", 2),)),), shipped=True)
DEVICES = tuple(
    DeviceSeen(name=f"d{at}", type="mig", uuid=f"MIG-{at}", parent_uuid="GPU-0", profile="3g.20gb") for at in (4, 0)
)
READY = NodeSeen(
    name="n",
    ready=True,
    boot_id="1",
    labels={
        labels.MIG_CONFIG: "all-3g.20gb",
        labels.MIG_CONFIG_STATE: "success",
        labels.GFD_TIMESTAMP: "200",
        labels.MIG_STRATEGY: "mixed",
        "nvidia.com/mig-3g.20gb.count": "2",
        labels.INSTANCE_TYPE: "p4d.24xlarge",
        labels.ZONE: "us-east-1a",
    },
    devices=DEVICES,
    slice_uids=("s",),
    plugin_ready=True,
    plugin_pod="plugin-abc",
    manager_phase="Running",
    manager_crashing=False,
    offered=(),
)
STALE = replace(READY, devices=())
REBOOTED = replace(READY, boot_id="2")


def at(state: str, *, stamp: str = "100") -> NodeSeen:
    """The node while MIG Manager says `state`; GFD's labels are still the old ones."""
    return replace(READY, labels={**READY.labels, labels.MIG_CONFIG_STATE: state, labels.GFD_TIMESTAMP: stamp})


def unmatched() -> NodeSeen:
    """Success, fresh labels, and not one device."""
    without = {k: v for k, v in READY.labels.items() if not k.endswith(".count")}
    return replace(READY, labels=without, devices=())


Looks = Iterable[tuple[float, NodeSeen | None]]


def followed(looks: Looks, release: Release = CURRENT) -> Watch:
    """The watch after every look of a story."""
    watch = Watch.over([Wanted(node="n", layout=LAYOUT)], release, capacity="spot")
    for now, node in looks:
        watch = watch.with_seen([node] if node else [], now)
    return watch


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param([(0, at("pending")), (60, READY), (65, READY)], id="pending, then all agree for five seconds"),
        pytest.param(
            [
                (0, at("pending")),
                (60, at("rebooting")),
                (90, None),
                (400, at("rebooting")),
                (500, REBOOTED),
                (505, REBOOTED),
            ],
            id="a reboot on the way, away from the API meanwhile",
        ),
        pytest.param([(0, READY), (60, READY)], id="already cut: no pending is ever seen"),
        pytest.param(
            [(0, at("failed")), (30, at("pending")), (60, READY), (65, READY)], id="an old failed is forgiven"
        ),
        pytest.param(
            [(0, at("pending")), (60, STALE), (90, READY), (95, READY)], id="slices that follow by themselves"
        ),
    ],
)
def test_settled(looks: Looks) -> None:
    """A node that is cut as planned, and stays so, is ready."""
    assert isinstance(followed(looks).verdict, Settled)


@pytest.mark.parametrize(
    ("looks", "why"),
    [
        pytest.param([], "not looked at yet", id="before the first look"),
        pytest.param([(0, READY), (30, READY)], "once more to be sure", id="success that may be from before"),
        pytest.param([(0, at("pending")), (60, READY), (64, READY)], "once more", id="four seconds are not five"),
        pytest.param(
            [(0, at("pending")), (60, READY), (63, STALE), (66, READY)], "once more", id="a flicker begins anew"
        ),
        pytest.param(
            [(0, at("pending")), (60, READY), (65, READY), (70, REBOOTED)], "fresh labels", id="a reboot begins anew"
        ),
        pytest.param(
            [(0, at("failed")), (50, at("failed"))], "perhaps from before", id="failed, but perhaps an old one"
        ),
        pytest.param(
            [(0, at("pending")), (26 * 60 - 1, at("pending"))],
            "applies 'all-3g.20gb'",
            id="pending, within all its waits",
        ),
        pytest.param(
            [
                (0, at("pending")),
                (25 * 60, replace(at("pending"), boot_id="2")),
                (27 * 60, replace(at("pending"), boot_id="2")),
            ],
            "applies",
            id="pending is counted anew after a reboot",
        ),
        pytest.param([(0, at("rebooting")), (9999, None)], "away from the API", id="a reboot takes what it takes"),
        pytest.param(
            [(0, at("pending")), (60, unmatched())], "count is absent, planned 2", id="GFD may still correct itself"
        ),
        pytest.param(
            [(0, unmatched()), (900, unmatched())], "'success' is from before", id="MIG Manager has not begun"
        ),
    ],
)
def test_waiting(looks: Looks, why: str) -> None:
    """What may still come right is waited for, and the sentence names the node and what is missing."""
    verdict = followed(looks).verdict

    assert isinstance(verdict, Waiting)
    assert verdict.why.startswith("node n: ")
    assert why in verdict.why


@pytest.mark.parametrize(
    ("looks", "why"),
    [
        pytest.param(
            [(0, at("pending")), (30, at("failed"))], "failed to apply 'all-3g.20gb'", id="failed after pending"
        ),
        pytest.param([(0, at("failed")), (60, at("failed"))], "failed to apply", id="failed that outlives the grace"),
        pytest.param(
            [(0, at("pending")), (26 * 60, at("pending"))], "delete MIG Manager's pod", id="wedged at pending"
        ),
        pytest.param(
            [(0, replace(READY, manager_crashing=True)), (60, replace(READY, manager_crashing=True))],
            "crashes again and again",
            id="MIG Manager crashes while an old success stays",
        ),
        pytest.param(
            [(0, at("pending")), (60, unmatched()), (180, unmatched())],
            "the GPUs are not cut as planned",
            id="success without devices",
        ),
        pytest.param([(0, READY), (10, None), (310, None)], "left the cluster", id="the node was interrupted"),
        pytest.param(
            [(t, replace(READY, labels={**READY.labels, labels.MIG_CONFIG: "all-disabled"})) for t in (0, 60)],
            "somebody set label nvidia.com/mig.config to 'all-disabled'",
            id="somebody relabelled the node",
        ),
    ],
)
def test_broken(looks: Looks, why: str) -> None:
    """What will not come right ends the wait, with a reason that a person understands."""
    verdict = followed(looks).verdict

    assert isinstance(verdict, Broken)
    assert verdict.why.startswith("node n: ")
    assert why in verdict.why


@pytest.mark.parametrize(
    ("release", "looks", "expected"),
    [
        pytest.param(ARTICLE, [(0, at("pending")), (60, STALE)], (), id="not at once"),
        pytest.param(
            ARTICLE,
            [(0, at("pending")), (60, STALE), (75, STALE)],
            ("plugin-abc",),
            id="the article's plugin never re-reads",
        ),
        pytest.param(
            CURRENT,
            [(0, at("pending")), (60, STALE), (75, STALE)],
            (),
            id="the current pair's plugin is bounced anyway",
        ),
        pytest.param(
            CURRENT,
            [(0, at("pending")), (60, STALE), (240, STALE)],
            ("plugin-abc",),
            id="unless it was not, in three minutes",
        ),
        pytest.param(
            ARTICLE, [(0, at("pending")), (60, STALE), (75, STALE), (90, STALE)], (), id="a restart is given its time"
        ),
        pytest.param(
            ARTICLE,
            [
                (0, at("pending")),
                (60, replace(STALE, plugin_pod="", plugin_ready=False)),
                (900, replace(STALE, plugin_pod="", plugin_ready=False)),
            ],
            (),
            id="no pod, nothing to restart",
        ),
    ],
)
def test_repairs(release: Release, looks: Looks, expected: tuple[str, ...]) -> None:
    """A plugin that does not re-read is restarted, once its pair has had the time to do it by itself."""
    assert expected == followed(looks, release).repairs


def test_repairs_end() -> None:
    """Three restarts that change nothing are enough: something else is wrong."""
    looks = [(0, at("pending")), *((float(t), STALE) for t in range(60, 900, 15))]
    verdict = followed(looks, ARTICLE).verdict

    assert isinstance(verdict, Broken)
    assert "restarted 3 times, and still the DRA plugin announces 0 MIG devices" in verdict.why


def test_settled_value() -> None:
    """What is ready is told with every device it offers, GPU by GPU, and where the node came from."""
    verdict = followed([(0, at("pending")), (60, READY), (65, READY)]).verdict

    assert isinstance(verdict, Settled)
    assert verdict.value.nodes == (
        ReadyNode(
            name="n", instance_type="p4d.24xlarge", capacity="spot", zone="us-east-1a", config_name="all-3g.20gb"
        ),
    )
    assert [device.name for device in verdict.value.devices] == ["d0", "d4"]


def test_many_nodes() -> None:
    """A sentence about fifty nodes names three and counts the rest."""
    watch = Watch.over([Wanted(node=f"n{i}", layout=LAYOUT) for i in range(50)], CURRENT, capacity="spot")
    verdict = watch.with_seen([], 0).verdict

    assert isinstance(verdict, Waiting)
    assert verdict.why == (
        "node n0: away from the API; node n1: away from the API; node n2: away from the API; and 47 more"
    )
