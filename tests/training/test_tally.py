"""What is counted, and what it comes to."""

import math
from dataclasses import replace

import pytest

from training.published import Published
from training.tally import Latencies, Served, Tally

EARLY = Published(key="k", sha256="a", model="mlp", image_size=28, accuracy=0.5, epoch=1, final=False)
LAST = replace(EARLY, sha256="b", epoch=2, final=True)


@pytest.mark.parametrize(
    ("latencies", "expected"),
    [
        pytest.param([], (None, None, None), id="none was measured"),
        pytest.param([7], (7, 7, 7), id="one is all of them"),
        pytest.param([3, 1, 2], (2, 3, 3), id="the nearest rank"),
        pytest.param(list(range(1, 101)), (50, 95, 99), id="a hundred"),
        pytest.param([1] * 99 + [1000], (1, 1, 1), id="one of a hundred is beyond all"),
    ],
)
def test_percentiles(latencies: list[int], expected: tuple[float | None, ...]) -> None:
    """Each is a latency that was measured, in milliseconds."""
    measured = Latencies()
    for latency in latencies:
        measured.add(latency / 1000)

    assert [None if each is None else pytest.approx(each) for each in expected] == list(measured.percentiles().values())


def test_a_long_service_keeps_some_of_its_latencies() -> None:
    """However many there are, as few are kept as shall be, and they say the same."""
    measured = Latencies(most=1000)
    for number in range(100_000):
        measured.add(number / 100_000)

    assert len(measured._kept) < 1000
    assert [500, 950, 990] == [
        pytest.approx(each, abs=2) for each in measured.percentiles().values() if each is not None
    ]


def test_each_model_has_its_own_figures() -> None:
    """Answers count for the model that gave them; the accuracy told is that of the newest."""
    tally = Tally()
    tally.models.append(Served(EARLY))
    tally.answered(10, known=10, right=5)
    tally.served(2)
    tally.models.append(Served(LAST, known=100, right=90))
    tally.answered(30, known=0, right=0)
    tally.served(3)

    figures = tally.figures()
    assert ("b", 0.9, 40, 5, 8) == tuple(
        figures[name] for name in ("model_sha256", "accuracy", "images", "seconds", "images_per_second")
    )
    assert [(10, 0.5), (30, 0.9)] == [(each.images, each.accuracy) for each in tally.models]
    assert math.isclose(2, tally.early_seconds)


def test_nothing_is_made_up() -> None:
    """What was not measured is null."""
    figures = Tally().figures()

    assert (None, None, 0, 0, []) == tuple(
        figures[name] for name in ("accuracy", "p50_ms", "images", "images_per_second", "models")
    )
