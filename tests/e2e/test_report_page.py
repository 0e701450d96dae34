"""`report.html` as people open it: in a real browser, on a telephone and on a wide screen, in light and in dark."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from mig.page import render
from mig.report import RunReport, TeardownReport

pytestmark = [pytest.mark.e2e]

HERE = Path(__file__).parent
RECORDED = RunReport.model_validate_json((HERE / "report.json").read_text(encoding="utf-8"))
"""What `mig run deployments/specs/rehearsal.yaml` reported, recorded."""

LONG = "a-name-that-is-as-long-as-names-may-be-x"


def _renamed(report: RunReport) -> RunReport:
    """The same with nine workloads, the longest names, and everything that can go wrong at the end."""
    first, *_ = report.workloads
    more = tuple(first.model_copy(update={"name": f"{LONG[:-1]}{at}"}) for at in range(6))
    named = tuple(each.model_copy(update={"name": LONG, "why": "exit code 1: its log says why"}) for each in more[:1])
    why = "run: " + "; ".join(f"{each.name}: exit code 1: its log says why (BackoffLimitExceeded)" for each in more)
    usd = dict.fromkeys((each.name for each in (*report.workloads, *more)), 0.5)
    left = ("p4d.24xlarge i-0123456789abcdef0", f"node group gpu-{LONG}-12345678-1")
    return report.model_copy(
        update={
            "run_id": f"{LONG}-12345678",
            "spec": {**report.spec, "name": LONG},
            "status": "failed",
            "why": why,
            "workloads": (*named, *report.workloads[1:], *more),
            "cost": report.cost.model_copy(update={"usd_by_workload": usd}),
            "teardown": TeardownReport(verified=False, left=left),
        }
    )


def _early(report: RunReport) -> RunReport:
    """A run that found no capacity."""
    refused = tuple(each.model_copy(update={"outcome": "refused"}) for each in report.offers)
    told = {"status": "no_capacity", "why": "no offer held", "offers": refused, "nodes": (), "workloads": ()}
    nothing = report.cost.model_copy(update={"usd": 0.0, "usd_by_workload": {}, "hours": 0.0})
    return report.model_copy(update={**told, "cost": nothing})


REPORTS = {"recorded": RECORDED, "long names": _renamed(RECORDED), "no capacity": _early(RECORDED)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A page in the browser, and what the browser said of it."""

    page: Page
    said: list[str] = field(default_factory=list)
    """On its console, and what broke."""
    asked: list[str] = field(default_factory=list)
    """Addresses that it asked for, its own aside."""

    def complaints(self, law: str, *words: str) -> Any:
        """What a reader has to say (reader.js)."""
        return self.page.evaluate(f"words => reader.{law}(...words)", list(words))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pages lie."""
    made = tmp_path_factory.mktemp("reports")
    for name, report in REPORTS.items():
        (made / f"{name}.html").write_text(render(report), encoding="utf-8")
    return made


@pytest.fixture(
    scope="module",
    params=[
        *(("recorded", width, scheme) for width in (400, 1400) for scheme in ("light", "dark")),
        ("long names", 400, "light"),
        ("long names", 1400, "dark"),
        ("no capacity", 400, "dark"),
    ],
    ids=lambda param: " ".join(map(str, param)),
)
def opened(request: pytest.FixtureRequest, browser: Browser, folder: Path) -> Iterator[Opened]:
    """A report on a screen of this width, as high as it is long."""
    name, width, scheme = request.param
    address = (folder / f"{name}.html").as_uri()
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
        page = context.new_page()
        made = Opened(page=page)
        page.on("console", lambda message: made.said.append(message.text))
        page.on("pageerror", lambda error: made.said.append(str(error)))
        page.on("request", lambda asked: made.asked.append(asked.url))
        page.goto(address)
        made.asked.remove(address)
        page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
        page.add_script_tag(path=HERE / "reader.js")
        yield made


@pytest.mark.parametrize(("scheme", "name"), [("light", "report"), ("dark", "report-dark")])
def test_its_first_screen_says_what_came_of_the_run(
    browser: Browser, folder: Path, keep: Callable[[Page, str], None], scheme: Literal["light", "dark"], name: str
) -> None:
    """Whoever opens it sees at once what it cost, whether all is gone, and who ran where."""
    with browser.new_context(viewport={"width": 1200, "height": 900}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto((folder / "recorded.html").as_uri())
        keep(page, name)

        for words in ("fashion-mnist", "Cost", "verified", "Who ran on which slice", "GPU 7"):
            expect(page.get_by_text(words).first).to_be_in_viewport()


def test_it_says_nothing_and_asks_nobody(opened: Opened) -> None:
    """No error on the console, and no request to anywhere: it can be read without a network, and tells nobody."""
    assert ([], []) == (opened.said, [each for each in opened.asked if not each.startswith("data:")])


@pytest.mark.parametrize("law", ["tooWide", "cut", "overlapping", "small", "faint"])
def test_it_can_be_read(opened: Opened, law: str) -> None:
    """Nothing is wider than the screen, cut off, on top of each other, tiny, or faint."""
    assert [] == opened.complaints(law)


def test_figures_can_be_seen(opened: Opened) -> None:
    """Curves, bars and swatches stand out from what is behind them."""
    assert [] == opened.complaints("pale", ".chart .line, .track i, .swatch:not(.idle)")


def test_every_figure_has_a_name(opened: Opened) -> None:
    """Whoever hears the page is told what each figure, table and section is, by the names that the browser computes."""
    session = opened.page.context.new_cdp_session(opened.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    shown = [node for node in nodes if not node["ignored"]]
    kinds = {"figure", "image", "img", "table", "region"}
    figures = [node for node in shown if node["role"]["value"] in kinds]

    assert figures
    assert [] == [node["role"]["value"] for node in figures if not node.get("name", {}).get("value")]


def test_axe_finds_nothing(opened: Opened) -> None:
    """The checks of axe-core, WCAG 2 and good practice, find no violation."""
    found = Axe().run(opened.page)

    assert 0 == found.violations_count, found.generate_report()


def test_the_keyboard_reaches_everything_that_opens(opened: Opened) -> None:
    """Tab comes to each thing that can be opened, in the page's order; one sees where it is, and Enter opens it."""
    page = opened.page
    summaries = page.locator("summary").filter(visible=True)
    reached, seen = [], []
    for _ in range(summaries.count()):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent"))
        seen.append(page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)"))

    assert summaries.all_text_contents() == reached
    assert min(seen) >= 2
    page.keyboard.press("Enter")  # the last is the request, word for word
    assert page.locator("pre").is_visible()
