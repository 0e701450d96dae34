"""The allotment: each slice of a run's nodes, and the pod that had it, as a table for people."""

from collections.abc import Iterable

from mig.census import Row
from mig.outcome import PodResult, Result
from mig.readiness import ReadySlices


def table(ready: ReadySlices, results: Iterable[Result] = ()) -> list[Row]:
    """A row for each slice, used ones first; without results no pod has begun yet."""
    had: dict[tuple[str, str], list[PodResult]] = {}
    for pod in (pod for result in results for pod in result.pods):
        had.setdefault((pod.node, pod.device), []).append(pod)
    rows: list[Row] = []
    for device in sorted(ready.devices, key=lambda each: (each.node, each.parent_uuid, each.name)):
        pods = had.get((device.node, device.name), [])
        rows.append(
            {
                "profile": device.profile,
                "slice": device.name,
                "pod": ", ".join(pod.name for pod in pods),
                "state": ", ".join(map(_state, pods)) or "free",
                "node": device.node,
                "GPU": device.parent_uuid,
            }
        )
    return sorted(rows, key=lambda row: row["pod"] == "")


def _state(pod: PodResult) -> str:
    return {0: "finished", None: "lost"}.get(pod.exit_code, f"exit {pod.exit_code}")
