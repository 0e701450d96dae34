"""`mig serve`: a person starts a deployment, watches it and presses Ctrl-C; real server, worker, World and training."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.client.schemas.responses import DeploymentResponse

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TINY = {"kind": "train", "model": "mlp", "epochs": 1, "train_images": 2000}
WHERE = {"capacity": {"markets": ["on-demand"], "zones": ["us-east-1a"]}}
REQUEST = {
    "name": "deployed",
    "workloads": [{"name": "first", "slice": "small", **TINY}, {"name": "second", "slice": "medium", **TINY}],
    **WHERE,
}
ENDLESS = {"name": "endless", "workloads": [{"name": "third", "slice": "small", **TINY, "epochs": 10_000}], **WHERE}

START_SECONDS = 180
"""For server, World, work pool, deployments and worker: about thirty on two free cores."""

RUN_SECONDS = 400
"""For one tiny run: about forty on two free cores."""

END_SECONDS = 120
"""For a run's teardown, and for the last process of many to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What is known of two runs of the deployment when everything has ended."""

    deployed: tuple[DeploymentResponse, ...]
    """Every deployment, as `mig serve` made it."""
    again: tuple[DeploymentResponse, ...]
    """The same after plain `prefect deploy --all`."""
    run: FlowRun
    artifacts: tuple[Artifact, ...]
    tasks: tuple[str, ...]
    lines: tuple[str, ...]
    history: dict[str, str]
    """States by the names of the runs, as the server's home has them after the end."""
    code: int
    said: str
    alive: tuple[str, ...]
    """Commands of processes that still know the folder in which all this took place."""


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """One run to its end and one that is still going at Ctrl-C; the user's own data and Prefect are left alone."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home))
        patch.setenv("PREFECT_HOME", str(home / "nobodys"))
        for given in ("PREFECT_API_URL", "MIG_WORLD"):
            patch.delenv(given, raising=False)
        with serving(home) as (address, process), SyncPrefectClient(f"{address}/api") as client:
            deployed = client.read_deployments()
            rehearsal = client.read_deployment_by_name("pipeline/rehearsal")
            run, _ = (
                client.create_flow_run_from_deployment(rehearsal.id, parameters={"spec": spec})
                for spec in (REQUEST, ENDLESS)
            )
            deploy(f"{address}/api")
            again = client.read_deployments()
            until(lambda: ended(client, run), RUN_SECONDS, "the run's end")
            until(lambda: "train third on small" in tasks(client), RUN_SECONDS, "the other run's training")
            run, artifacts, lines = client.read_flow_run(run.id), client.read_artifacts(), client.read_logs()
            named = tasks(client)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            process.wait(END_SECONDS)
    until(lambda: not alive(home), END_SECONDS, "the end of every process")
    return Rehearsed(
        deployed=tuple(deployed),
        again=tuple(again),
        run=run,
        artifacts=tuple(artifacts),
        tasks=named,
        lines=tuple(log.message for log in lines),
        history=history(home),
        code=process.returncode,
        said=said(home),
        alive=alive(home),
    )


def test_the_deployment_runs_to_its_end(rehearsed: Rehearsed) -> None:
    """A worker, which starts runs in a folder of its own, carries the request out."""
    assert rehearsed.run.state is not None
    assert "Completed" == rehearsed.run.state.name, rehearsed.said
    assert "deployed-rehearsal" == rehearsed.run.name


def test_the_main_request_is_what_it_runs_unasked(rehearsed: Rehearsed) -> None:
    """Whoever starts the deployment without parameters gets the main job."""
    main = yaml.safe_load((ROOT / "deployments/specs/rehearsal.yaml").read_text(encoding="utf-8"))

    assert [{"spec": main}] == [each.parameters for each in rehearsed.deployed if each.name == "rehearsal"]


def test_plain_prefect_deploys_the_same(rehearsed: Rehearsed) -> None:
    """After us `prefect deploy --all` works, and nothing is another than before."""
    assert {each.name: declared(each) for each in rehearsed.deployed} == {
        each.name: declared(each) for each in rehearsed.again
    }


def test_the_report_is_on_the_runs_page(rehearsed: Rehearsed) -> None:
    """The report is one markdown artifact, with a link to the whole page beside it."""
    by_key = {artifact.key: artifact for artifact in rehearsed.artifacts}

    assert "markdown" == by_key["report"].type
    assert all(name in str(by_key["report"].data) for name in ("first", "second", "succeeded"))
    assert "report.html" in str(by_key["report-page"].data)


def test_each_workload_has_a_task_and_a_bar_of_its_own(rehearsed: Rehearsed) -> None:
    """People see the workloads by name, on their slices, with their progress."""
    assert {"train first on small", "train second on medium"} <= set(rehearsed.tasks)
    assert {"workload-first", "workload-second"} <= {
        each.key for each in rehearsed.artifacts if each.type == "progress"
    }


def test_what_pods_say_is_in_the_log(rehearsed: Rehearsed) -> None:
    """The answers of a workload's pods are lines of its task's log."""
    assert any(line.startswith("first[0] result") for line in rehearsed.lines)


def test_ctrl_c_lets_a_run_take_its_nodes_down(rehearsed: Rehearsed) -> None:
    """What is still going is told to end and waited for; its nodes are gone, and the history has it as cancelled."""
    assert {"deployed-rehearsal": "Completed", "endless-rehearsal": "Cancelled"} == rehearsed.history, rehearsed.said
    assert 2 == rehearsed.said.count("teardown verified: nothing is left"), rehearsed.said


def test_nothing_is_left(rehearsed: Rehearsed) -> None:
    """It ends in order when it is asked to; of runs, worker, server and World no process remains."""
    assert (0, ()) == (rehearsed.code, rehearsed.alive), rehearsed.said


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """`mig serve`, and the address that its last line names."""
    command = [str(BIN / "mig"), "serve", "--port", "0"]
    with (home / "out").open("wb") as out, (home / "err").open("wb") as err:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
    with process:
        try:
            until(lambda: process.poll() is not None or (home / "out").stat().st_size > 0, START_SECONDS, "its address")
            assert process.poll() is None, said(home)
            yield (home / "out").read_text(encoding="utf-8").splitlines()[-1], process
        finally:
            process.kill()


def said(home: Path) -> str:
    """What `mig serve`, its server and its worker said."""
    logs = home / "mig-pipeline/prefect"
    files = [home / "err", logs / "server.log", logs / "worker.log"]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.exists())


def deploy(api: str) -> None:
    """All that prefect.yaml declares, by Prefect alone."""
    command = [str(BIN / "prefect"), "--no-prompt", "deploy", "--all"]
    environment = {**os.environ, "PREFECT_API_URL": api}
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def declared(deployment: DeploymentResponse) -> dict[str, object]:
    """What of a deployment comes from prefect.yaml, and which one it is; not when it was touched."""
    limit = deployment.global_concurrency_limit
    plain = {"id", "entrypoint", "description", "tags", "parameters", "pull_steps", "work_pool_name", "job_variables"}
    return {
        **deployment.model_dump(include={*plain, "concurrency_options"}),
        "limit": limit and limit.limit,
        "schedules": [(each.slug, each.active, each.schedule.model_dump()) for each in deployment.schedules],
    }


def tasks(client: SyncPrefectClient) -> tuple[str, ...]:
    """The names of all task runs."""
    return tuple(task.name for task in client.read_task_runs())


def history(home: Path) -> dict[str, str]:
    """States by the names of the runs, as a server that has ended knows them."""
    with closing(sqlite3.connect(home / "mig-pipeline/prefect/prefect.db")) as connection:
        return dict(connection.execute("SELECT name, state_name FROM flow_run"))


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
