"""The page that a person looks at."""

import re
from html.parser import HTMLParser

import pytest

from mig.page import markdown, render
from mig.report import (
    ClockReport,
    CostReport,
    DeviceReport,
    NodeReport,
    OfferReport,
    PhaseReport,
    PodReport,
    RunReport,
    TeardownReport,
    WorkloadReport,
)

NODE = NodeReport(
    name="ip-10-0-1-23.ec2.internal",
    instance_type="p4d.24xlarge",
    capacity="spot",
    zone="us-east-1a",
    config_name="all-balanced",
    gpu="A100-40GB",
    memory_slices=8,
    devices=tuple(
        DeviceReport(name=f"d{at}", profile="2g.10gb", parent_uuid="GPU-0", memory_slices=(at, at + 1)) for at in (0, 2)
    ),
)
MEDIUM = WorkloadReport(
    name="medium",
    kind="train",
    slice="medium",
    profile="2g.10gb",
    status="succeeded",
    why="",
    pods=(
        PodReport(
            name="medium-0-a",
            index=0,
            node=NODE.name,
            device="d0",
            parent_uuid="GPU-0",
            exit_code=0,
            started="",
            finished="",
        ),
    ),
    metrics={"accuracy": 0.781, "images": 20480, "pods": [], "confusion": [[7] * 10] * 10},
    curve=({"epoch": 1, "loss": 0.9, "accuracy": 0.69}, {"epoch": 2, "loss": 0.5, "accuracy": 0.781}),
    steps=(
        {"epoch": 1, "step": 20, "steps": 40, "train_loss": 0.9},
        {"epoch": 2, "step": 40, "steps": 40, "train_loss": 0.5},
    ),
    artifacts=("s3://b/model.pt",),
)
REPORT = RunReport(
    run_id="told-1",
    previous_run="",
    target="rehearsal",
    simulated=("The cloud is simulated.",),
    clock=ClockReport(scale=60),
    spec={"name": "told", "workloads": [{"name": "medium", "model": "cnn"}]},
    plan={},
    offers=(OfferReport(rung="spot p4d.24xlarge", outcome="held", code="", reason="", seconds=3.25),),
    nodes=(NODE,),
    workloads=(MEDIUM,),
    phases=(PhaseReport(name="ready", started="2026-11-23T12:00:00+00:00", seconds=20, simulated_seconds=1200),),
    cost=CostReport(usd=12.14, usd_by_workload={"medium": 7.89}, hours=0.55, rate_source="table of 2026-07-20"),
    teardown=TeardownReport(verified=True, left=()),
    status="succeeded",
    why="",
)
EMPTY = REPORT.model_copy(
    update={"status": "failed", "why": "ready: <stuck>", "offers": (), "nodes": (), "workloads": (), "phases": ()}
)


class Reader(HTMLParser):
    """Reads a page: its text, and every address that it would load something from."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.loads: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what would be fetched."""
        self.loads += [f"{tag} {value}" for name, value in attrs if name in {"src", "href", "srcset"}]
        self.loads += [tag] if tag in {"script", "link", "img", "iframe"} else []

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.said.append(data)

    @property
    def text(self) -> str:
        """All of it, in order."""
        return "|".join(self.said)


def test_page_is_self_contained() -> None:
    """Nothing is fetched and nothing is run."""
    page = render(REPORT)

    assert Reader(page).loads == []
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize(
    "number", ["$12.14", "$7.89", "0.55 h of nodes", "3.2 s", "1 of 2", "20 s = 20 min 00 s"], ids=str
)
def test_simulated_numbers_are_marked(number: str) -> None:
    """Each simulated number carries its mark beside it, wherever it stands."""
    text = Reader(render(REPORT)).text

    assert number in text
    assert text.count(number) == text.count(f"{number}|sim")


def test_no_marks_on_a_real_run() -> None:
    """Where nothing was simulated nothing is marked."""
    real = REPORT.model_copy(
        update={"simulated": (), "phases": (PhaseReport(name="run", started="2026-11-23T12:00:00Z", seconds=20),)}
    )

    assert "|sim" not in Reader(render(real)).text


def test_measured_numbers_are_not_marked() -> None:
    """Accuracy is measured, also in a rehearsal."""
    assert "78.1% accuracy · 20,480 images" in Reader(render(REPORT)).text
    assert re.search(r"78\.1[ ]?%\|sim", Reader(render(REPORT)).text) is None


def test_curves() -> None:
    """A training has a curve for its loss and one for its accuracy, and says how right it is about each class."""
    loss, accuracy, classes = re.findall(r'<svg[^>]*aria-label="([^"]*)"', render(REPORT))

    assert loss == "training loss by epoch: from 0.9 to 0.5"
    assert accuracy == "test accuracy by epoch: from 69 % to 78.1 %"
    assert classes.startswith("T-shirt 10% right; trouser 10% right; ")


def test_figures_say_what_they_show() -> None:
    """Whoever cannot see a figure is told what it shows."""
    page = render(REPORT)

    assert 'aria-label="ip-10-0-1-23.ec2.internal: 1 of 2 slices used"' in page
    assert 'aria-label="Time line: ready 20 s"' in page


def test_run_that_ended_early() -> None:
    """A run that ended before it had nodes says why, and leaves out what it never had."""
    text = Reader(render(EMPTY)).text

    assert "ready: <stuck>" in text
    assert "Who ran on which slice" not in text
    assert "Where the time went" not in text


def test_what_is_left_is_named() -> None:
    """What may still be billed is named on the page and in the short form."""
    left = REPORT.model_copy(update={"teardown": TeardownReport(verified=False, left=("i-0abc",))})

    assert "i-0abc" in Reader(render(left)).text
    assert "**Still there: i-0abc**" in markdown(left)


def test_markdown() -> None:
    """The short form fits a screen, and marks what was simulated."""
    said = markdown(REPORT)

    assert said.startswith("## told-1: succeeded")
    assert "$12.14 *(simulated)*" in said
    assert "| medium | train | 2g.10gb | 1 | succeeded | 78.1% accuracy · 20,480 images |" in said
