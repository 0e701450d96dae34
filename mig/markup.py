"""Markup: HTML and SVG elements built from values, so that no text can be mistaken for markup."""

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, tostring

Child = Element | str | None


def tag(kind: str, /, *children: Child, **attributes: str | float) -> Element:
    """
    An element. `class_` is written `class`, `aria_label` is written `aria-label`; a child that is None is left out.

    Text is escaped when the document is written; nothing else needs to think of it.
    """
    made = Element(kind, {key.rstrip("_").replace("_", "-"): _written(value) for key, value in attributes.items()})
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif child and len(made):
            made[-1].tail = (made[-1].tail or "") + child
        elif child:
            made.text = (made.text or "") + child
    return made


def table(
    label: str,
    heads: Sequence[str],
    rows: Iterable[Iterable[Element]],
    *,
    numbers: tuple[int, ...],
    foot: Iterable[Element] = (),
) -> Element:
    """
    Rows of cells under their heads; `numbers` are the columns whose heads stand to the right, as their cells do.

    Each cell carries its head, for a screen that is too narrow for a row of heads.
    """
    cells = (
        tag("th", head, scope="col", **({"class_": "num"} if at in numbers else {})) for at, head in enumerate(heads)
    )
    foot_row = _row(heads, foot)
    return tag(
        "table",
        tag("thead", tag("tr", *cells)),
        tag("tbody", *(_row(heads, row) for row in rows)),
        tag("tfoot", foot_row) if len(foot_row) else None,
        aria_label=label,
    )


def document(root: Element) -> str:
    """A whole page as text."""
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"


def _row(heads: Sequence[str], cells: Iterable[Element]) -> Element:
    row = tag("tr", *cells)
    for cell, head in zip(row, heads, strict=len(row) > 0):
        cell.set("data-head", head)
    return row


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
