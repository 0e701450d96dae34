"""The time line of a run: its phases as bars, and beneath the one in which they ran its pods."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element

from mig.drawing import colour, pod_name, sim
from mig.markup import tag
from mig.report import PhaseReport, WorkloadReport

MOST_PODS = 24
"""So many pods have a line of their own on the time line."""

STAGES = {
    "capacity": "find capacity",
    "connect": "connect",
    "launch": "launch",
    "plan": "plan",
    "platform": "look at the platform",
    "ready": "wait for the slices",
    "run": "run the workloads",
    "stage": "stage the data",
    "teardown": "tear down",
}
"""A run's phases, as its tasks are called on Prefect's pages."""

MINUTE, HOUR = 60, 3600
EXACT = 10
"""Seconds below which tenths are shown."""


def time_line(phases: Sequence[PhaseReport], workloads: Sequence[WorkloadReport] = ()) -> Element:
    """The phases of a run, one beneath the other, and beneath the one in which they ran its pods."""
    spans = [_stage(phase) for phase in phases]
    start = min(span.begun for span in spans)
    whole = max(span.begun + span.seconds for span in spans) - start or 1.0
    said = ", ".join(f"{span.name} {duration(span.seconds)}" for span in spans)
    pods = _pods(workloads)
    at = 1 + next((at for at, phase in enumerate(phases) if phase.name == "run"), len(spans) - 1)
    more = (tag("span", f"and {len(pods) - MOST_PODS} pods more", class_="soft"),) if len(pods) > MOST_PODS else ()
    return tag(
        "figure",
        *(part for span in (*spans[:at], *pods[:MOST_PODS]) for part in span.drawn(start, whole)),
        *(part for each in more for part in (each, tag("span"), tag("span"))),
        *(part for span in spans[at:] for part in span.drawn(start, whole)),
        class_="phases",
        aria_label=f"Time line: {said}",
    )


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{seconds:.1f} s" if seconds < EXACT else f"{whole} s"
    minutes, rest = divmod(whole, MINUTE)
    return f"{minutes} min {rest:02} s" if whole < HOUR else f"{minutes // MINUTE} h {minutes % MINUTE:02} min"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Something that took its time, as a bar."""

    name: str
    begun: float
    seconds: float
    simulated: float | None = None
    kind: str = ""
    style: str = ""

    def drawn(self, start: float, whole: float) -> Iterable[Element]:
        """Its name, its bar on a track that begins at `start` and lasts `whole`, and how long it took."""
        left = min(max(self.begun - start, 0.0) / whole, 1.0)
        width = min(self.seconds / whole, 1.0 - left)
        yield tag("span", self.name, class_=f"name {self.kind}".rstrip(), style=self.style)
        bar = tag("i", style=f"left: {left:.2%}; width: {width:.2%}", class_="cloud" if self.simulated else "")
        yield tag("div", bar, class_="track", style=self.style, title=f"{self.name}: {duration(self.seconds)}")
        clock = (" = ", duration(self.simulated), sim()) if self.simulated else ()
        yield tag("span", duration(self.seconds), *clock, class_="num")


def _stage(phase: PhaseReport) -> _Span:
    name, begun = STAGES.get(phase.name, phase.name), _moment(phase.started)
    return _Span(name=name, begun=begun, seconds=phase.seconds, simulated=phase.simulated_seconds)


def _pods(workloads: Sequence[WorkloadReport]) -> list[_Span]:
    """The pods that began and ended, in the order in which they began."""
    pods = [
        _Span(
            name=pod_name(workload, pod),
            begun=_moment(pod.started),
            seconds=_moment(pod.finished) - _moment(pod.started),
            kind="pod",
            style=colour(order),
        )
        for order, workload in enumerate(workloads)
        for pod in workload.pods
        if pod.started and pod.finished
    ]
    return sorted(pods, key=lambda pod: pod.begun)


def _moment(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()
