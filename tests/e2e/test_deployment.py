"""The deployment: from prefect.yaml to a real Prefect server, and from there through a process worker to its report."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import Artifact, FlowRun

from flows.server import server
from tasks.world import opened

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
PREFECT = str(Path(sys.executable).parent / "prefect")
TINY = {"kind": "train", "model": "mlp", "epochs": 1, "train_images": 2000}
REQUEST = {
    "name": "deployed",
    "workloads": [{"name": "first", "slice": "small", **TINY}, {"name": "second", "slice": "medium", **TINY}],
    "capacity": {"markets": ["on-demand"], "zones": ["us-east-1a"]},
}
RUN_SECONDS = 400
"""For one tiny run: about forty on two free cores."""

END_SECONDS = 60
"""For a worker, and for the last process of many, to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What is known of one run of the deployment when everything has ended."""

    stored: dict[str, object]
    """The deployment's parameters, as the server has them."""
    run: FlowRun
    artifacts: tuple[Artifact, ...]
    tasks: tuple[str, ...]
    lines: tuple[str, ...]
    worker_code: int
    worker_said: str
    alive: tuple[str, ...]
    """Commands of processes that still know the folder in which all this took place."""


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """One run of the deployment with a tiny request; the user's own data and Prefect are left alone."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home))
        patch.setenv("PREFECT_HOME", str(home / "prefect"))
        patch.delenv("PREFECT_API_URL", raising=False)
        with surroundings() as world, SyncPrefectClient(os.environ["PREFECT_API_URL"]) as client:
            client.create_work_pool(WorkPoolCreate(name="local", type="process"))
            with worker(home / "worker.log", world) as working:
                deploy()
                deployment = client.read_deployment_by_name("pipeline/rehearsal")
                made = client.create_flow_run_from_deployment(deployment.id, parameters={"spec": REQUEST})
                until(lambda: ended(client, made), RUN_SECONDS, "the run's end")
            run, artifacts = client.read_flow_run(made.id), client.read_artifacts()
            tasks, logs = client.read_task_runs(), client.read_logs()
        until(lambda: not alive(home), END_SECONDS, "the end of every process")
        return Rehearsed(
            stored=deployment.parameters,
            run=run,
            artifacts=tuple(artifacts),
            tasks=tuple(task.name for task in tasks),
            lines=tuple(log.message for log in logs),
            worker_code=working.returncode,
            worker_said=(home / "worker.log").read_text(encoding="utf-8"),
            alive=alive(home),
        )


def test_the_deployment_runs_to_its_end(rehearsed: Rehearsed) -> None:
    """A worker, which starts runs in a folder of its own, carries the request out."""
    assert rehearsed.run.state is not None
    assert "Completed" == rehearsed.run.state.name, rehearsed.worker_said
    assert "deployed-rehearsal" == rehearsed.run.name


def test_the_main_request_is_what_it_runs_unasked(rehearsed: Rehearsed) -> None:
    """Whoever starts the deployment without parameters gets the main job."""
    main = yaml.safe_load((ROOT / "deployments/specs/rehearsal.yaml").read_text(encoding="utf-8"))

    assert {"spec": main} == rehearsed.stored


def test_the_report_is_on_the_runs_page(rehearsed: Rehearsed) -> None:
    """The report is one markdown artifact, with a link to the whole page beside it."""
    by_key = {artifact.key: artifact for artifact in rehearsed.artifacts}

    assert "markdown" == by_key["report"].type
    assert all(name in str(by_key["report"].data) for name in ("first", "second", "succeeded"))
    assert "report.html" in str(by_key["report-page"].data)


def test_each_workload_has_a_task_and_a_bar_of_its_own(rehearsed: Rehearsed) -> None:
    """People see the workloads by name, on their slices, with their progress."""
    named = [name for name in rehearsed.tasks if " on " in name]

    assert ["train first on small", "train second on medium"] == sorted(named)
    assert {"workload-first", "workload-second"} <= {
        each.key for each in rehearsed.artifacts if each.type == "progress"
    }


def test_what_pods_say_is_in_the_log(rehearsed: Rehearsed) -> None:
    """The answers of a workload's pods are lines of its task's log."""
    assert any(line.startswith("first[0] result") for line in rehearsed.lines)


def test_nothing_is_left(rehearsed: Rehearsed) -> None:
    """The worker ends in order when it is asked to; of run, server and World no process remains."""
    assert (0, ()) == (rehearsed.worker_code, rehearsed.alive)


@contextmanager
def surroundings() -> Iterator[str]:
    """A World, by its address, and a Prefect server; they start side by side."""
    with ExitStack() as around, ThreadPoolExecutor() as beside:
        starting = beside.submit(around.enter_context, server())
        address = around.enter_context(opened(60, print))
        starting.result()
        yield address


@contextmanager
def worker(log: Path, world: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process worker of pool `local`, stopped as Ctrl-C does; its runs use this World."""
    command = [PREFECT, "worker", "start", "--pool", "local", "--type", "process"]
    environment = {**os.environ, "MIG_WORLD": world, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it would inherit a shell's ignoring it
    with (
        log.open("wb") as said,
        subprocess.Popen(command, cwd=log.parent, env=environment, stdout=said, stderr=said) as working,
    ):
        try:
            yield working
            working.send_signal(signal.SIGINT)
            working.wait(END_SECONDS)
        finally:
            working.kill()


def deploy() -> None:
    """All that prefect.yaml declares, as its own header says."""
    command = [PREFECT, "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


def ended(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether a run has come to an end, good or bad."""
    state = client.read_flow_run(run.id).state
    return state is not None and state.is_final()


def until(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for what takes seconds."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.25)


def alive(home: Path) -> tuple[str, ...]:
    """Commands of the processes that were started with this folder as home of their data."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            mine = bytes(home) in (path / "environ").read_bytes()
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if mine and int(path.name) != os.getpid():
            found.append(command)
    return tuple(found)
