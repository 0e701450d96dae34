"""
The report as a page: one self-contained HTML file, and a short form of it in Markdown for Prefect's pages.

It knows the report and nothing else. Every number that was simulated carries a mark beside it.
"""

import json
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files
from xml.etree.ElementTree import Element

from mig.drawing import chart, colour, duration, gpus, matrix, sim, time_line
from mig.markup import Child, document, table, tag
from mig.report import RunReport, WorkloadReport
from training.contract import CLASSES

CSS = (files("mig") / "page.css").read_text(encoding="utf-8")

OPEN_NODES = 2
"""So many nodes are drawn in full; further ones are folded away."""

_ENDINGS = {"no_capacity": "found no capacity", "refused": "was refused", "cancelled": "was cancelled"}

_SHOWN = {
    "accuracy": "{:.1%} accuracy",
    "loss": "loss {:.3f}",
    "images": "{:,} images",
    "images_per_second": "{:,.0f} images/s",
    "p50_ms": "p50 {:.1f} ms",
    "p99_ms": "p99 {:.1f} ms",
    "device": "on {}",
}
"""What a pod's `result` line says that people ask first."""


def render(report: RunReport) -> str:
    """The page."""
    sections = (
        _slices(report),
        _training(report),
        _workloads(report),
        _phases(report),
        _offers(report),
        _cost(report),
        _teardown(report),
        _provenance(report),
    )
    title = f"{report.spec.get('name', report.run_id)} · {report.status}"
    return document(
        tag(
            "html",
            tag(
                "head",
                tag("meta", charset="utf-8"),
                tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
                tag("title", title),
                tag("style", CSS),
            ),
            tag("body", tag("main", _header(report), *sections)),
            lang="en",
        )
    )


def markdown(report: RunReport) -> str:
    """The report in a screen of Markdown."""
    mark = " *(simulated)*" if report.simulated else ""
    rows = [
        f"| {w.name} | {w.kind} | {w.profile} | {len(w.pods)} | {w.status} | {_headline(w)} |" for w in report.workloads
    ]
    table = ["| workload | kind | slice | pods | status | |", "| --- | --- | --- | ---: | --- | --- |", *rows]
    lines = (
        f"## {report.run_id}: {report.status}",
        report.why,
        f"{_dollars(report.cost.usd)}{mark} for {report.cost.hours:.2f} h{mark} of nodes, {_wall(report)} on the wall.",
        "\n".join(table) if rows else "",
        "" if report.teardown.verified else f"**Still there: {', '.join(report.teardown.left) or 'not known'}**",
    )
    return "\n\n".join(line for line in lines if line)


def _header(report: RunReport) -> Element:
    name = str(report.spec.get("name", report.run_id))
    ending = _ENDINGS.get(report.status, report.status)
    first = report.phases[0].started if report.phases else ""
    return tag(
        "header",
        tag("div", f"mig-pipeline · run {report.run_id} · {report.target} · {first}", class_="eyebrow"),
        tag("h1", f"{name} ", tag("span", ending, class_=report.status)),
        tag("div", report.why, class_="why") if report.why else None,
        _facts(report),
    )


def _facts(report: RunReport) -> Element:
    used = sum(bool(pod.device) for workload in report.workloads for pod in workload.pods)
    offered = sum(len(node.devices) for node in report.nodes)
    done = sum(workload.status == "succeeded" for workload in report.workloads)
    asked = len(report.spec.get("workloads", ()))
    nodes = ", ".join(f"{n} × {kind}" for kind, n in Counter(node.instance_type for node in report.nodes).items())
    return tag(
        "dl",
        _fact("Cost", _dollars(report.cost.usd), _marked(report), "for the nodes"),
        _fact("Wall time", _wall(report), None, "from plan to teardown"),
        _fact("Workloads", f"{done} of {asked}", None, "succeeded"),
        _fact("Slices used", f"{used} of {offered}", _marked(report), nodes) if report.nodes else None,
        _fact("Teardown", "verified" if report.teardown.verified else "NOT verified", None, _left(report)),
        class_="facts",
    )


def _fact(name: str, value: str, mark: Child, beside: str) -> Element:
    return tag("div", tag("dt", name), tag("dd", value, mark, tag("small", beside)))


def _slices(report: RunReport) -> Child:
    if not report.nodes:
        return None
    legend = [
        tag(
            "li",
            tag("i", class_="swatch", style=colour(order)),
            f"{each.name} ",
            tag("code", each.profile, class_="soft"),
        )
        for order, each in enumerate(report.workloads)
    ]
    return _section(
        "Who ran on which slice",
        _marked(report),
        tag("ul", *legend, tag("li", tag("i", class_="swatch idle"), "idle"), class_="legend"),
        *(_node(report, order) for order in range(len(report.nodes))),
    )


def _node(report: RunReport, order: int) -> Element:
    node = report.nodes[order]
    said = f"{node.name} · {node.instance_type} · {node.capacity} {node.zone} · {node.gpu} · {node.config_name}"
    return tag(
        "details",
        tag("summary", said, _marked(report), class_="small soft"),
        gpus(node, report.workloads),
        **({"open": ""} if order < OPEN_NODES else {}),
    )


def _training(report: RunReport) -> Child:
    models = {asked["name"]: asked.get("model", "") for asked in report.spec.get("workloads", ())}
    cards = [
        _card(order, each, models.get(each.name, ""), charts)
        for order, each in enumerate(report.workloads)
        if (charts := _charts(each))
    ]
    return _section("How the training went", None, tag("div", *cards, class_="cards")) if cards else None


def _card(order: int, workload: WorkloadReport, model: str, charts: Iterable[Element]) -> Element:
    beside = tag("span", f"{model} on {workload.profile}".strip(), class_="soft small")
    return tag("figure", tag("h3", f"{workload.name} ", beside), *charts, class_="card", style=colour(order))


def _charts(workload: WorkloadReport) -> list[Element]:
    """Loss while training, by parts of an epoch; accuracy on the test images by epoch, and in the end by class."""
    steps = [at for at in workload.steps if "train_loss" in at]
    loss = [(at["epoch"] - 1 + at["step"] / at["steps"], at["train_loss"]) for at in steps]
    accuracy = [(at["epoch"], at["accuracy"]) for at in workload.curve]
    confusion = workload.metrics.get("confusion")
    return [
        *([chart("training loss by epoch", loss)] if loss else []),
        *([chart("test accuracy by epoch", accuracy, percent=True)] if accuracy else []),
        *([matrix(confusion, CLASSES)] if confusion else []),
    ]


def _workloads(report: RunReport) -> Child:
    if not report.workloads:
        return None
    rows = [
        (
            tag("td", tag("i", class_="swatch", style=colour(order)), each.name),
            tag("td", each.kind),
            tag("td", tag("code", each.profile)),
            tag("td", tag("span", each.status, class_=each.status)),
            tag("td", str(len(each.pods)), class_="num"),
            tag("td", each.why or _headline(each), _files(each), class_="text"),
        )
        for order, each in enumerate(report.workloads)
    ]
    heads = ("workload", "kind", "slice", "status", "pods", "what came of it")
    return _section("Workloads", None, table(heads, rows, numbers=(4,)))


def _files(workload: WorkloadReport) -> Child:
    if not workload.artifacts:
        return None
    items = [tag("li", tag("code", address)) for address in workload.artifacts]
    return tag(
        "details",
        tag("summary", "files" if len(items) > 1 else "a file", class_="small soft"),
        tag("ul", *items, class_="plain small"),
    )


def _phases(report: RunReport) -> Child:
    if not report.phases:
        return None
    return _section("Where the time went", None, time_line(report.phases))


def _offers(report: RunReport) -> Child:
    rows = [
        (
            tag("td", offer.rung),
            tag("td", tag("span", offer.outcome, class_="succeeded" if offer.outcome == "held" else "failed")),
            tag("td", duration(offer.seconds), _marked(report), class_="num"),
            tag("td", tag("code", offer.code) if offer.code else None, f" {offer.reason}", class_="text"),
        )
        for offer in report.offers
    ]
    heads = ("offer", "answer", "after", "reason")
    return _section("What was asked of AWS", None, table(heads, rows, numbers=(2,))) if rows else None


def _cost(report: RunReport) -> Child:
    cost = report.cost
    rows = [
        (tag("td", name), tag("td", _dollars(usd), _marked(report), class_="num"))
        for name, usd in cost.usd_by_workload.items()
    ]
    total = (tag("td", "the nodes"), tag("td", _dollars(cost.usd), _marked(report), class_="num"))
    source = f"{cost.hours:.2f} h of nodes"
    return _section(
        "What it cost",
        None,
        tag("div", table(("workload", "USD"), rows, numbers=(1,), foot=total), class_="narrow"),
        tag("p", source, _marked(report), f" · {cost.rate_source}" if cost.rate_source else "", class_="small soft"),
        tag(
            "p", "Who used the nodes pays for their idle parts, too: by compute slices × seconds.", class_="small soft"
        ),
    )


def _teardown(report: RunReport) -> Element:
    left = [tag("li", tag("code", name)) for name in report.teardown.left]
    said = "AWS and Kubernetes were asked what is left: nothing."
    if not report.teardown.verified:
        said = "It could not be verified that everything is gone. What is named here may still be billed:"
    return _section("Teardown", None, tag("p", said), tag("ul", *left, class_="plain") if left else None)


def _provenance(report: RunReport) -> Element:
    """What was simulated, and the request, word for word."""
    sentences = [tag("li", sentence) for sentence in report.simulated]
    request = json.dumps(report.spec, indent=2)
    return _section(
        "What was simulated" if sentences else "The request",
        None,
        tag("p", "Every number that comes from it carries the mark", sim(), " beside it.") if sentences else None,
        tag("ul", *sentences, class_="plain") if sentences else None,
        tag("details", tag("summary", "The request, word for word"), tag("pre", request)),
    )


def _section(title: str, mark: Child, *children: Child) -> Element:
    return tag("section", tag("h2", title, mark), *children)


def _marked(report: RunReport) -> Child:
    return sim() if report.simulated else None


def _wall(report: RunReport) -> str:
    return duration(sum(phase.seconds for phase in report.phases))


def _dollars(usd: float | None) -> str:
    return "unknown" if usd is None else f"${usd:,.2f}"


def _left(report: RunReport) -> str:
    if report.teardown.verified:
        return "nothing is left"
    return f"{len(report.teardown.left) or 'unknown'} things may still be billed"


def _headline(workload: WorkloadReport) -> str:
    """A workload's numbers on one line."""
    numbers = (form.format(workload.metrics[k]) for k, form in _SHOWN.items() if workload.metrics.get(k) is not None)
    return " · ".join(numbers)
