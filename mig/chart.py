"""Charts of a training: its curves over epochs, and what it takes each class of images for."""

from collections.abc import Iterable, Sequence
from math import ceil, floor, log10
from xml.etree.ElementTree import Element

from mig.markup import tag

Point = tuple[float, float]

WIDTH, HEIGHT = 340.0, 150.0
"""Of a chart, in its own units; it is scaled to the width it is given."""

LEFT, RIGHT, TOP, BOTTOM = 48.0, 12.0, 28.0, 20.0
"""A chart's margins."""

NAMES = (72.0, 84.0)
CELL = (26.5, 20.0)
"""Of a matrix: the column and the row of its names, and each of its cells."""

FULLEST = 0.42
"""How opaque a cell is that holds all of a class: what is written on it must stand out, in light and dark."""

DOTS = 30
"""Up to so many points are marked one by one."""

STEPS = 4
"""At most so many steps of its axis make up a chart's span."""

THOUSAND = 1000
"""From here on no digits stand after the point."""


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
        tag("text", title, x=0, y=13, class_="title"),
        tag("text", final, x=WIDTH - RIGHT, y=13, text_anchor="end", class_="last"),
        *(part for tick in ticks for part in _grid(place((first, tick))[1], _number(tick, percent=percent))),
        *(tag("text", f"{at:g}", x=place((at, low))[0], y=HEIGHT - 5, text_anchor="middle") for at in {first, last}),
        *([_line(placed)] if len(placed) > 1 else []),
        *(tag("circle", cx=x, cy=y, r=3) for x, y in (placed if len(placed) <= DOTS else placed[-1:])),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        class_="chart",
        role="img",
        aria_label=f"{title}: from {_number(points[0][1], percent=percent)} to {final}",
    )


def matrix(rows: Sequence[Sequence[int]], names: Sequence[str]) -> Element:
    """What each class of images was taken for, in per cent of its images: a row a class, the fuller the more."""
    height = NAMES[1] + CELL[1] * len(rows)
    return tag(
        "svg",
        tag("title", "What the test images were taken for, a row for each class, in per cent of its images"),
        tag("text", "% taken for", x=0, y=13, class_="title"),
        *(_head(at, name) for at, name in enumerate(names)),
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


def _line(placed: Iterable[Point]) -> Element:
    return tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in placed), class_="line")


def _grid(y: float, text: str) -> Iterable[Element]:
    yield tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid")
    yield tag("text", text, x=LEFT - 6, y=y + 4, text_anchor="end")


def _head(at: int, name: str) -> Element:
    """A column's name, upwards: so it needs no more room than the column has."""
    x, y = NAMES[0] + (at + 0.5) * CELL[0] + 3, NAMES[1] - 6
    return tag("text", name, x=x, y=y, transform=f"rotate(-90 {x:g} {y:g})")


def _confused(at: int, row: Sequence[int], name: str, names: Sequence[str]) -> Iterable[Element]:
    """One row: the class, and its cells; the one on the diagonal is how much of it is right."""
    wide, high = CELL
    y = NAMES[1] + at * high
    yield tag("text", name, x=0, y=y + 14)
    for column, count in enumerate(row):
        x = NAMES[0] + column * wide
        share = count / (sum(row) or 1)
        said = tag("title", f"{name} taken for {names[column]}: {count}")
        yield tag("rect", said, x=x, y=y, width=wide - 1, height=high - 1, fill_opacity=round(FULLEST * share, 2))
        if round(100 * share):
            yield tag(
                "text", f"{100 * share:.0f}", x=x + (wide - 1) / 2, y=y + 14, text_anchor="middle", class_="share"
            )


def _right(at: int, row: Sequence[int]) -> str:
    return f"{row[at] / (sum(row) or 1):.0%}"


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
