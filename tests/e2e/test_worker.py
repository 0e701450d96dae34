"""
Flow runs as pods: Prefect's Kubernetes worker on a World's control plane, and a server with its history in PostgreSQL.

The pods are processes of the World's system nodes. One run ends by itself, one is told to end, one is killed.
"""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from kubernetes.client import CoreV1Api
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import LogSort

from flows import automations
from flows.server import Own
from flows.surroundings import surroundings
from infra.cluster import WORKER_NAMESPACE
from mig import labels
from rehearsal.ports import LOOPBACK, free
from tasks import kube
from tasks.connect import Site, attach, aws, kubernetes
from tasks.dataset import CACHE
from tasks.world import whole
from tests.e2e.test_deployment import ENDLESS, until
from tests.e2e.test_story import left_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PASSWORD = "admin:in-no-manifest"
"""What the server wants to hear from everybody."""

SECRET = "prefect-auth"
FLOW_RUN = "prefect.io/flow-run-id"
START_SECONDS, RUN_SECONDS, END_SECONDS = 120, 400, 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of the runs when all of them have ended."""

    finished: FlowRun
    told: FlowRun
    """Its pod was deleted, with the grace period of the pool."""
    killed: FlowRun
    """Its pod was deleted at once, as when its node is lost."""
    teardown: FlowRun
    """Of the one that was killed."""
    lines: Mapping[UUID, tuple[str, ...]]
    """What each run has logged."""
    left: Mapping[str, tuple[str, ...]]
    """What of each request's run still exists in the account."""
    jobs: tuple[dict[str, Any], ...]
    nodes: frozenset[str]
    """On which the pods were."""
    system: frozenset[str]
    """The nodes of the system."""
    history: tuple[str, ...]
    """The runs' names as the database has them; empty where there is no PostgreSQL."""
    said: str


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Three runs side by side, each in a pod of its own; the user's own data and Prefect are left alone."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as parts:
        for name, value in {"XDG_DATA_HOME": home, "PREFECT_HOME": home / "prefect"}.items():
            patch.setenv(name, str(value))
        for given in ("PREFECT_API_URL", "MIG_WORLD", "KUBECONFIG"):
            patch.delenv(given, raising=False)
        patch.setenv("PREFECT_API_AUTH_STRING", PASSWORD)
        database = parts.enter_context(postgres()) if POSTGRES else ""
        api = parts.enter_context(surroundings(60, print, standing=whole(), own=own(database)))
        place = attach(world := os.environ["MIG_WORLD"])
        furnish(place)
        mig("deploy", "--pool-type", "kubernetes", "--image", "rehearsal", *env(world))
        client = parts.enter_context(SyncPrefectClient(api, auth_string=PASSWORD))
        automations.apply(client, automations.read_file(ROOT / automations.FILE))
        log = parts.enter_context((home / "worker.log").open("wb"))
        parts.enter_context(worker(world, log))
        runs = carried_out(client, place)
        yield observed(client, place, runs, database, home)


def test_a_run_in_a_pod_ends_as_anywhere(seen: Seen) -> None:
    """Its Job succeeds, and its pod was on a node of the system, which has no GPU."""
    assert "Completed" == seen.finished.state_name, seen.said
    assert [1] == [job["status"].get("succeeded") for job in seen.jobs if of(job, seen.finished)]
    assert seen.nodes <= seen.system
    assert () == seen.left["tiny"]


def test_a_pod_that_is_told_to_end_takes_its_nodes_down_itself(seen: Seen) -> None:
    """The flow in it hears it, and ends as it does at Ctrl-C; it is not started anew in another pod."""
    assert "Crashed" == seen.told.state_name, seen.said
    assert any("teardown verified: nothing is left" in line for line in seen.lines[seen.told.id])
    assert 1 == len([job for job in seen.jobs if of(job, seen.told)])
    assert () == seen.left["told"]


def test_what_a_killed_pod_leaves_is_taken_down_by_another(seen: Seen) -> None:
    """The worker sees the pod's end, the run is Crashed, and the automation starts its teardown, which is verified."""
    assert "Crashed" == seen.killed.state_name, seen.said
    assert not any("teardown verified" in line for line in seen.lines[seen.killed.id])
    assert "Released" == seen.teardown.state_name, seen.said
    assert () == seen.left["killed"]


def test_the_servers_password_is_in_no_manifest(seen: Seen) -> None:
    """Pods have it from the Secret."""
    passwords = [
        entry
        for job in seen.jobs
        for entry in job["spec"]["template"]["spec"]["containers"][0]["env"]
        if entry["name"] == "PREFECT_API_AUTH_STRING"
    ]

    assert len(seen.jobs) == len(passwords)
    assert all({"name": SECRET, "key": "auth-string"} == each["valueFrom"]["secretKeyRef"] for each in passwords)
    assert PASSWORD not in json.dumps(seen.jobs)


def test_the_history_is_in_postgresql(seen: Seen) -> None:
    """Runs, events and automations worked on it: it has every run, the teardowns of the automation among them."""
    if not POSTGRES:
        pytest.skip("PostgreSQL is not here: apt-get install postgresql, which `make debian` does as root")
    names = {seen.finished.name, seen.told.name, seen.killed.name}

    assert names | {f"teardown-{run_id(seen.killed)}"} <= set(seen.history)


def carried_out(client: SyncPrefectClient, place: Site) -> tuple[FlowRun, ...]:
    """One run that ends by itself, one whose pod is deleted, one whose pod is killed; until all of them are over."""
    tiny = yaml.safe_load((ROOT / "deployments/specs/tiny.yaml").read_text(encoding="utf-8"))
    deployment = client.read_deployment_by_name("pipeline/rehearsal")
    specs = tiny, endless("told"), endless("killed")
    runs = tuple(client.create_flow_run_from_deployment(deployment.id, parameters={"spec": spec}) for spec in specs)
    finished, told, killed = runs
    for run in (told, killed):
        until(lambda r=run: trains(client, r), RUN_SECONDS, "the training")
        end_pod(place, run, at_once=run is killed)
    until(lambda: all(over(client, run.id) for run in runs), END_SECONDS, "the end of the runs")
    until(lambda: any(map(ended, teardowns(client, killed))), END_SECONDS, "the teardown of the one that was killed")
    until(lambda: not active(place, finished), END_SECONDS, "the end of the pod whose run has ended")
    return tuple(client.read_flow_run(run.id) for run in runs)


def observed(client: SyncPrefectClient, place: Site, runs: tuple[FlowRun, ...], database: str, home: Path) -> Seen:
    """Everything that the tests ask about."""
    finished, told, killed = runs
    nodes = kube.items(kubernetes(place), "/api/v1/nodes", labelSelector=f"{labels.NODE_ROLE}=system")
    return Seen(
        finished=finished,
        told=told,
        killed=killed,
        teardown=teardowns(client, killed)[0],
        lines={run.id: lines(client, run) for run in runs},
        left={run.parameters["spec"]["name"]: tuple(left_of(place.address, run_id(run))) for run in runs},
        jobs=tuple(jobs(place)),
        nodes=frozenset(pod["spec"]["nodeName"] for pod in pods(place)),
        system=frozenset(node["metadata"]["name"] for node in nodes),
        history=history(database),
        said=(home / "worker.log").read_text(encoding="utf-8")[-20_000:],
    )


def endless(name: str) -> dict[str, Any]:
    """A training that does not end by itself."""
    return {**ENDLESS, "name": name, "workloads": [{**ENDLESS["workloads"][0], "name": name}]}


def furnish(place: Site) -> None:
    """What `mig platform up` and a person make in a cluster before the first run: nodes, namespace, the Secret."""
    eks = aws(place, "eks")
    within = eks.describe_cluster(name=place.cluster)["cluster"]["resourcesVpcConfig"]["subnetIds"]
    eks.create_nodegroup(
        clusterName=place.cluster,
        nodegroupName="system",
        nodeRole=aws(place, "iam").get_role(RoleName=f"{place.cluster}-node")["Role"]["Arn"],
        subnets=within[:1],
        instanceTypes=["m6i.large"],
        labels={labels.NODE_ROLE: "system"},
        scalingConfig={"minSize": 1, "desiredSize": 2, "maxSize": 4},
    )
    for manifest in yaml.safe_load_all((ROOT / "deployments/namespace.yaml").read_text(encoding="utf-8")):
        if manifest["kind"] in kube.PLURALS:  # not the server's volume: it is a process here
            kube.apply(kubernetes(place), manifest)
    CoreV1Api(kubernetes(place)).create_namespaced_secret(
        WORKER_NAMESPACE, {"metadata": {"name": SECRET}, "stringData": {"auth-string": PASSWORD}}
    )


def env(world: str) -> list[str]:
    """What a rehearsal's pods are told: which World they are in, and where this machine has the data set."""
    told = {"MIG_WORLD": world, "XDG_CACHE_HOME": str(CACHE.expanduser().parents[1])}
    return [word for name, value in told.items() for word in ("--env", f"{name}={value}")]


@contextmanager
def worker(world: str, log: Any) -> Iterator[None]:
    """Prefect's worker as its chart starts it: the password is a Secret's, and it looks at its own namespace only."""
    prefix = "PREFECT_INTEGRATIONS_KUBERNETES"
    told = {
        "KUBECONFIG": json.loads(Path(world).read_text(encoding="utf-8"))["environment"]["KUBECONFIG"],
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        f"{prefix}_WORKER_API_AUTH_STRING_SECRET_NAME": SECRET,
        f"{prefix}_WORKER_API_AUTH_STRING_SECRET_KEY": "auth-string",
        f"{prefix}_OBSERVER_NAMESPACES": WORKER_NAMESPACE,
    }
    command = [
        *ENDING_WITH_US,
        "KILL",
        str(BIN / "prefect"),
        "worker",
        "start",
        "--pool",
        "cluster",
        "--type",
        "kubernetes",
    ]
    with subprocess.Popen(
        command, env={**os.environ, **told}, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    ) as process:
        try:
            yield
        finally:
            process.kill()  # its runs are over


def own(database: str) -> Own:
    """A server that wants a password, and keeps its history there; empty: in a file."""
    settings = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_UI_ENABLED": "false",
        "PREFECT_SERVER_API_AUTH_STRING": PASSWORD,
        **({"PREFECT_SERVER_DATABASE_CONNECTION_URL": database} if database else {}),
    }
    return Own(settings=settings)


ENDING_WITH_US = ("setpriv", "--pdeathsig")
"""Before a signal and a command: nothing outlives a test that is killed."""

POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
"""Where Debian's package has its programs; None: it is not installed."""


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL of its own, on loopback, by the address that Prefect takes; it refuses to be run by root."""
    assert POSTGRES is not None
    folder, port = Path(tempfile.mkdtemp(prefix="mig-postgres-")), free(1)[0]
    user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres", pwd.getpwnam("postgres").pw_gid)
    us = [*ENDING_WITH_US, "INT", *user]
    made = [*us, POSTGRES / "initdb", "-D", folder / "data", "-U", "prefect", "--auth", "trust", "--no-sync"]
    runs = [*us, POSTGRES / "postgres", "-D", folder / "data", "-k", folder, "-h", LOOPBACK, "-p", str(port), "-F"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder)
    with subprocess.Popen(runs, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            ready = [POSTGRES / "pg_isready", "--host", LOOPBACK, "--port", str(port), "--quiet"]
            until(lambda: subprocess.run(ready, check=False).returncode == 0, START_SECONDS, "PostgreSQL")
            yield f"postgresql+asyncpg://prefect@{LOOPBACK}:{port}/postgres"
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(folder)


def history(database: str) -> tuple[str, ...]:
    """The names of the runs, asked of the database itself."""
    if not database:
        return ()
    command = [str(POSTGRES / "psql"), database.replace("+asyncpg", ""), "-At", "-c", "SELECT name FROM flow_run"]
    return tuple(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines())


def mig(*words: str) -> None:
    """A command of ours that ends well."""
    done = subprocess.run([BIN / "mig", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


def end_pod(place: Site, run: FlowRun, *, at_once: bool) -> None:
    """Delete the pod of a run: with the grace period that it has, or with none."""
    (pod,) = pods(place, run)
    grace = {"grace_period_seconds": 0} if at_once else {}
    CoreV1Api(kubernetes(place)).delete_namespaced_pod(pod["metadata"]["name"], WORKER_NAMESPACE, **grace)


def pods(place: Site, run: FlowRun | None = None) -> list[dict[str, Any]]:
    """Pods of flow runs; of one."""
    selector = FLOW_RUN if run is None else f"{FLOW_RUN}={run.id}"
    return kube.items(kubernetes(place), f"/api/v1/namespaces/{WORKER_NAMESPACE}/pods", labelSelector=selector)


def jobs(place: Site) -> list[dict[str, Any]]:
    """One for each flow run."""
    return kube.items(kubernetes(place), f"/apis/batch/v1/namespaces/{WORKER_NAMESPACE}/jobs")


def active(place: Site, run: FlowRun) -> bool:
    """Whether a run's pod is there still."""
    return any(job["status"].get("active") for job in jobs(place) if of(job, run))


def of(job: Mapping[str, Any], run: FlowRun) -> bool:
    """Whether a Job is this run's."""
    return bool(job["metadata"]["labels"][FLOW_RUN] == str(run.id))


def run_id(run: FlowRun) -> str:
    """The name of what a flow run makes."""
    return f"{run.parameters['spec']['name']}-{str(run.id)[:8]}"


def trains(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether a run's workload, which has its name, is under way."""
    return any(task.name == f"train {run.parameters['spec']['name']} on small" for task in client.read_task_runs())


def teardowns(client: SyncPrefectClient, run: FlowRun) -> list[FlowRun]:
    """What the automation has started for a run."""
    return [each for each in client.read_flow_runs() if each.parameters.get("run_id") == run_id(run)]


def over(client: SyncPrefectClient, run: UUID) -> bool:
    """Whether a run has ended."""
    return ended(client.read_flow_run(run))


def ended(run: FlowRun) -> bool:
    """Whether a run has ended."""
    return run.state is not None and run.state.is_final()


def lines(client: SyncPrefectClient, run: FlowRun) -> tuple[str, ...]:
    """What a run has logged last: the server answers 200 lines at most, and an endless training has more."""
    mine = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
    return tuple(log.message for log in client.read_logs(log_filter=mine, sort=LogSort.TIMESTAMP_DESC))
