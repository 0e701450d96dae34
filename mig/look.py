"""How a report looks: the style sheets, and the icon of its page; all of it travels within the report."""

from base64 import b64encode
from importlib.resources import files

_PALETTE, _CHART, _PAGE = (
    (files("mig") / name).read_text(encoding="utf-8") for name in ("palette.css", "chart.css", "page.css")
)

PAGE = _PALETTE + _PAGE + _CHART
PICTURE = _PALETTE + _CHART
"""Of a picture that stands alone."""

_SLICES = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="8" rx="2" fill="#2f6f9f"/>'
    '<rect y="9" width="16" height="4" rx="1" fill="#b8651b"/><rect y="14" width="16" height="2" rx="1" '
    'fill="#4c8052"/></svg>'
)


def as_address(drawn: str) -> str:
    """An SVG as an address that holds it whole: nobody is asked for it."""
    return "data:image/svg+xml;base64," + b64encode(drawn.encode()).decode()


ICON = as_address(_SLICES)
"""A GPU that is cut into three slices."""
