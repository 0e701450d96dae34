"""
The digest: a run's report in a screen of Markdown, for Prefect's pages, with pictures and with links to all the rest.

How an address in S3 becomes a link that a browser can follow is known to whoever publishes it.
"""

from collections.abc import Callable

from mig.drawing import COLOURS
from mig.figures import accuracies, dollars, headline, losses, wall
from mig.picture import curve, slices
from mig.report import RunReport, WorkloadReport

Link = Callable[[str], str]
"""What a browser follows to an address in S3; empty: nothing does."""

MOST_FILES = 4
"""So many of a workload's files are named here: Prefect keeps the whole text in its database."""


def markdown(report: RunReport, link: Link = lambda _: "", *, page: str = "") -> str:
    """
    The digest.

    Args:
        report: of the run.
        link: to what workloads left.
        page: the address of the whole report.
    """
    mark = " *(simulated)*" if report.simulated else ""
    cost = f"**{dollars(report.cost.usd)}**{mark} for {report.cost.hours:.2f} h{mark} of nodes"
    whole = linked("The whole report", page, link)
    parts = (
        f"## {report.run_id}: {report.status}",
        report.why,
        f"{cost}, {wall(report)} on the wall.",
        "" if report.teardown.verified else f"**Still there: {', '.join(report.teardown.left) or 'not known'}**",
        _workloads(report, link),
        _slices(report, mark),
        *(_curves(order, each) for order, each in enumerate(report.workloads[:COLOURS])),
        f"{whole}: every phase, offer and slice, the request and what was simulated." if page else "",
    )
    return "\n\n".join(part for part in parts if part)


def linked(words: str, address: str, link: Link) -> str:
    """Words that lead to an address in S3, or name it where no browser can follow."""
    url = link(address) if address else ""
    return f"[{words}]({url})" if url else f"{words} (`{address}`)"


def _workloads(report: RunReport, link: Link) -> str:
    if not report.workloads:
        return ""
    rows = [
        f"| {w.name} | {w.kind} | {w.profile} | {len(w.pods)} | {w.status} | {headline(w)} "
        f"| {_cost(report, w)} | {_files(w, link)} |"
        for w in report.workloads
    ]
    heads = "| workload | kind | slice | pods | status | what came of it | cost | files |"
    return "\n".join([heads, "| --- | --- | --- | ---: | --- | --- | ---: | --- |", *rows])


def _cost(report: RunReport, workload: WorkloadReport) -> str:
    usd = report.cost.usd_by_workload.get(workload.name)
    return "" if usd is None else dollars(usd)


def _files(workload: WorkloadReport, link: Link) -> str:
    """Logs first, then the newest: a training leaves a model after each epoch."""
    in_order = sorted(workload.artifacts, key=lambda each: each.endswith(".log"))[::-1]
    left = [linked(each.rpartition("/")[2], each, link) for each in in_order]
    more = len(left) - MOST_FILES
    return ", ".join(left[:MOST_FILES]) + (f" and {more} more" if more > 0 else "")


def _slices(report: RunReport, mark: str) -> str:
    if not report.nodes:
        return ""
    return f"### Who ran on which slice{mark}\n\n![Who ran on which slice]({slices(report)})"


def _curves(order: int, workload: WorkloadReport) -> str:
    said = f"of {workload.name}"
    drawn = [
        f"![{title} {said}]({curve(title, points, order=order, percent=percent)})"
        for title, points, percent in (
            ("training loss by epoch", losses(workload), False),
            ("test accuracy by epoch", accuracies(workload), True),
        )
        if points
    ]
    return f"### {workload.name}\n\n{' '.join(drawn)}" if drawn else ""
