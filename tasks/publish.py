"""Write down what a run sets out to do and what came of it: in S3, on this disk, and on Prefect's pages."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from prefect import task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from mig import allotment
from mig.census import Census, holdings, table
from mig.digest import linked, markdown
from mig.ladder import rank
from mig.outcome import Result
from mig.page import render
from mig.plan import Plan
from mig.proposal import markdown as proposal
from mig.readiness import ReadySlices
from mig.report import RunReport
from mig.spec import RunSpec, Workload
from tasks.aws import call
from tasks.connect import Site, link
from tasks.progress import say

MOST_FILES = 100
"""So many files of a workload are linked one by one: the text lives in Prefect's database."""

RUNS = Path("runs")
"""Beneath the folder a run was started in: each run's own folder with its record and its report."""


def record(site: Site, run_id: str) -> None:
    """Leave on this disk where a run takes place, so that a teardown started later finds it."""
    folder = RUNS / run_id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.json").write_text(json.dumps(asdict(site), indent=2), encoding="utf-8")


def recorded(run_id: str) -> Site | None:
    """Where a run took place, by the record it left; None: it left none here."""
    try:
        said = json.loads((RUNS / run_id / "site.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Site(**{**said, "simulated": tuple(said["simulated"])})


def report_path(run_id: str) -> Path:
    """Where a run's report lies on this disk."""
    return (RUNS / run_id / "report.json").resolve()


def publish_plan(spec: RunSpec, plan: Plan) -> None:
    """What the run is about to do, as the first artifact of its flow run."""
    page = proposal(spec, plan, rank(plan, spec))
    create_markdown_artifact(page, key="plan", description=f"Request and plan of {plan.run_id}")


def publish_slices(ready: ReadySlices, results: Iterable[Result] = ()) -> None:
    """The run's slices as a table: as they were cut, and again when it is known who had them."""
    create_table_artifact(allotment.table(ready, results), key="run-slices", description="The run's slices, and whose")


def publish_tries(page: str) -> None:
    """Where the tries before and after this run are."""
    create_markdown_artifact(page, key="tries", description="The tries of this request")


@task(name="publish the report", task_run_name="publish the report", cache_policy=NO_CACHE)
def publish(site: Site, report: RunReport) -> Path:
    """The report as JSON and as a page, in S3 and on disk, and as artifacts of the flow run; returns its path here."""
    folder = RUNS / report.run_id
    folder.mkdir(parents=True, exist_ok=True)
    written = {"report.json": report.to_json(), "report.html": render(report)}
    kinds = {"report.json": "application/json", "report.html": "text/html; charset=utf-8"}
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
        key = f"runs/{report.run_id}/{name}"
        call(site, "s3", "put_object", Bucket=site.bucket, Key=key, Body=text.encode(), ContentType=kinds[name])
    page = f"s3://{site.bucket}/runs/{report.run_id}/report.html"
    to = partial(link, site)
    create_markdown_artifact(markdown(report, to, page=page), key="report", description=f"Report of {report.run_id}")
    create_link_artifact(link=to(page), link_text=page, key="report-page", description="The whole report, as a page")
    path = report_path(report.run_id)
    say(f"report: {path}")
    return path


def publish_files(site: Site, workload: Workload, addresses: Sequence[str]) -> None:
    """What a workload left in S3, its pods' whole logs first, as an artifact of its task."""
    ordered = sorted(addresses, key=lambda each: not each.endswith(".log"))
    lines = [f"- {linked(each.rpartition('/')[2], each, partial(link, site))}" for each in ordered[:MOST_FILES]]
    more = [f"- and {len(ordered) - MOST_FILES} more"] if len(ordered) > MOST_FILES else []
    page = "\n".join((f"What {workload.name} left:\n", *lines, *more))
    create_markdown_artifact(page, key=f"files-{workload.name}", description=f"Whole logs and files of {workload.name}")


def publish_census(census: Census, *, by_node: bool) -> None:
    """The slices of a cluster as two tables on Prefect's pages: what there is, and who has it."""
    create_table_artifact(table(census, by_node=by_node), key="slices", description="Slices: what there is")
    create_table_artifact(holdings(census), key="slices-held", description="Slices: who has them")
