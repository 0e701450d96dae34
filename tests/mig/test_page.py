"""The page that a person looks at."""

import re
from html.parser import HTMLParser

import pytest

from mig.page import render
from mig.report import PhaseReport, RunReport, TeardownReport


class Reader(HTMLParser):
    """Reads a page: its text, and every address that it would load something from."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.loads: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what would be fetched."""
        at = [value or "" for name, value in attrs if name in {"src", "href", "srcset"}]
        self.loads += [f"{tag} {value}" for value in at if not value.startswith("data:")]
        self.loads += [tag] if tag in {"script", "img", "iframe"} else []

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.said.append(data)

    @property
    def text(self) -> str:
        """All of it, in order."""
        return "|".join(self.said)


def test_page_is_self_contained(report: RunReport) -> None:
    """Nothing is fetched and nothing is run."""
    page = render(report)

    assert Reader(page).loads == []
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize(
    "number", ["$12.14", "$7.89", "0.55 h of nodes", "3.2 s", "1 of 2", "20 s = 20 min 00 s"], ids=str
)
def test_simulated_numbers_are_marked(report: RunReport, number: str) -> None:
    """Each simulated number carries its mark beside it, wherever it stands."""
    text = Reader(render(report)).text

    assert number in text
    assert text.count(number) == text.count(f"{number}|sim")


def test_no_marks_on_a_real_run(report: RunReport) -> None:
    """Where nothing was simulated nothing is marked."""
    real = report.model_copy(
        update={"simulated": (), "phases": (PhaseReport(name="run", started="2026-11-23T12:00:00Z", seconds=20),)}
    )

    assert "|sim" not in Reader(render(real)).text


def test_measured_numbers_are_not_marked(report: RunReport) -> None:
    """Accuracy is measured, also in a rehearsal."""
    assert "78.1% accuracy · 20,480 images" in Reader(render(report)).text
    assert re.search(r"78\.1[ ]?%\|sim", Reader(render(report)).text) is None


def test_curves(report: RunReport) -> None:
    """A training has a curve for its loss and one for its accuracy, and says how right it is about each class."""
    loss, accuracy, classes = re.findall(r'<svg[^>]*aria-label="([^"]*)"', render(report))

    assert loss == "training loss by epoch: from 0.9 to 0.5"
    assert accuracy == "test accuracy by epoch: from 69 % to 78.1 %"
    assert classes.startswith("T-shirt 10% right; trouser 10% right; ")


def test_figures_say_what_they_show(report: RunReport) -> None:
    """Whoever cannot see a figure is told what it shows."""
    page = render(report)

    assert 'aria-label="ip-10-0-1-23.ec2.internal: 1 of 2 slices used"' in page
    assert 'aria-label="Time line: wait for the slices 20 s"' in page
    assert 'aria-label="How the training of medium went"' in page
    assert 'aria-label="Slices used on ip-10-0-1-23.ec2.internal"' in page


def test_run_that_ended_early(report: RunReport) -> None:
    """A run that ended before it had nodes says why, and leaves out what it never had."""
    nothing = {"offers": (), "nodes": (), "workloads": (), "phases": ()}
    early = report.model_copy(update={"status": "failed", "why": "ready: <stuck>", **nothing})
    text = Reader(render(early)).text

    assert "ready: <stuck>" in text
    assert "Who ran on which slice" not in text
    assert "Where the time went" not in text


def test_what_is_left_is_named(report: RunReport) -> None:
    """What may still be billed is named on the page."""
    left = report.model_copy(update={"teardown": TeardownReport(verified=False, left=("i-0abc",))})

    assert "i-0abc" in Reader(render(left)).text


def test_every_cell_carries_its_head(report: RunReport) -> None:
    """On a narrow screen a table has no row of heads: what a number means stands beside it."""
    assert ["pods"] * 1 == re.findall(r'<td class="num" data-head="(pods)">1</td>', render(report))


def test_the_budget_stands_beside_the_cost(report: RunReport) -> None:
    """Whoever set a limit sees how much of it was used."""
    limited = report.model_copy(update={"spec": {**report.spec, "max_usd": 50}})

    assert "of at most $50.00" in Reader(render(limited)).text
