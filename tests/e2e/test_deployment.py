"""`mig serve`: a person starts a deployment, watches it and presses Ctrl-C; real server, worker, World and training."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import VariableCreate
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import automations

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TINY = {"kind": "train", "model": "mlp", "epochs": 1, "train_images": 2000}
WHERE = {"capacity": {"markets": ["on-demand"], "zones": ["us-east-1a"]}}
REQUEST = {
    "name": "deployed",
    "workloads": [{"name": "first", "slice": "small", **TINY}, {"name": "second", "slice": "medium", **TINY}],
    "capacity": {**WHERE["capacity"], "attempts": 3, "retry_minutes": 5},
    "rehearsal": {"faults": [{"kind": "no_capacity", "tries": 1}]},
    "notify": ["people"],
}
"""There is no capacity at first; the second of three tries finds some."""

ENDLESS = {"name": "endless", "workloads": [{"name": "third", "slice": "small", **TINY, "epochs": 10_000}], **WHERE}
FACTS = (
    "Refused: on-demand p4d.24xlarge us-east-1a\n",
    "Reason: InsufficientInstanceCapacity: ",
    "Next: on-demand p4d.24xlarge us-east-1a\n",
    "Its price: $21.96 an hour\n",
    "Next try: in 5 minutes: try 2 of 3",
)
"""What people are told when the only offer of that request is refused."""

SECRET = "hush"
"""In the address of the channel that the request names: a webhook's address is its password."""

REFUSED = {**ENDLESS, "name": "refused", "max_usd": 1}

START_SECONDS = 180
"""For server, World, work pool, deployments and worker: about thirty on two free cores."""

RUN_SECONDS = 400
"""For one tiny run: about forty on two free cores."""

END_SECONDS = 120
"""For a run's teardown, and for the last process of many to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What is known of some runs of the deployment when everything has ended."""

    deployed: tuple[DeploymentResponse, ...]
    """Every deployment, as `mig serve` made it."""
    again: tuple[DeploymentResponse, ...]
    """The same after plain `prefect deploy --all`."""
    applied: tuple[dict[str, str], ...]
    """What was done about the automations, twice, once somebody is to be told."""
    tries: tuple[FlowRun, ...]
    """Of the request that finds no capacity at first."""
    refused: FlowRun
    told: tuple[tuple[datetime, str], ...]
    """What people were told, and when."""
    events: tuple[dict[str, Any], ...]
    """Events of ours, in their order."""
    artifacts: tuple[Artifact, ...]
    tasks: tuple[str, ...]
    lines: tuple[str, ...]
    """All that the runs have logged."""
    history: tuple[tuple[str, str], ...]
    """Names of the runs and their states, as the server's home has them after the end."""
    code: int
    said: str
    alive: tuple[str, ...]
    """Commands of processes that still know the folder in which all this took place."""


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """Runs to their ends, and one that is still going at Ctrl-C; the user's own data and Prefect are left alone."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home))
        patch.setenv("PREFECT_HOME", str(home / "nobodys"))
        for given in ("PREFECT_API_URL", "MIG_WORLD"):
            patch.delenv(given, raising=False)
        with (
            serving(home) as (address, process),
            SyncPrefectClient(f"{address}/api") as client,
            receiver() as (hook, told),
        ):
            deployed = client.read_deployments()
            applied = listened(client, hook)
            rehearsal = client.read_deployment_by_name("pipeline/rehearsal")
            first, refused, _ = (
                client.create_flow_run_from_deployment(rehearsal.id, parameters={"spec": spec})
                for spec in (REQUEST, REFUSED, ENDLESS)
            )
            deploy(f"{address}/api")
            again = client.read_deployments()
            until(lambda: "train third on small" in tasks(client), RUN_SECONDS, "the other run's training")
            until(lambda: over(tries(client, first)), RUN_SECONDS, "the end of the second try")
            tried, refused = tries(client, first), client.read_flow_run(refused.id)
            artifacts, named, events = client.read_artifacts(), tasks(client), ours(client)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            process.wait(END_SECONDS)
    until(lambda: not alive(home), END_SECONDS, "the end of every process")
    return Rehearsed(
        deployed=tuple(deployed),
        again=tuple(again),
        applied=applied,
        tries=tried,
        refused=refused,
        told=tuple(told),
        events=events,
        artifacts=tuple(artifacts),
        tasks=named,
        lines=tuple(line for (line,) in stored(home, "SELECT message FROM log")),
        history=tuple(stored(home, "SELECT name, state_name FROM flow_run")),
        code=process.returncode,
        said=said(home),
        alive=alive(home),
    )


def test_the_deployment_runs_to_its_end(rehearsed: Rehearsed) -> None:
    """A worker, which starts runs in a folder of its own, carries the request out."""
    assert rehearsed.tries[-1].state is not None
    assert "Completed" == rehearsed.tries[-1].state.name, rehearsed.said
    assert "deployed-rehearsal" == rehearsed.tries[-1].name


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
    by_key = {each.key: each for each in artifacts(rehearsed, rehearsed.tries[-1])}

    assert "markdown" == by_key["report"].type
    assert all(name in str(by_key["report"].data) for name in ("first", "second", "succeeded"))
    assert "report.html" in str(by_key["report-page"].data)


def test_each_slice_is_in_a_table(rehearsed: Rehearsed) -> None:
    """The run's page says which pod had which slice of which GPU, and how it ended."""
    *_, last = (each for each in artifacts(rehearsed, rehearsed.tries[-1]) if each.key == "run-slices")

    used = [row for row in json.loads(str(last.data)) if row["pod"]]
    assert [("1g.5gb", "finished"), ("2g.10gb", "finished")] == sorted((row["profile"], row["state"]) for row in used)


def test_each_workload_has_a_task_and_a_bar_of_its_own(rehearsed: Rehearsed) -> None:
    """People see the workloads by name, on their slices, with their progress."""
    assert {"train first on small", "train second on medium"} <= set(rehearsed.tasks)
    assert {"workload-first", "workload-second"} <= {
        each.key for each in rehearsed.artifacts if each.type == "progress"
    }


def test_what_pods_say_is_in_the_log(rehearsed: Rehearsed) -> None:
    """The answers of a workload's pods are lines of its task's log."""
    assert any(line.startswith("first[0] result") for line in rehearsed.lines)


def test_a_refused_request_says_so_in_one_sentence(rehearsed: Rehearsed) -> None:
    """What the form accepts and no plan can carry out is a run in a state of that name, which has begun nothing."""
    assert rehearsed.refused.state is not None
    assert ("Refused", []) == (rehearsed.refused.state.name, artifacts(rehearsed, rehearsed.refused))
    assert str(rehearsed.refused.state.message).startswith("max_usd: 1 is less than the plan may cost: $21.96 an hour")


def test_what_a_run_will_do_is_said_first(rehearsed: Rehearsed) -> None:
    """The request and the plan, with its price, are on the run's page before anything else."""
    first, *_ = artifacts(rehearsed, rehearsed.tries[0])

    assert "plan" == first.key
    assert all(part in str(first.data) for part in ("$21.96 an hour", "1 × p4d.24xlarge", '"name": "deployed"'))


def test_without_capacity_the_next_try_is_a_run_of_its_own(rehearsed: Rehearsed) -> None:
    """It begins when it is due, not before, with the same request; one finds each from the other."""
    first, second = rehearsed.tries

    assert [("CapacityUnavailable", first.parameters), ("Completed", first.parameters)] == [
        (run.state_name, run.parameters) for run in rehearsed.tries
    ]
    assert {"try:2/3", f"tries:deployed-{str(first.id)[:8]}", f"after:{first.id}"} <= set(second.tags)
    assert [str(second.id) in str(each.data) for each in artifacts(rehearsed, first) if each.key == "tries"] == [True]
    assert second.start_time is not None
    assert second.start_time >= second.expected_start_time


def test_a_shortage_is_told_within_ten_seconds(rehearsed: Rehearsed) -> None:
    """A webhook has rung, reason, next rung, its price and the next try, from automations that are as declared."""
    refusal = next(each for each in rehearsed.events if each["event"] == "mig.capacity.refused")
    (at, message), *_ = (each for each in rehearsed.told if not each[1].startswith("people: "))

    assert 10 > (at - datetime.fromisoformat(refusal["occurred"])).total_seconds()
    assert [] == [fact for fact in FACTS if fact not in message]


def test_whom_a_request_names_is_told_too(rehearsed: Rehearsed) -> None:
    """By the run itself, of the refusal and of the end of the ladder; the channel's address is in no line."""
    mine = [message for _, message in rehearsed.told if message.startswith("people: ")]

    assert ["people: No capacity in one place", "people: No capacity anywhere"] == [
        message.rpartition(": deployed-")[0] for message in (each.splitlines()[0] for each in mine)
    ]
    assert SECRET not in "\n".join([*rehearsed.lines, rehearsed.said])


def test_events_of_a_run_are_none_too_many(rehearsed: Rehearsed) -> None:
    """A refusal, the end of the ladder with the time of the next try, and what was granted to the next."""
    mine = [each for each in rehearsed.events if str(each["resource"]["prefect.resource.name"]).startswith("deployed-")]

    assert ["mig.capacity.refused", "mig.capacity.exhausted", "mig.capacity.granted"] == [e["event"] for e in mine]
    assert "try 2 of 3" in mine[1]["payload"]["next_try"]


def test_automations_are_brought_to_what_is_declared_once(rehearsed: Rehearsed) -> None:
    """`mig serve` has made them; with somebody to tell they change, and a second time nothing does."""
    first, second = rehearsed.applied

    assert {"mig-shortage": "changed", "mig-silent": "as declared"}.items() <= first.items()
    assert {"as declared"} == set(second.values())


def test_ctrl_c_lets_a_run_take_its_nodes_down(rehearsed: Rehearsed) -> None:
    """What is still going is told to end and waited for; its nodes are gone, and the history has it as cancelled."""
    assert [
        ("deployed-rehearsal", "CapacityUnavailable"),
        ("deployed-rehearsal", "Completed"),
        ("endless-rehearsal", "Cancelled"),
        ("refused-rehearsal", "Refused"),
    ] == sorted(rehearsed.history), rehearsed.said
    assert 3 == rehearsed.said.count("teardown verified: nothing is left"), rehearsed.said


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


def stored(home: Path, query: str) -> list[Any]:
    """What a server that has ended leaves: all rows, where its API answers 200 at most."""
    with closing(sqlite3.connect(home / "mig-pipeline/prefect/prefect.db")) as connection:
        return connection.execute(query).fetchall()


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[datetime, str]]]]:
    """Where a webhook is called, and what was said there when."""
    told: list[tuple[datetime, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told.append((datetime.now(UTC), said["body"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is to be said."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}/", told
        finally:
            listening.shutdown()
            thread.join()


def listened(client: SyncPrefectClient, hook: str) -> tuple[dict[str, str], ...]:
    """Have people told by a webhook; what was done about the automations, the first time and the second."""
    with temporary_settings({PREFECT_API_URL: str(client.api_url)}):
        CustomWebhookNotificationBlock(name="hook", url=hook, json_data={"body": "{{body}}"}).save("hook")
        said = {"body": "people: {{subject}}\n{{body}}"}
        CustomWebhookNotificationBlock(name="people", url=f"{hook}{SECRET}", json_data=said).save("people")
    client.create_variable(VariableCreate(name=automations.CHANNELS, value="hook"))
    declared = automations.read_file(ROOT / automations.FILE)
    return tuple(automations.apply(client, declared) for _ in range(2))


def tries(client: SyncPrefectClient, first: FlowRun) -> tuple[FlowRun, ...]:
    """All tries of a request, in their order."""
    found = [run for run in client.read_flow_runs() if run.id == first.id or f"after:{first.id}" in run.tags]
    return tuple(sorted(found, key=lambda run: run.expected_start_time or datetime.max.replace(tzinfo=UTC)))


def over(tried: tuple[FlowRun, ...]) -> bool:
    """Whether the second try has ended."""
    return len(tried) > 1 and all(run.state is not None and run.state.is_final() for run in tried)


def ours(client: SyncPrefectClient) -> tuple[dict[str, Any], ...]:
    """The events of ours, in their order."""
    asked = {"filter": {"event": {"prefix": ["mig."]}, "order": "ASC"}}
    answer = client.request("POST", "/events/filter", json=asked).json()
    return tuple(answer["events"])


def artifacts(rehearsed: Rehearsed, run: FlowRun) -> list[Artifact]:
    """What a run has on its page, the earliest first."""
    mine = [each for each in rehearsed.artifacts if each.flow_run_id == run.id]
    return sorted(mine, key=lambda each: str(each.created))


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
