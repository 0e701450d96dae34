"""Drawings of a report: the GPUs and who ran where, curves over time, the phases of a run as a time line."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from math import ceil, floor, log10
from xml.etree.ElementTree import Element

from mig.markup import tag
from mig.report import DeviceReport, NodeReport, PhaseReport, WorkloadReport

Point = tuple[float, float]

WIDTH, HEIGHT = 340.0, 150.0
"""Of a chart, in its own units; it is scaled to the width it is given."""

LEFT, RIGHT, TOP, BOTTOM = 44.0, 12.0, 26.0, 20.0
"""A chart's margins."""

NAMES = 64.0
CELL = (23.5, 20.0)
"""Of a matrix: the column of its names, and each of its cells."""

DOTS = 30
"""Up to so many points are marked one by one."""

COLOURS = 8
"""How many workloads have a colour of their own (page.css); the ninth shares the first's."""

STEPS = 4
"""At most so many steps of its axis make up a chart's span."""

THOUSAND = 1000
"""From here on no digits stand after the point."""

MINUTE, HOUR = 60, 3600
EXACT = 10
"""Seconds below which tenths are shown."""


def colour(order: int) -> str:
    """The style of what belongs to one workload, by its place in the request."""
    return f"--c: var(--c{order % COLOURS})"


def gpus(node: NodeReport, workloads: Sequence[WorkloadReport]) -> Element:
    """A node's GPUs, each a column of its memory slices, with the pod that ran on each MIG device."""
    users = {
        pod.device: (order, f"{workload.name} {pod.index}" if len(workload.pods) > 1 else workload.name)
        for order, workload in enumerate(workloads)
        for pod in workload.pods
        if pod.node == node.name and pod.device
    }
    by_gpu = groupby(sorted(node.devices, key=lambda d: d.parent_uuid), key=lambda d: d.parent_uuid)
    said = f"{node.name}: {len(users)} of {len(node.devices)} slices used"
    return tag(
        "figure",
        *(_gpu(order, uuid, tuple(devices), node, users) for order, (uuid, devices) in enumerate(by_gpu)),
        class_="gpus",
        role="group",
        aria_label=said,
    )


def chart(title: str, points: Sequence[Point], *, percent: bool = False) -> Element:
    """A curve through points over epochs, in the colour that surrounds it; one point alone is a dot."""
    ticks = _ticks([y for _, y in points])
    first, last = floor(points[0][0]), ceil(points[-1][0])
    low, high = ticks[0], ticks[-1]

    def place(point: Point) -> tuple[float, float]:
        across = (point[0] - first) / (last - first) if last > first else 0.5
        up = (point[1] - low) / (high - low)
        return (LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM))

    placed = [place(point) for point in points]
    final = _number(points[-1][1], percent=percent)
    return tag(
        "svg",
        tag("title", f"{title}: {final} in the end"),
        tag("text", title, x=0, y=12, class_="title"),
        tag("text", final, x=WIDTH - RIGHT, y=12, text_anchor="end", class_="last"),
        *(part for tick in ticks for part in _grid(place((first, tick))[1], _number(tick, percent=percent))),
        *(tag("text", f"{at:g}", x=place((at, low))[0], y=HEIGHT - 5, text_anchor="middle") for at in {first, last}),
        tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in placed), class_="line"),
        *(tag("circle", cx=x, cy=y, r=3) for x, y in (placed if len(placed) <= DOTS else placed[-1:])),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        class_="chart",
        role="img",
        aria_label=f"{title}: from {_number(points[0][1], percent=percent)} to {final}",
    )


def matrix(rows: Sequence[Sequence[int]], names: Sequence[str]) -> Element:
    """What each class of images was taken for: a row a class, the fuller a cell the more of its images it holds."""
    height = TOP + CELL[1] * len(rows)
    return tag(
        "svg",
        tag("title", "What the test images were taken for, a row for each class"),
        tag("text", "taken for", x=0, y=12, class_="title"),
        *(
            part
            for at, (row, name) in enumerate(zip(rows, names, strict=True))
            for part in _confused(at, row, name, names)
        ),
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        class_="chart matrix",
        role="img",
        aria_label="; ".join(
            f"{name} {_right(at, row)} right" for at, (row, name) in enumerate(zip(rows, names, strict=True))
        ),
    )


def time_line(phases: Sequence[PhaseReport]) -> Element:
    """The phases of a run, each where it lay in time."""
    began = [datetime.fromisoformat(phase.started).timestamp() for phase in phases]
    start = min(began)
    whole = max(b + p.seconds for b, p in zip(began, phases, strict=True)) - start or 1.0
    said = ", ".join(f"{phase.name} {duration(phase.seconds)}" for phase in phases)
    return tag(
        "figure",
        *(
            part
            for phase, begin in zip(phases, began, strict=True)
            for part in _phase(phase, (begin - start) / whole, phase.seconds / whole)
        ),
        class_="phases",
        role="group",
        aria_label=f"Time line: {said}",
    )


def sim() -> Element:
    """The mark beside a number that was simulated."""
    return tag("abbr", "sim", class_="sim", title="simulated, not measured")


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{seconds:.1f} s" if seconds < EXACT else f"{whole} s"
    minutes, rest = divmod(whole, MINUTE)
    return f"{minutes} min {rest:02} s" if whole < HOUR else f"{minutes // MINUTE} h {minutes % MINUTE:02} min"


def _gpu(
    order: int,
    uuid: str,
    devices: Sequence[DeviceReport],
    node: NodeReport,
    users: Mapping[str, tuple[int, str]],
) -> Element:
    placed = sorted(devices, key=lambda d: d.memory_slices or (node.memory_slices,))
    rows = f"grid-template-rows: repeat({node.memory_slices}, 1.6rem)"
    return tag(
        "div",
        tag("div", tag("b", f"GPU {order}"), tag("code", uuid[-6:], title=uuid), class_="gpu-name"),
        tag("div", *(_slice(device, users.get(device.name)) for device in placed), class_="slices", style=rows),
    )


def _slice(device: DeviceReport, user: tuple[int, str] | None) -> Element:
    covered = device.memory_slices
    where = f"grid-row: {covered[0] + 1} / span {len(covered)}" if covered else ""
    if user is None:
        idle = tag("span", f"{device.profile} · idle")
        return tag("div", idle, class_="slice idle", style=where, title=f"{device.name}: idle")
    order, name = user
    kind = "slice used" if len(covered) > 1 else "slice used row"
    style = "; ".join(part for part in (where, colour(order)) if part)
    said = (tag("span", tag("b", name)), tag("span", device.profile, class_="soft"))
    return tag("div", *said, class_=kind, style=style, title=f"{device.name}: {name}")


def _grid(y: float, text: str) -> Iterable[Element]:
    yield tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid")
    yield tag("text", text, x=LEFT - 6, y=y + 4, text_anchor="end")


def _confused(at: int, row: Sequence[int], name: str, names: Sequence[str]) -> Iterable[Element]:
    """One row: the class, its cells, and how much of it is right."""
    wide, high = CELL
    y = TOP + at * high
    yield tag("text", name, x=0, y=y + 14)
    for column, count in enumerate(row):
        x = NAMES + column * wide
        share = count / (sum(row) or 1)
        said = tag("title", f"{name} taken for {names[column]}: {count}")
        yield tag("rect", said, x=x, y=y, width=wide - 1, height=high - 1, fill_opacity=round(share, 2))
        if count:
            shade = "on" if share > 1 / 2 else "off"
            yield tag("text", f"{count}", x=x + (wide - 1) / 2, y=y + 13.5, text_anchor="middle", class_=shade)
    yield tag("text", _right(at, row), x=WIDTH, y=y + 14, text_anchor="end", class_="last")


def _right(at: int, row: Sequence[int]) -> str:
    return f"{row[at] / (sum(row) or 1):.0%}"


def _phase(phase: PhaseReport, left: float, width: float) -> Iterable[Element]:
    clock = phase.simulated_seconds
    yield tag("span", phase.name)
    bar = tag("i", style=f"left: {left:.2%}; width: {width:.2%}", class_="cloud" if clock else "")
    yield tag("div", bar, class_="track", title=f"{phase.name}: {duration(phase.seconds)}")
    simulated = (" = ", duration(clock), sim()) if clock else ()
    yield tag("span", duration(phase.seconds), *simulated, class_="num")


def _ticks(values: Sequence[float]) -> list[float]:
    """Round numbers at equal steps that hold all values between them."""
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** floor(log10(span / STEPS))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= STEPS)
    first, last = floor(low / step), ceil(high / step)
    return [round(step * at, 10) for at in range(first, max(last, first + 1) + 1)]


def _number(value: float, *, percent: bool) -> str:
    if percent:
        return f"{value * 100:.3g} %"
    return f"{value:,.0f}" if abs(value) >= THOUSAND else f"{value:.3g}"
