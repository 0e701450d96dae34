"""Promises of the report on Prefect's pages."""

import base64
import re
from xml.etree import ElementTree as ET

import pytest

from mig.digest import MOST_FILES, markdown
from mig.report import RunReport, TeardownReport


def linked(address: str) -> str:
    """A link that a browser follows to an address in S3."""
    return address.replace("s3://", "http://s3.test/")


def pictures(said: str) -> dict[str, ET.Element]:
    """The pictures, by what is said of them to whoever cannot see them."""
    found = re.findall(r"!\[([^]]+)\]\(data:image/svg\+xml;base64,([^)]+)\)", said)
    return {name: ET.fromstring(base64.b64decode(data)) for name, data in found}  # noqa: S314 (our own)


def test_it_says_what_came_of_the_run(report: RunReport) -> None:
    """Status, dollars, time, and a line for each workload; what was simulated is marked."""
    said = markdown(report)

    assert said.startswith("## told-1: succeeded")
    assert "**$12.14** *(simulated)* for 0.55 h *(simulated)* of nodes, 20 s on the wall." in said
    assert "| medium | train | 2g.10gb | 1 | succeeded | 78.1% accuracy · 20,480 images | $7.89 |" in said


def test_it_leads_to_what_the_workloads_left(report: RunReport) -> None:
    """The whole log, the model and the whole report are a click away, where a browser can follow."""
    said = markdown(report, linked, page="s3://b/runs/told-1/report.html")

    assert "[medium-0-a.log](http://s3.test/b/runs/told-1/logs/medium-0-a.log), [model-1.pt](" in said
    assert "[The whole report](http://s3.test/b/runs/told-1/report.html)" in said


def test_where_no_browser_can_follow_the_address_is_named(report: RunReport) -> None:
    """An address is worth something in a shell, too."""
    assert "model-1.pt (`s3://b/runs/told-1/model-1.pt`)" in markdown(report)


def test_many_files_are_counted(report: RunReport) -> None:
    """A training of a hundred epochs leaves a hundred models: its log and the newest are what one looks for."""
    models = tuple(f"s3://b/model-{at}.pt" for at in range(MOST_FILES + 2))
    many = report.workloads[0].model_copy(update={"artifacts": ("s3://b/logs/medium.log", *models)})
    said = markdown(report.model_copy(update={"workloads": (many,)}), linked)

    assert "[medium.log](" in said
    assert f", [model-{MOST_FILES + 1}.pt]" in said
    assert " and 3 more" in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Who ran on which slice", {"GPU 0", "medium", "2g.10gb · idle"}),
        ("training loss by epoch of medium", {"training loss by epoch", "0.9"}),
        ("test accuracy by epoch of medium", {"test accuracy by epoch", "78.1 %"}),
    ],
)
def test_pictures_are_whole(report: RunReport, name: str, words: set[str]) -> None:
    """Each is an SVG of its own with its style within, and asks nobody for anything."""
    drawn = pictures(markdown(report))[name]
    texts = {each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")}

    assert words <= texts
    assert "url(" not in ET.tostring(drawn, encoding="unicode")


def test_a_run_without_nodes_has_no_pictures(report: RunReport) -> None:
    """What never was is not drawn, and why it ended is said first."""
    said = markdown(
        report.model_copy(update={"nodes": (), "workloads": (), "status": "no_capacity", "why": "sold out"})
    )

    assert {} == pictures(said)
    assert said.startswith("## told-1: no_capacity\n\nsold out")


def test_what_is_left_is_named(report: RunReport) -> None:
    """What may still be billed stands above everything that went well."""
    left = report.model_copy(update={"teardown": TeardownReport(verified=False, left=("i-0abc",))})

    assert "**Still there: i-0abc**" in markdown(left)
