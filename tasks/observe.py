"""What is: nodes, slices, Jobs, pods and claims as the API server knows them, turned into values."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from threading import Lock
from typing import Any

from kubernetes.client import ApiClient

from mig import labels
from mig.census import ClaimSeen
from mig.job import MAIN, PREPARING
from mig.outcome import JobSeen, PodSeen
from mig.readiness import DeviceSeen, NodeSeen
from mig.release import Release
from tasks import kube
from tasks.connect import Site, kubernetes

SLICES = "/apis/resource.k8s.io/v1/resourceslices"
CLAIMS = "/apis/resource.k8s.io/v1/resourceclaims"
CLASSES = "/apis/resource.k8s.io/v1/deviceclasses"
SLICE = "memorySlice"
NVIDIA = "nvidia.com/"
FRESH = 1.0
"""Wall seconds for which one look at a namespace serves everybody who asks."""

_LOOKING = Lock()
"""Who asks while somebody looks waits for what that one sees: workloads that begin together ask together."""

Object = Mapping[str, Any]


def nodes(site: Site, run_id: str, release: Release) -> tuple[NodeSeen, ...]:
    """Every node of the run, with what its labels, its slices and the pods of NVIDIA's side say."""
    client = kubernetes(site)
    found = kube.items(client, "/api/v1/nodes", labelSelector=f"{labels.RUN}={run_id}")
    slices = _by(kube.items(client, SLICES, fieldSelector=f"spec.driver={labels.DRIVER}"), _pool)
    plugins = _by(_plugin_pods(client, release), _node_of)
    managers = _by(_manager_pods(client), _node_of)
    return tuple(
        _node(node, slices[name], plugins[name], managers[name])
        for node in sorted(found, key=_name)
        if (name := _name(node))
    )


def devices(site: Site) -> dict[str, tuple[DeviceSeen, ...]]:
    """Every device that the driver publishes, by pool; of a pool that is being renewed only its newest generation."""
    pools = _by(kube.items(kubernetes(site), SLICES, fieldSelector=f"spec.driver={labels.DRIVER}"), _pool)
    newest = {pool: max(map(_generation, slices)) for pool, slices in pools.items()}
    return {
        pool: tuple(_device(d) for s in slices if _generation(s) == newest[pool] for d in s["spec"].get("devices", ()))
        for pool, slices in pools.items()
    }


def claims(site: Site) -> tuple[ClaimSeen, ...]:
    """Every claim of anybody's that holds devices of the driver, or waits for some."""
    client = kubernetes(site)
    classes = {_name(each) for each in kube.items(client, CLASSES) if _chooses_ours(each)}
    return tuple(
        ClaimSeen(holder=_holder(claim), held=_given(claim), waits_for=_asked(claim, classes))
        for claim in kube.items(client, CLAIMS)
        if _given(claim) or _asked(claim, classes)
    )


def job(site: Site, namespace: str, workload: str) -> JobSeen:
    """One workload's Job and its pods."""
    tick = int(time.monotonic() / FRESH)
    with _LOOKING:
        jobs, pods, claims = _namespace(site, namespace, tick)
    mine = next((j for j in jobs if _name(j) == workload), None)
    if mine is None:
        gone = "the Job is gone: somebody deleted it, or its namespace"
        return JobSeen(
            workload=workload, name=workload, completions=0, succeeded=0, complete=False, failed=gone, pods=()
        )
    seen = [_pod(p, claims) for p in pods if p["metadata"]["labels"].get(labels.WORKLOAD) == workload]
    status = mine.get("status", {})
    ended = {c["type"]: c for c in status.get("conditions", ()) if c["status"] == "True"}
    failed = ended.get("Failed")
    return JobSeen(
        workload=workload,
        name=workload,
        completions=mine["spec"]["completions"],
        succeeded=status.get("succeeded", 0),
        complete="Complete" in ended,
        failed=f"{failed['reason']}: {failed.get('message', '')}" if failed else "",
        pods=tuple(sorted(seen, key=lambda pod: (pod.index, pod.started or "~"))),
    )


def log(site: Site, namespace: str, pod: str, container: str = MAIN) -> tuple[str, ...]:
    """The lines of a container's log so far; none when it has no log yet."""
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
    try:
        return tuple(kube.text(kubernetes(site), path, container=container).splitlines())
    except (kube.Missing, kube.Denied):
        return ()  # the container has not started, or its pod is gone


def whole_log(site: Site, namespace: str, pod: str) -> tuple[str, ...]:
    """What all containers of a pod said, in the order in which they ran."""
    return tuple(line for container in (*PREPARING, MAIN) for line in log(site, namespace, pod, container))


@lru_cache(maxsize=8)
def _namespace(site: Site, namespace: str, tick: int) -> tuple[list[dict[str, Any]], ...]:  # noqa: ARG001
    """Jobs, pods and claims of a namespace; `tick` makes the cache forget."""
    client = kubernetes(site)
    return (
        kube.items(client, f"/apis/batch/v1/namespaces/{namespace}/jobs"),
        kube.items(client, f"/api/v1/namespaces/{namespace}/pods"),
        kube.items(client, f"/apis/resource.k8s.io/v1/namespaces/{namespace}/resourceclaims"),
    )


def _plugin_pods(client: ApiClient, release: Release) -> list[dict[str, Any]]:
    path = f"/api/v1/namespaces/{labels.DRA_NAMESPACE}/pods"
    return kube.items(client, path, labelSelector=f"{release.plugin_label}=kubelet-plugin")


def _manager_pods(client: ApiClient) -> list[dict[str, Any]]:
    path = f"/api/v1/namespaces/{labels.OPERATOR_NAMESPACE}/pods"
    return kube.items(client, path, labelSelector=labels.MIG_MANAGER)


def _node(node: Object, slices: list[Object], plugins: list[Object], managers: list[Object]) -> NodeSeen:
    plugin = next((p for p in plugins if "deletionTimestamp" not in p["metadata"]), None)
    return NodeSeen(
        name=_name(node),
        ready=_condition(node, "Ready"),
        boot_id=node["status"].get("nodeInfo", {}).get("bootID", ""),
        labels=node["metadata"]["labels"],
        devices=tuple(_device(d) for s in slices for d in s["spec"].get("devices", ())),
        slice_uids=tuple(s["metadata"]["uid"] for s in slices),
        plugin_ready=plugin is not None and _condition(plugin, "Ready"),
        plugin_pod=_name(plugin) if plugin else "",
        manager_phase=next((p["status"].get("phase", "Pending") for p in managers), ""),
        manager_crashing=any(_waits_in(p, "CrashLoopBackOff") for p in managers),
        offered=_offered(node),
    )


def _offered(node: Object) -> tuple[str, ...]:
    """The resources of NVIDIA's that the node has for pods that ask for them as such."""
    allocatable = node["status"].get("allocatable", {})
    return tuple(sorted(name for name, count in allocatable.items() if name.startswith(NVIDIA) and count != "0"))


def _device(device: Object) -> DeviceSeen:
    said = {name: next(iter(value.values())) for name, value in device.get("attributes", {}).items()}
    return DeviceSeen(
        name=device["name"],
        type=said.get("type", ""),
        uuid=said.get("uuid", ""),
        parent_uuid=said.get("parentUUID", ""),
        profile=said.get("profile", ""),
        memory_slices=_memory_slices(device.get("capacity", {})),
    )


def _generation(published: Object) -> int:
    return int(published["spec"]["pool"]["generation"])


def _chooses_ours(device_class: Object) -> bool:
    """Whether a DeviceClass is about the driver's devices: its CEL expressions name it."""
    selectors = device_class["spec"].get("selectors", ())
    return any(labels.DRIVER in each.get("cel", {}).get("expression", "") for each in selectors)


def _holder(claim: Object) -> str:
    run: str | None = claim["metadata"].get("labels", {}).get(labels.RUN)
    return run or f"{claim['metadata']['namespace']}/{_name(claim)}"


def _given(claim: Object) -> tuple[tuple[str, str], ...]:
    results = claim.get("status", {}).get("allocation", {}).get("devices", {}).get("results", ())
    return tuple((r["pool"], r["device"]) for r in results if r["driver"] == labels.DRIVER and not r.get("adminAccess"))


def _asked(claim: Object, classes: Collection[str]) -> tuple[str, ...]:
    """What it waits for. Of alternatives that a request names, the first: it is what is liked best."""
    if "allocation" in claim.get("status", {}) or "deletionTimestamp" in claim["metadata"]:
        return ()
    requests = claim["spec"].get("devices", {}).get("requests", ())
    wanted = [r.get("exactly") or r["firstAvailable"][0] for r in requests]
    return tuple(
        labels.class_profile(each["deviceClassName"])
        for each in wanted
        if each["deviceClassName"] in classes and not each.get("adminAccess")
        for _ in range(each.get("count", 1))
    )


def _memory_slices(capacity: Object) -> tuple[int, ...]:
    """Which memory slices of its GPU a device covers: the driver names each as a capacity of its own."""
    return tuple(sorted(int(name.removeprefix(SLICE)) for name in capacity if name.startswith(SLICE)))


def _pod(pod: Object, claims: Iterable[Object]) -> PodSeen:
    status = pod.get("status", {})
    state: Object = next((c.get("state", {}) for c in status.get("containerStatuses", ())), {})
    ended = state.get("terminated", {})
    return PodSeen(
        name=_name(pod),
        workload=pod["metadata"]["labels"].get(labels.WORKLOAD, ""),
        index=int(pod["metadata"].get("annotations", {}).get("batch.kubernetes.io/job-completion-index", 0)),
        node=pod["spec"].get("nodeName", ""),
        phase=status.get("phase", "Pending"),
        why=_stuck(pod),
        device=_claimed(pod, claims),
        exit_code=ended.get("exitCode"),
        started=ended.get("startedAt") or state.get("running", {}).get("startedAt", ""),
        finished=ended.get("finishedAt", ""),
    )


def _stuck(pod: Object) -> str:
    """Why a pod does not get on, in the words of whoever holds it up."""
    status = pod.get("status", {})
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        state = container.get("state", {})
        held = state.get("waiting") or state.get("terminated", {})
        if held.get("reason") not in {None, "PodInitializing", "ContainerCreating", "Completed"}:
            return f"{container['name']}: {held['reason']} {held.get('message', '')}".strip()
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message", condition.get("reason", "")))
    return ""


def _claimed(pod: Object, claims: Iterable[Object]) -> str:
    names = {c.get("resourceClaimName") for c in pod.get("status", {}).get("resourceClaimStatuses", ())}
    for claim in claims:
        if _name(claim) in names:
            given = claim.get("status", {}).get("allocation", {}).get("devices", {}).get("results", ())
            return next((result["device"] for result in given), "")
    return ""


def _condition(thing: Object, kind: str) -> bool:
    return any(c["type"] == kind and c["status"] == "True" for c in thing.get("status", {}).get("conditions", ()))


def _waits_in(pod: Object, reason: str) -> bool:
    states = (c.get("state", {}) for c in pod.get("status", {}).get("containerStatuses", ()))
    return any(state.get("waiting", {}).get("reason") == reason for state in states)


def _by(things: Iterable[Object], key: Callable[[Object], str]) -> defaultdict[str, list[Object]]:
    found: defaultdict[str, list[Object]] = defaultdict(list)
    for thing in things:
        found[key(thing)].append(thing)
    return found


def _name(thing: Object) -> str:
    return str(thing["metadata"]["name"])


def _node_of(pod: Object) -> str:
    return str(pod["spec"].get("nodeName", ""))


def _pool(published: Object) -> str:
    return str(published["spec"]["pool"]["name"])
