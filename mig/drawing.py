"""The drawing of a node: its GPUs, how each is cut, and who ran on which slice."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from xml.etree.ElementTree import Element

from mig.markup import tag
from mig.report import DeviceReport, NodeReport, PodReport, WorkloadReport

COLOURS = 8
"""How many workloads have a colour of their own (palette.css); the ninth shares the first's."""


def colour(order: int) -> str:
    """The style of what belongs to one workload, by its place in the request."""
    return f"--c: var(--c{order % COLOURS})"


def pod_name(workload: WorkloadReport, pod: PodReport) -> str:
    """What people call a pod: its workload, and which of its pods where there are several."""
    return f"{workload.name} {pod.index}" if len(workload.pods) > 1 else workload.name


def users(node: NodeReport, workloads: Sequence[WorkloadReport]) -> dict[str, tuple[int, str]]:
    """Who had each device of a node that was used: the place of its workload in the request, and the pod's name."""
    return {
        pod.device: (order, pod_name(workload, pod))
        for order, workload in enumerate(workloads)
        for pod in workload.pods
        if pod.node == node.name and pod.device
    }


def by_gpu(node: NodeReport) -> list[tuple[str, str, tuple[DeviceReport, ...]]]:
    """A node's devices, by name and UUID of their GPU; the driver names a device after its GPU: `gpu-5-mig-…`."""
    found = groupby(sorted(node.devices, key=lambda d: d.parent_uuid), key=lambda d: d.parent_uuid)
    named = [(devices[0].name.partition("-mig-")[0], uuid, devices) for uuid, each in found if (devices := tuple(each))]
    in_order = sorted(named, key=lambda gpu: (len(gpu[0]), gpu[0]))
    return [(name.replace("gpu-", "GPU "), uuid, devices) for name, uuid, devices in in_order]


def caption(node: NodeReport) -> str:
    """What a node is, in a line."""
    return f"{node.name} · {node.instance_type} · {node.capacity} {node.zone} · {node.gpu} · {node.config_name}"


def gpus(node: NodeReport, workloads: Sequence[WorkloadReport]) -> Element:
    """A node's GPUs, each a column of its memory slices, with the pod that ran on each MIG device."""
    used = users(node, workloads)
    said = f"{node.name}: {len(used)} of {len(node.devices)} slices used"
    return tag(
        "figure",
        *(_gpu(name, uuid, devices, node, used) for name, uuid, devices in by_gpu(node)),
        class_="gpus",
        aria_label=said,
    )


def sim() -> Element:
    """The mark beside a number that was simulated."""
    return tag("abbr", "sim", class_="sim", title="simulated, not measured")


def _gpu(
    name: str,
    uuid: str,
    devices: Sequence[DeviceReport],
    node: NodeReport,
    users: Mapping[str, tuple[int, str]],
) -> Element:
    placed = sorted(devices, key=lambda d: d.memory_slices or (node.memory_slices,))
    rows = f"grid-template-rows: repeat({node.memory_slices}, minmax(1.6rem, auto))"
    return tag(
        "div",
        tag("div", tag("b", name), tag("code", uuid[-6:], title=uuid), class_="gpu-name"),
        tag("div", *(_slice(device, users.get(device.name)) for device in placed), class_="slices", style=rows),
    )


def _slice(device: DeviceReport, user: tuple[int, str] | None) -> Element:
    covered = device.memory_slices
    where = f"grid-row: {covered[0] + 1} / span {len(covered)}" if covered else ""
    if user is None:
        idle = tag("span", f"{device.profile} · idle")
        return tag("div", idle, class_="slice idle", style=where, title=f"{device.name}: idle")
    order, name = user
    kind = "slice used" if len(covered) > 1 else "slice used row"
    style = "; ".join(part for part in (where, colour(order)) if part)
    said = (tag("span", tag("b", name)), tag("span", device.profile, class_="soft"))
    return tag("div", *said, class_=kind, style=style, title=f"{device.name}: {name}")
