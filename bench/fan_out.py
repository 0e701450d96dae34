"""
The fan-out of 32 slots through the flow, against the same manifests applied raw on the same control plane.

Measured from ready slices to all pods running, in turns (raw, flow, flow, raw), so that a machine that slows down is
fair to both. The flow's share is what Prefect, one task for each workload and the watching cost.
"""

import statistics
import time
from collections.abc import Callable

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from bench.promise import Promise
from mig.manifest import build, namespace
from mig.plan import Plan, draw
from mig.readiness import ReadySlices
from mig.spec import RunSpec, read
from tasks import kube
from tasks.capacity import acquire
from tasks.collect import follow
from tasks.connect import Site, kubernetes, site
from tasks.identity import associate
from tasks.launch import launch
from tasks.provision import release
from tasks.ready import slices_ready
from tasks.stage import sources, stage

SLICES = {"1g.5gb": 16, "2g.10gb": 8, "3g.20gb": 8}
RUN_ID = "fan-out-bench"
LONGEST = 300


def measure() -> tuple[Promise, ...]:
    """Two rounds of each way on one World."""
    spec = _spec()
    plan = draw(spec, RUN_ID)
    with site(spec, RUN_ID, tell=print) as place:
        nodes = acquire.fn(place, spec, plan)
        ready = slices_ready.fn(place, plan, nodes, spec.release)
        data = stage.fn(place)
        ways: dict[str, Callable[[], None]] = {
            "raw": lambda: _raw(place, spec, plan, data),
            "flow": lambda: _through_the_flow(place, spec, plan, ready, data),
        }
        took: dict[str, list[float]] = {way: [] for way in ways}
        for way in ("raw", "flow", "flow", "raw"):
            took[way].append(_until_running(place, ways[way]))
        release.fn(place, RUN_ID)
    ratio = statistics.median(took["flow"]) / statistics.median(took["raw"])
    what = f"32 pods running, flow {took['flow']} s / raw {took['raw']} s"
    return (Promise(what=what, measured=ratio, most=1.2, unit="x"),)


def _spec() -> RunSpec:
    workloads = [
        {"name": f"w-{profile.replace('.', '-')}-{n}", "kind": "train", "model": "mlp", "slice": profile, "epochs": 1}
        for profile, count in SLICES.items()
        for n in range(count)
    ]
    return read({"name": "fan-out", "max_hours": 12, "workloads": workloads})


def _raw(place: Site, spec: RunSpec, plan: Plan, data: str) -> None:
    associate(place, RUN_ID)
    for manifest in build(spec, plan, bucket=place.bucket, data=data, sources=sources()):
        kube.apply(kubernetes(place), manifest)
    _all_running(place)


def _through_the_flow(place: Site, spec: RunSpec, plan: Plan, ready: ReadySlices, data: str) -> None:
    _fanned(place, spec, plan, ready, data)


@flow(
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]  # of Prefect's own kind
    validate_parameters=False,
)
def _fanned(place: Site, spec: RunSpec, plan: Plan, ready: ReadySlices, data: str) -> None:
    launched = launch(place, spec, plan, data)
    following = [
        follow.submit(place, workload, spec=spec, plan=plan, launched=launched, ready=ready)
        for workload in spec.workloads
    ]
    _all_running(place)
    kube.delete(kubernetes(place), f"/api/v1/namespaces/{namespace(RUN_ID)}")
    for future in following:
        future.wait()


def _until_running(place: Site, way: Callable[[], None]) -> float:
    """Wall seconds until all pods run; the namespace is gone again afterwards."""
    begun = time.perf_counter()
    way()
    took = time.perf_counter() - begun
    kube.delete(kubernetes(place), f"/api/v1/namespaces/{namespace(RUN_ID)}")
    while _there(place):
        time.sleep(0.5)
    return round(took, 1)


def _all_running(place: Site) -> None:
    path = f"/api/v1/namespaces/{namespace(RUN_ID)}/pods"
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        phases = [pod["status"]["phase"] for pod in kube.items(kubernetes(place), path)]
        if len(phases) >= sum(SLICES.values()) and "Pending" not in phases:
            return
        time.sleep(0.2)
    raise TimeoutError(f"not all pods run after {LONGEST} s")


def _there(place: Site) -> bool:
    found = kube.items(kubernetes(place), "/api/v1/namespaces")
    return any(each["metadata"]["name"] == namespace(RUN_ID) for each in found)
