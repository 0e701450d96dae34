"""Drawings, by what they show."""

import pytest

from mig.drawing import WIDTH, chart, duration, gpus, matrix, time_line
from mig.report import DeviceReport, NodeReport, PhaseReport, PodReport, WorkloadReport


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.12, "0.1 s"), (12.4, "12 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (3599.9, "1 h 00 min")],
)
def test_duration(seconds: float, expected: str) -> None:
    """A duration is told in the units that a person would use."""
    assert expected == duration(seconds)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        pytest.param([2.3, 0.4], ["0", "0.5", "1", "1.5", "2", "2.5"], id="round numbers hold all values"),
        pytest.param([0.691, 0.781], ["0.65", "0.7", "0.75", "0.8"], id="between zero and one"),
        pytest.param([1200.0, 3100.0], ["1,000", "1,500", "2,000", "2,500", "3,000", "3,500"], id="thousands"),
        pytest.param([0.5], ["0.4", "0.6"], id="one point alone"),
        pytest.param([0.0, 0.0], ["0", "0.5"], id="nothing at all"),
    ],
)
def test_chart_axis(values: list[float], labels: list[str]) -> None:
    """A chart's lines stand at round numbers that hold all of its values."""
    drawn = chart("loss", [(float(at), value) for at, value in enumerate(values)])
    ticks = [each.text for each in drawn.iter("text") if each.get("text-anchor") == "end" and not each.get("class")]

    assert labels == ticks


def test_chart_stays_inside() -> None:
    """No point lies outside the drawing."""
    drawn = chart("loss", [(1, 2.31), (2, 0.02), (3, 0.9)])
    line = next(drawn.iter("polyline")).get("points", "")
    places = [tuple(map(float, pair.split(","))) for pair in line.split()]

    assert all(0 <= x <= 340 and 0 <= y <= 150 for x, y in places)
    assert len(places) == 3


def node(*devices: DeviceReport) -> NodeReport:
    """A node with these devices."""
    return NodeReport(
        name="n",
        instance_type="p4d.24xlarge",
        capacity="spot",
        zone="z",
        config_name="c",
        gpu="A100-40GB",
        memory_slices=8,
        devices=devices,
    )


def pod(device: str, on: str = "n") -> PodReport:
    """A pod that ran on a device."""
    return PodReport(name="p", index=1, node=on, device=device, parent_uuid="", exit_code=0, started="", finished="")


def workload(*pods: PodReport) -> WorkloadReport:
    """A workload with these pods."""
    return WorkloadReport(
        name="serve",
        kind="infer",
        slice="small",
        profile="1g.5gb",
        status="succeeded",
        why="",
        pods=pods,
        metrics={},
        curve=(),
        steps=(),
        artifacts=(),
    )


BIG = DeviceReport(name="big", profile="3g.20gb", parent_uuid="GPU-1", memory_slices=(4, 5, 6, 7))
SMALL = DeviceReport(name="small", profile="1g.5gb", parent_uuid="GPU-1", memory_slices=(2,))
OTHER = DeviceReport(name="other", profile="1g.5gb", parent_uuid="GPU-2", memory_slices=(2,))


def test_gpus_lie_where_they_lie() -> None:
    """A device is drawn over the memory slices that it covers."""
    drawn = gpus(node(BIG, SMALL), ())
    places = {each.get("title"): each.get("style") for each in drawn.iter("div") if "slice" in str(each.get("class"))}

    assert places["big: idle"] == "grid-row: 5 / span 4"
    assert places["small: idle"] == "grid-row: 3 / span 1"


def test_gpus_show_who_ran_where() -> None:
    """A device that was used names its user, and counts; the same name on another node does not."""
    drawn = gpus(node(BIG, SMALL, OTHER), [workload(pod("small"), pod("big", on="another node"))])

    assert drawn.get("aria-label") == "n: 1 of 3 slices used"
    assert [b.text for b in drawn.iter("b")] == ["GPU 0", "serve 1", "GPU 1"]


def test_time_line_marks_the_compressed_clock() -> None:
    """A simulated duration carries the mark; a real one does not."""
    phases = [
        PhaseReport(name="ready", started="2026-11-23T12:00:00+00:00", seconds=20, simulated_seconds=1200),
        PhaseReport(name="run", started="2026-11-23T12:00:20+00:00", seconds=60),
    ]
    told = ["".join(each.itertext()) for each in time_line(phases).iter("span") if each.get("class") == "num"]

    assert told == ["20 s = 20 min 00 ssim", "1 min 00 s"]


def test_matrix_says_what_each_class_was_taken_for() -> None:
    """A row a class: its counts under what it was taken for, fuller where they are more, and its accuracy."""
    drawn = matrix([[3, 1], [0, 0]], ["shirt", "coat"])

    cells = [(each.findtext("title"), each.get("fill-opacity")) for each in drawn.iter("rect")]
    assert [
        ("shirt taken for shirt: 3", "0.75"),
        ("shirt taken for coat: 1", "0.25"),
        ("coat taken for shirt: 0", "0"),
        ("coat taken for coat: 0", "0"),
    ] == cells
    assert "shirt 75% right; coat 0% right" == drawn.get("aria-label")


def test_matrix_of_all_classes_stays_inside() -> None:
    """Ten classes leave room for their accuracy."""
    drawn = matrix([[1000] * 10] * 10, ["ankle boot"] * 10)

    assert max(float(each.get("x", "")) + float(each.get("width", "")) for each in drawn.iter("rect")) < WIDTH - 30
