"""Promises of charts, by what they show."""

import pytest

from mig.chart import WIDTH, chart, matrix


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


def test_matrix_says_what_each_class_was_taken_for() -> None:
    """A row a class: in per cent what it was taken for, fuller where that is more, and its counts for who asks."""
    drawn = matrix([[3, 1], [0, 0]], ["shirt", "coat"])

    cells = [(each.findtext("title"), each.get("fill-opacity")) for each in drawn.iter("rect")]
    assert [
        ("shirt taken for shirt: 3", "0.32"),
        ("shirt taken for coat: 1", "0.1"),
        ("coat taken for shirt: 0", "0"),
        ("coat taken for coat: 0", "0"),
    ] == cells
    assert ["75", "25"] == [each.text for each in drawn.iter("text") if each.get("class") == "share"]
    assert "shirt 75% right; coat 0% right" == drawn.get("aria-label")


def test_matrix_of_all_classes_stays_inside() -> None:
    """Ten classes have room for their cells."""
    drawn = matrix([[1000] * 10] * 10, ["ankle boot"] * 10)

    assert max(float(each.get("x", "")) + float(each.get("width", "")) for each in drawn.iter("rect")) < WIDTH


def test_matrix_names_its_columns() -> None:
    """Each column says what is taken for what, as each row does."""
    drawn = matrix([[3, 1], [0, 0]], ["shirt", "coat"])

    assert ["shirt", "coat"] == [each.text for each in drawn.iter("text") if each.get("transform")]
