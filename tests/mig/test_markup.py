"""Markup that no text can break out of."""

import pytest

from mig.markup import document, tag


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(tag("b", "<i>&"), "<b>&lt;i&gt;&amp;</b>", id="text is escaped"),
        pytest.param(tag("b", title='"x'), '<b title="&quot;x"></b>', id="attributes are, too"),
        pytest.param(tag("b", "a", tag("i"), "b"), "<b>a<i></i>b</b>", id="text and elements keep their order"),
        pytest.param(tag("b", None, class_="x"), '<b class="x"></b>', id="nothing is left out"),
        pytest.param(tag("b", aria_label="x", x=1.50), '<b aria-label="x" x="1.5"></b>', id="names and numbers"),
    ],
)
def test_tag(made: object, expected: str) -> None:
    """An element is written as HTML."""
    assert f"<!doctype html>\n{expected}\n" == document(made)  # type: ignore[arg-type]  # a table's column
