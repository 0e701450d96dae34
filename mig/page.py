"""
The report as a page: one self-contained HTML file for any screen, in light and dark, with keyboard and screen reader.

It knows the report and nothing else. Every number that was simulated carries a mark beside it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from xml.etree.ElementTree import Element

from mig.chart import chart, matrix
from mig.drawing import caption, colour, gpus, sim, users
from mig.figures import accuracies, dollars, headline, losses, wall
from mig.look import ICON, PAGE
from mig.markup import Child, document, table, tag
from mig.report import NodeReport, RunReport, WorkloadReport
from mig.timeline import duration, time_line
from training.contract import CLASSES

OPEN_NODES = 2
"""So many nodes are drawn in full; further ones are folded away."""

_ENDINGS = {"no_capacity": "found no capacity", "refused": "was refused", "cancelled": "was cancelled"}


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
                tag("link", rel="icon", href=ICON),
                tag("style", PAGE),
            ),
            tag("body", tag("main", _header(report), *sections)),
            lang="en",
        )
    )


def _header(report: RunReport) -> Element:
    name = str(report.spec.get("name", report.run_id))
    ending = _ENDINGS.get(report.status, report.status)
    begun = [datetime.fromisoformat(phase.started).strftime("%Y-%m-%d %H:%M UTC") for phase in report.phases[:1]]
    return tag(
        "header",
        tag("div", " · ".join(("mig-pipeline", f"run {report.run_id}", report.target, *begun)), class_="eyebrow"),
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
        _fact("Cost", dollars(report.cost.usd), _marked(report), _budget(report)),
        _fact("Wall time", wall(report), None, "from plan to teardown"),
        _fact("Workloads", f"{done} of {asked}", None, "succeeded"),
        _fact("Slices used", f"{used} of {offered}", _marked(report), nodes) if report.nodes else None,
        _fact("Teardown", "verified" if report.teardown.verified else "NOT verified", None, _left(report)),
        class_="facts",
    )


def _budget(report: RunReport) -> str:
    most = report.spec.get("max_usd")
    return f"of at most {dollars(most)}" if most else "for the nodes"


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
    return tag(
        "details",
        tag("summary", caption(node), _marked(report), class_="small soft"),
        gpus(node, report.workloads),
        _users(node, report.workloads),
        **({"open": ""} if order < OPEN_NODES else {}),
    )


def _users(node: NodeReport, workloads: Sequence[WorkloadReport]) -> Child:
    """The same as the drawing, in words: each slice that was used, by the names that the driver and NVML give it."""
    devices = {device.name: device for device in node.devices}
    rows = [
        (
            tag("td", tag("i", class_="swatch", style=colour(order)), name),
            tag("td", tag("code", devices[device].profile)),
            tag("td", tag("code", device)),
            tag("td", tag("code", devices[device].parent_uuid), class_="text"),
        )
        for device, (order, name) in users(node, workloads).items()
        if device in devices
    ]
    if not rows:
        return None
    made = table(f"Slices used on {node.name}", ("pod", "slice", "device", "GPU"), rows, numbers=())
    return tag("details", tag("summary", "the same as a table", class_="small soft"), made)


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
    said = f"How the training of {workload.name} went"
    head = tag("h3", f"{workload.name} ", beside)
    return tag("figure", head, *charts, class_="card", style=colour(order), aria_label=said)


def _charts(workload: WorkloadReport) -> list[Element]:
    """Loss while training, by parts of an epoch; accuracy on the test images by epoch, and in the end by class."""
    loss, accuracy, confusion = losses(workload), accuracies(workload), workload.metrics.get("confusion")
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
            tag("td", each.why or headline(each), _files(each), class_="text"),
        )
        for order, each in enumerate(report.workloads)
    ]
    heads = ("workload", "kind", "slice", "status", "pods", "what came of it")
    return _section("Workloads", None, table("Workloads", heads, rows, numbers=(4,)))


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
    return _section("Where the time went", None, time_line(report.phases, report.workloads))


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
    return _section("What was asked of AWS", None, table("Offers", heads, rows, numbers=(2,))) if rows else None


def _cost(report: RunReport) -> Child:
    cost = report.cost
    orders = {each.name: order for order, each in enumerate(report.workloads)}
    rows = [
        (
            tag("td", name),
            tag("td", _share(usd / cost.usd, orders[name]) if cost.usd and name in orders else None, class_="share"),
            tag("td", dollars(usd), _marked(report), class_="num"),
        )
        for name, usd in cost.usd_by_workload.items()
    ]
    total = (tag("td", "the nodes"), tag("td"), tag("td", dollars(cost.usd), _marked(report), class_="num"))
    source = f"{cost.hours:.2f} h of nodes"
    return _section(
        "What it cost",
        None,
        tag("div", table("Cost", ("workload", "share", "USD"), rows, numbers=(2,), foot=total), class_="narrow"),
        tag("p", source, _marked(report), f" · {cost.rate_source}" if cost.rate_source else "", class_="small soft"),
        tag(
            "p", "Who used the nodes pays for their idle parts, too: by compute slices × seconds.", class_="small soft"
        ),
    )


def _share(part: float, order: int) -> Element:
    bar = tag("i", style=f"width: {part:.1%}; left: 0")
    return tag("div", bar, class_="track", style=colour(order), role="img", aria_label=f"{part:.0%}")


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
    name = "-".join(title.lower().split())
    return tag("section", tag("h2", title, mark, id=name), *children, aria_labelledby=name)


def _marked(report: RunReport) -> Child:
    return sim() if report.simulated else None


def _left(report: RunReport) -> str:
    if report.teardown.verified:
        return "nothing is left"
    return f"{len(report.teardown.left) or 'unknown'} things may still be billed"
