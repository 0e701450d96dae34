"""Prefect's pages as people use them: the form, a run to watch, its artifacts; in a real browser, on `mig serve`."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

Keep = Callable[[Page, str], None]
ROOT = Path(__file__).parents[2]
MIG = str(Path(sys.executable).parent / "mig")
WIDE = {"width": 1400, "height": 1000}

START_SECONDS = 180
"""For server, World, work pool, deployments and worker: about thirty on two free cores."""

RUN_SECONDS = 400
"""For one tiny run: about forty on two free cores."""

PAGE_SECONDS = 60
"""For a page to show what is looked for: about two on two free cores."""

END_SECONDS = 120
"""For `mig serve` to end in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clicked:
    """What a person has asked for, and where it can be seen."""

    page: Page
    address: str
    asked: list[str]
    """Addresses that the pages asked for."""
    deployment: str
    given: dict[str, Any]
    """The request that the form has made of what was filled in."""
    run: str
    """The flow run that came of it, which has ended."""
    refused: str
    """Another one, whose request nobody could carry out."""

    def open(self, run: str, *, tab: str = "Details") -> Page:
        """A run's page."""
        self.page.goto(f"{self.address}/v2/runs/flow-run/{run}?tab={tab}")
        return self.page

    def artifact(self, key: str) -> Page:
        """The page of the last of its artifacts of that key, by way of all that have the key."""
        self.open(self.run, tab="Artifacts").get_by_role("heading", name=key, exact=True).first.click()
        own = self.page.locator(f'a[href$="{self.run}"]')
        self.page.get_by_test_id(re.compile("^timeline-card-")).filter(has=own).first.get_by_role("link").first.click()
        self.page.wait_for_url("**/artifacts/artifact/*")
        return self.page


@pytest.fixture(scope="module")
def clicked(browser: Browser, keep: Keep, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clicked]:
    """Two runs that a person asks for by the form: one that is carried out, and one that nobody could carry out."""
    with served(tmp_path_factory.mktemp("home")) as address, browser.new_context(viewport=WIDE) as context:
        expect.set_options(timeout=PAGE_SECONDS * 1000)
        context.set_default_timeout(PAGE_SECONDS * 1000)
        page, asked = context.new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        made = _run_by_form(page, address, keep)
        refused = _refused_by_form(page, address, deployment=made["deployment_id"])
        page.goto(f"{address}/v2/runs/flow-run/{made['id']}")
        expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=RUN_SECONDS * 1000)
        given = made["parameters"]["spec"]
        yield Clicked(
            page=page,
            address=address,
            asked=asked,
            deployment=made["deployment_id"],
            given=given,
            run=made["id"],
            refused=refused,
        )


def _run_by_form(page: Page, address: str, keep: Keep) -> dict[str, Any]:
    """Ask for one tiny training, clicking from the first page on; the flow run that the server made of it."""
    page.goto(address)
    page.get_by_role("link", name="Deployments").click()
    page.get_by_role("link", name="rehearsal", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Custom run").click()
    labelled(page, "Name").fill("clicked")
    for _ in range(2):  # of the three workloads that the deployment has unasked
        row = page.get_by_role("button", name="Drag to reorder").last.locator("..")
        row.locator("> button").last.click()
        page.get_by_role("menuitem", name="Delete").click()
    chosen(page, "Model", "mlp")
    chosen(page, "Slice", "small")
    labelled(page, "Epochs (training)").fill("6")
    labelled(page, "Images (training)").fill("2000")
    page.evaluate("scrollTo(0, 0)")
    keep(page, "run-form")
    with page.expect_response(re.compile("create_flow_run$")) as answered:
        page.get_by_role("button", name="Submit").click()
    return dict(answered.value.json())


def _refused_by_form(page: Page, address: str, *, deployment: str) -> str:
    """Ask for what the deployment has unasked, with a budget that is too small; the flow run."""
    page.goto(f"{address}/v2/deployments/deployment/{deployment}/run")
    labelled(page, "Budget, US dollars").fill("1")
    with page.expect_response(re.compile("create_flow_run$")) as answered:
        page.get_by_role("button", name="Submit").click()
    return str(answered.value.json()["id"])


def labelled(page: Page, title: str) -> Any:
    """The first field of that title: the form calls each optional that has a default."""
    return page.get_by_label(f"{title} (Optional)", exact=True).first


def chosen(page: Page, title: str, value: str) -> None:
    """Choose one of many."""
    page.get_by_role("button", name=f"Select {title}", exact=True).first.click()
    page.get_by_role("option", name=value, exact=True).click()


def test_the_form_asks_for_what_was_filled_in(clicked: Clicked) -> None:
    """The request is what the person typed and chose, and otherwise what the deployment has."""
    (workload,) = clicked.given["workloads"]

    assert ("clicked", "large", "mlp", "small", 2000) == (
        clicked.given["name"],
        *(workload[name] for name in ("name", "model", "slice", "train_images")),
    )
    assert ["spot", "on-demand"] == clicked.given["capacity"]["markets"]


def test_what_the_form_lets_through_is_refused_in_one_sentence(clicked: Clicked) -> None:
    """A budget that is too small is a run in that state, with the sentence on its page."""
    page = clicked.open(clicked.refused)

    expect(page.get_by_text("Refused", exact=True).first).to_be_visible()
    expect(page.get_by_text("max_usd: 1 is less than the plan may cost").first).to_be_visible()


def test_the_older_pages_have_the_whole_form_too(clicked: Clicked) -> None:
    """Prefect's older pages show each field by its title, none of it as JSON alone."""
    clicked.page.goto(f"{clicked.address}/deployments/deployment/{clicked.deployment}/run")
    labels = clicked.page.locator("label")

    for title in ("Budget, US dollars", "Images (training)", "Markets", "Time scale", "Raise missing parts"):
        expect(labels.filter(has_text=title).first).to_be_visible()


@pytest.mark.parametrize(
    "key", ["plan", "node-groups", "nodes", "workload-large", "files-large", "run-slices", "report", "report-page"]
)
def test_a_run_shows_what_it_does_and_did(clicked: Clicked, key: str) -> None:
    """What it set out to do, a bar for each thing that is waited for, what was left, and what came of it."""
    page = clicked.open(clicked.run, tab="Artifacts")

    expect(page.get_by_text(key, exact=True).first).to_be_visible()


def test_the_report_is_in_pictures_and_leads_to_the_rest(clicked: Clicked, keep: Keep) -> None:
    """Dollars, what ran where and how it went, drawn; the whole page and the whole log of a pod are a click away."""
    page = clicked.artifact("report")
    drawn = page.get_by_role("img", name=re.compile("Who ran on which slice|test accuracy by epoch of large"))
    expect(drawn).to_have_count(2)
    keep(page, "report-artifact")

    assert all(width > 0 for width in drawn.evaluate_all("all => all.map(each => each.naturalWidth)"))
    expect(page.get_by_text("for 0.").first).to_contain_text(re.compile(r"\$\d+\.\d\d"))
    log = page.get_by_role("link", name=re.compile(r"^large-0-\w+\.log$"))
    assert '"type": "result"' in page.request.get(str(log.get_attribute("href"))).text().replace('":"', '": "')
    page.get_by_role("link", name="The whole report").click()
    expect(page).to_have_title("clicked · succeeded")


def test_the_price_is_said_before_anything_is_asked_for(clicked: Clicked) -> None:
    """The first artifact is the plan, as people read it."""
    expect(clicked.artifact("plan").get_by_text("$21.96 an hour").first).to_be_visible()


def test_each_slice_is_a_row(clicked: Clicked) -> None:
    """The table of slices has the pod's own first, with how it ended."""
    page = clicked.artifact("run-slices")

    expect(page.get_by_role("row").nth(1)).to_contain_text(re.compile(r"1g\.5gb.*large-0-.*finished"))


def test_a_run_can_be_watched(clicked: Clicked, keep: Keep) -> None:
    """Its page shows each stage as a task by its name, and each workload as one of its own."""
    page = clicked.open(clicked.run, tab="TaskRuns")

    for name in ("find capacity", "wait for the slices", "train large on small", "tear the nodes down"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    keep(page, "run")


def test_nobody_is_told(clicked: Clicked) -> None:
    """The pages ask this machine alone, but for the settings of a telemetry that is off (docs/prefect.md)."""
    asked = {urlsplit(each).hostname for each in clicked.asked if each.startswith("http")}

    assert {"127.0.0.1"} <= asked <= {"127.0.0.1", "sr-client-cfg.amplitude.com"}


@contextmanager
def served(home: Path) -> Iterator[str]:
    """`mig serve` with a home of its own, by the address that its last line names; the user's own Prefect is let be."""
    environment = {k: v for k, v in os.environ.items() if k not in {"PREFECT_API_URL", "MIG_WORLD"}}
    environment |= {"XDG_DATA_HOME": str(home), "PREFECT_HOME": str(home / "nobodys")}
    with (
        (home / "said").open("w") as said,
        subprocess.Popen(
            [MIG, "serve", "--port", "0"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, (home / "said").read_text(encoding="utf-8")
            yield address
            os.killpg(process.pid, signal.SIGINT)
            assert 0 == process.wait(END_SECONDS), (home / "said").read_text(encoding="utf-8")
        finally:
            process.kill()
