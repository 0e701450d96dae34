"""A pod's status as its kubelet reports it. Pure: what is so is given, how it is written is decided here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rehearsal.api_server import Object, timestamp
from rehearsal.node.container import Container, Phase
from rehearsal.ports import LOOPBACK

OVER = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a kubelet says of a pod at one moment."""

    containers: Sequence[Container]
    since: float
    """When the kubelet first saw the pod, in Unix seconds."""
    phase: Phase
    reason: str = ""
    """Why the pod as a whole ended; empty: nothing but its containers ended it."""
    message: str = ""


def status(report: Report, before: Mapping[str, Object], *, address: str, now: float) -> Object:
    """
    The status as the API server is told it.

    Args:
        report: what is so.
        before: the conditions told last, by type: one that has not changed keeps its moment.
        address: the pod's own.
        now: Unix seconds.
    """
    told = [c.status() for c in report.containers]
    first = [s for s, c in zip(told, report.containers, strict=True) if c.init]
    others = [s for s, c in zip(told, report.containers, strict=True) if not c.init]
    return {
        "phase": report.phase,
        "conditions": [_dated(wanted, before, now) for wanted in _conditions(report)],
        "startTime": timestamp(report.since),
        "hostIP": LOOPBACK,
        "hostIPs": [{"ip": LOOPBACK}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "containerStatuses": others,
        **({"initContainerStatuses": first} if first else {}),
        **({"reason": report.reason, "message": report.message} if report.reason else {}),
    }


def since(pod: Object, now: float) -> float:
    """When a kubelet first saw the pod, in Unix seconds: now, if none has."""
    told = pod.get("status", {}).get("startTime")
    return datetime.fromisoformat(told).timestamp() if told else now


def disrupted(now: float) -> Object:
    """What PodGC adds to the status of a pod whose node is no more, so that a Job does not count it."""
    return {
        "phase": "Failed",
        "conditions": [
            {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "DeletionByPodGC",
                "message": "PodGC: node no longer exists",
                "lastTransitionTime": timestamp(now),
            }
        ],
    }


def _conditions(report: Report) -> list[Object]:
    initialized = all(c.ready for c in report.containers if c.init)
    unready = [c.name for c in report.containers if not c.init and not c.ready]
    if report.phase == "Succeeded":
        why = {"reason": "PodCompleted"}
    elif report.phase == "Failed":
        why = {"reason": "PodFailed"}
    else:
        why = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(unready)}]"}
    ready = not unready and report.phase == "Running"
    began = any(c.run for c in report.containers)
    ended = report.phase in OVER
    return [
        _condition("PodReadyToStartContainers", met=began and not ended, why={}),
        _condition("Initialized", met=initialized, why={"reason": "ContainersNotInitialized"}),
        _condition("Ready", met=ready, why=why),
        _condition("ContainersReady", met=ready, why=why),
        _condition("PodScheduled", met=True, why={}),
    ]


def _condition(kind: str, *, met: bool, why: Mapping[str, str]) -> Object:
    return {"type": kind, "status": "True"} if met else {"type": kind, "status": "False", **why}


def _dated(wanted: Object, before: Mapping[str, Object], now: float) -> Object:
    known = before.get(wanted["type"], {})
    same = known.get("status") == wanted["status"]
    moment = known["lastTransitionTime"] if same else timestamp(now)
    # A reason that is no more has to be taken back: the API server merges conditions.
    return {"reason": None, "message": None, **wanted, "lastTransitionTime": moment}
