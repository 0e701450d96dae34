"""
The fan-out of 32 slots through the flow, against the same manifests applied raw on the same control plane.

Measured from ready slices to all pods running, in pairs that begin with either in turn, so that a machine whose speed
drifts is fair to both. The flow's share is what Prefect, a task for each workload and the following cost. The pods' own
programs are replaced by one that waits: 32 trainings that import torch at once would measure this machine's cores.
"""

import logging
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest.mock import patch

from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ThreadPoolTaskRunner

from bench.place import placed
from bench.promise import Promise
from flows.pipeline import FOLLOWERS, following
from flows.server import server
from mig import labels
from mig.manifest import build, namespace
from mig.plan import Plan, draw
from mig.readiness import ReadySlices
from mig.spec import RunSpec, read
from tasks import kube
from tasks.capacity import acquire
from tasks.connect import Site, kubernetes
from tasks.identity import associate
from tasks.launch import launch
from tasks.provision import release
from tasks.ready import slices_ready

SLICES = {"1g.5gb": 16, "2g.10gb": 8, "3g.20gb": 8}
PROGRAMS: Mapping[str, str] = {
    "training/__init__.py": "",
    "training/packages.py": "",
    "training/data.py": "",
    "training/run.py": "import time\ntime.sleep(3600)\n",
}
RUN_ID = "fan-out-bench"
PAIRS = 5
LONGEST = 120


def measure() -> tuple[Promise, ...]:
    """Pairs on one World, after one that is not counted: it pays for what is imported and opened only once."""
    spec = _spec()
    plan = draw(spec, RUN_ID)
    with patch("tasks.launch.sources", lambda: PROGRAMS), _reporting(), placed(spec, RUN_ID, tell=print) as place:
        nodes = acquire.fn(place, spec, plan)
        ready = slices_ready.fn(place, plan, nodes, spec.release)
        ways = {"raw": lambda: _raw(place, spec, plan), "flow": lambda: _through_the_flow(place, spec, plan, ready)}
        pairs = []
        for number in range(PAIRS + 1):
            order = ("raw", "flow") if number % 2 else ("flow", "raw")
            took = {way: ways[way]() for way in order}
            print(f"{'warm' if number == 0 else number}: " + ", ".join(f"{w} {s:.2f} s" for w, s in took.items()))
            pairs.append(took["flow"] / took["raw"])
        release.fn(place, RUN_ID)
    ratio = statistics.median(pairs[1:])
    return (Promise(what=f"{sum(SLICES.values())} pods running, flow / raw", measured=ratio, most=1.2, unit="x"),)


@contextmanager
def _reporting() -> Iterator[None]:
    """To a Prefect server, as `mig run` does; this process imported Prefect before it knew of the server."""
    logging.getLogger().handlers.clear()  # the console's; what is sent to the server stays, and costs
    with server() as api, temporary_settings({PREFECT_API_URL: api} if api else {}):
        yield


def _spec() -> RunSpec:
    workloads = [
        {"name": f"w-{profile.replace('.', '-')}-{n}", "kind": "train", "model": "mlp", "slice": profile, "epochs": 1}
        for profile, count in SLICES.items()
        for n in range(count)
    ]
    return read({"name": "fan-out", "max_hours": 12, "workloads": workloads})


def _raw(place: Site, spec: RunSpec, plan: Plan) -> float:
    """Wall seconds from the first request to the last pod."""
    with _emptied(place):
        begun = time.perf_counter()
        associate(place, RUN_ID)
        for manifest in build(spec, plan, bucket=place.bucket, data=_data(place), sources=PROGRAMS):
            kube.apply(kubernetes(place), manifest)
        return _all_running(place) - begun


@flow(
    task_runner=ThreadPoolTaskRunner(max_workers=FOLLOWERS),  # type: ignore[arg-type]  # of Prefect's own kind
    validate_parameters=False,
)
def _through_the_flow(place: Site, spec: RunSpec, plan: Plan, ready: ReadySlices) -> float:
    """The same, as `flows.pipeline` does it when its slices are ready."""
    with _emptied(place):
        begun = time.perf_counter()
        launched = launch(place, spec, plan, _data(place))
        futures = following(place, spec, plan, ready, launched)
        took = _all_running(place) - begun
    for future in futures:
        future.wait()
    return took


def _data(place: Site) -> str:
    """Nobody reads it."""
    return f"s3://{place.bucket}/datasets/none"


def _all_running(place: Site) -> float:
    """The moment at which every pod was seen to run."""
    path = f"/api/v1/namespaces/{namespace(RUN_ID)}/pods"
    end = time.perf_counter() + LONGEST
    while (now := time.perf_counter()) < end:
        phases = [pod["status"]["phase"] for pod in kube.items(kubernetes(place), path)]
        if phases.count("Running") == sum(SLICES.values()):
            return now
        time.sleep(0.1)
    raise TimeoutError(f"not all pods run after {LONGEST} s")


@contextmanager
def _emptied(place: Site) -> Iterator[None]:
    """The run's namespace is gone again afterwards."""
    yield
    client = kubernetes(place)
    kube.delete(client, f"/api/v1/namespaces/{namespace(RUN_ID)}")
    while kube.items(client, "/api/v1/namespaces", labelSelector=f"{labels.RUN}={RUN_ID}"):
        time.sleep(0.5)
