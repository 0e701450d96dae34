"""
Pictures of a report that stand alone, as SVG: what Prefect's pages can show, where neither style sheets nor HTML pass.

Each is an address that holds the whole picture, so that nobody is asked for it.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, tostring

from mig.chart import HEIGHT, WIDTH, chart
from mig.drawing import by_gpu, caption, colour, users
from mig.look import PICTURE, as_address
from mig.markup import tag
from mig.report import DeviceReport, NodeReport, RunReport, WorkloadReport

WIDE = 960.0
"""Of the picture of the slices, in pixels."""

ROW, HEAD, GAP = 26.0, 44.0, 10.0
"""Of a GPU's drawing: the height of a memory slice, what stands above the first, and what lies between two GPUs."""

MOST_NODES = 2
"""So many nodes are drawn; the page has all."""

MOST_LETTERS = 12
"""What is longer is cut off on a slice; the table beside the picture has the whole name."""

ABREAST = 8
"""GPUs beside each other."""


def slices(report: RunReport) -> str:
    """Who ran on which slice."""
    nodes = report.nodes[:MOST_NODES]
    parts: list[Element] = []
    top = 0.0
    for node in nodes:
        drawn, high = _node(node, report.workloads, top)
        parts += drawn
        top += high
    return _alone(parts, wide=WIDE, high=top + GAP)


def curve(title: str, points: Sequence[tuple[float, float]], *, order: int, percent: bool = False) -> str:
    """A chart of one workload, in its colour."""
    drawn = chart(title, points, percent=percent)
    return _alone([tag("g", *drawn, style=colour(order))], wide=WIDTH, high=HEIGHT)


def _alone(parts: Sequence[Element], *, wide: float, high: float) -> str:
    made = tag(
        "svg",
        tag("style", PICTURE),
        tag("rect", width=wide, height=high, class_="paper"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {wide:g} {high:g}",
        width=wide,
        height=high,
        class_="chart alone",
    )
    return as_address(tostring(made, encoding="unicode"))


def _node(node: NodeReport, workloads: Sequence[WorkloadReport], top: float) -> tuple[list[Element], float]:
    """A node's GPUs from `top` on, and how high that is."""
    used, found = users(node, workloads), by_gpu(node)
    wide = (WIDE - GAP * (ABREAST + 1)) / ABREAST
    high = HEAD + ROW * node.memory_slices
    parts = [tag("text", caption(node), x=GAP, y=top + 18)]
    for order, (name, _, devices) in enumerate(found):
        x, y = GAP + order % ABREAST * (wide + GAP), top + order // ABREAST * high + HEAD
        parts.append(tag("text", name, x=x, y=y - 6, class_="title"))
        placed = _placed(devices, node.memory_slices)
        parts += [part for at, d in placed for part in _slice(d, used.get(d.name), x, y + at * ROW, wide)]
    return parts, high * -(-len(found) // ABREAST)


def _placed(devices: Sequence[DeviceReport], most: int) -> list[tuple[int, DeviceReport]]:
    """Each device at its first memory slice; where the driver did not say, one beneath the other."""
    known = [(device.memory_slices[0], device) for device in devices if device.memory_slices]
    others = [device for device in devices if not device.memory_slices]
    return known + [(min(len(known) + at, most - 1), device) for at, device in enumerate(others)]


def _slice(device: DeviceReport, user: tuple[int, str] | None, x: float, y: float, wide: float) -> list[Element]:
    high = ROW * max(len(device.memory_slices), 1) - 2
    words = f"{device.profile} · idle" if user is None else _short(user[1])
    kind, style = ("idle", "") if user is None else ("used", colour(user[0]))
    said = tag("title", f"{device.name}: {user[1] if user else 'idle'}")
    lines = [tag("text", words, x=x + 8, y=y + 16, class_="title" if user else "")]
    if user and len(device.memory_slices) > 1:
        lines.append(tag("text", device.profile, x=x + 8, y=y + 34))
    return [tag("rect", said, x=x, y=y, width=wide, height=high, rx=4, class_=kind, style=style), *lines]


def _short(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"
