"""Promises of a run's time line."""

import pytest

from mig.report import PhaseReport, PodReport
from mig.timeline import MOST_PODS, duration, time_line
from tests.mig.test_drawing import workload

PHASES = (
    PhaseReport(name="run", started="2026-11-23T12:00:00+00:00", seconds=60),
    PhaseReport(name="teardown", started="2026-11-23T12:01:00+00:00", seconds=60),
)


def pod(index: int = 0, *, started: str = "2026-11-23T12:00:30Z", finished: str = "2026-11-23T12:00:45Z") -> PodReport:
    """A pod that ran for a while."""
    return PodReport(
        name=f"p{index}",
        index=index,
        node="n",
        device="d",
        parent_uuid="",
        exit_code=0,
        started=started,
        finished=finished,
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.12, "0.1 s"), (12.4, "12 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (3599.9, "1 h 00 min")],
)
def test_duration(seconds: float, expected: str) -> None:
    """A duration is told in the units that a person would use."""
    assert expected == duration(seconds)


def test_time_line_marks_the_compressed_clock() -> None:
    """A simulated duration carries the mark; a real one does not."""
    phases = [
        PhaseReport(name="ready", started="2026-11-23T12:00:00+00:00", seconds=20, simulated_seconds=1200),
        PhaseReport(name="run", started="2026-11-23T12:00:20+00:00", seconds=60),
    ]
    told = ["".join(each.itertext()) for each in time_line(phases).iter("span") if each.get("class") == "num"]

    assert told == ["20 s = 20 min 00 ssim", "1 min 00 s"]


def names(*pods: PodReport) -> list[str]:
    """The lines of a time line, by what stands in front of them."""
    drawn = time_line(PHASES, [workload(*pods)])
    return [str(each.text) for each in drawn.iter("span") if str(each.get("class")).startswith(("name", "soft"))]


def test_pods_stand_beneath_the_phase_in_which_they_ran() -> None:
    """One sees what ran side by side, and for which part of the phase."""
    drawn = time_line(PHASES, [workload(pod())])

    assert ["run the workloads", "serve", "tear down"] == names(pod())
    assert ["left: 0.00%; width: 50.00%", "left: 25.00%; width: 12.50%", "left: 50.00%; width: 50.00%"] == [
        each.get("style") for each in drawn.iter("i")
    ]


def test_a_pod_that_never_ended_has_no_bar() -> None:
    """Nobody knows how long it took."""
    assert ["run the workloads", "tear down"] == names(pod(finished=""))


def test_many_pods_are_counted() -> None:
    """A line for each would push all else from the page."""
    told = names(*(pod(index) for index in range(MOST_PODS + 3)))

    assert "and 3 pods more" in told
    assert MOST_PODS == sum(name.startswith("serve") for name in told)
