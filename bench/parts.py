"""
Prefect's parts beside a World: a server, a worker, the deployments; each a process that can be killed alone.

`mig serve` ends everything when a part of it dies. Whoever kills parts starts them one by one, as on a server of one's
own: `prefect server start`, `mig deploy`, `mig automations apply`, `prefect worker start`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun

from tasks import world

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[1]
FILE = ROOT / "prefect.yaml"
START_SECONDS = 180
RUN_SECONDS = 600
"""For the longest of what is waited for: the whole run of several, side by side."""

TINY = {"kind": "train", "model": "mlp", "slice": "small", "epochs": 1, "train_images": 2000}
WHERE = {"capacity": {"markets": ["on-demand"], "zones": ["us-east-1a"]}}
Request = Mapping[str, Any]
Seen = TypeVar("Seen")
_FOREIGN = ("PREFECT_API_URL", "PREFECT_PROFILES_PATH", world.GIVEN)


def tiny(name: str) -> Request:
    """One training of seconds on one slice."""
    return {"name": name, "workloads": [{"name": "first", **TINY}], **WHERE}


def endless(name: str) -> Request:
    """One training that ends by itself after hours."""
    return {"name": name, "workloads": [{"name": "first", **TINY, "epochs": 10_000}], **WHERE}


@dataclass(slots=True)
class Parts:
    """What runs, and what it is started with; a part that was killed may be started again, where it was."""

    home: Path
    address: str
    """The private file of the World, which outlives every part."""
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    """Prefect's settings of the server."""
    server: "subprocess.Popen[bytes] | None" = None
    worker: "subprocess.Popen[bytes] | None" = None

    @property
    def api(self) -> str:
        """Where the server answers."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def environment(self) -> dict[str, str]:
        """Of every part: nothing of the person's own Prefect."""
        own = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        return {
            **own,
            "PREFECT_API_URL": self.api,
            "PREFECT_HOME": str(self.home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            world.GIVEN: self.address,
        }

    def start_server(self) -> None:
        """Until it answers. Leases of slots are kept on disk: in memory a killed server would never free one."""
        leases = {
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(self.home / "ui"),
        }
        words = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        self.server = self._started(*words, log="server.log", settings={**leases, **self.settings})
        wait(lambda: answers(self.api), START_SECONDS, "Prefect's server answers")

    def start_worker(self) -> None:
        """Until the server knows it."""
        words = ["prefect", "worker", "start", "--pool", "local", "--type", "process", "--name", f"bench-{time.time()}"]
        self.worker = self._started(*words, log="worker.log", settings={"PREFECT_WORKER_QUERY_SECONDS": "1"})
        with self.client() as prefect:
            known = lambda: [each for each in prefect.read_workers_for_work_pool("local") if each.name == words[-1]]  # noqa: E731 (one line, used once)
            wait(known, START_SECONDS, "the worker is known")

    def shell(self, *words: str) -> str:
        """What a command of ours answers; it must succeed."""
        done = subprocess.run(
            [str(BIN / words[0]), *words[1:]],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def client(self) -> SyncPrefectClient:
        """Of the server."""
        return SyncPrefectClient(self.api)

    def billed(self) -> list[str]:
        """The instances of runs that the World's account would be billed for now; a cluster's system nodes stay."""
        shown = json.loads(world.ask("show", self.address))
        return [f"{each['instance_type']} of {each['run']}" for each in shown["billed"] if each["run"]]

    def end(self) -> None:
        """Kill what is left, the processes of runs among it: they know the home, too."""
        for process in (self.worker, self.server):
            kill(process)
        for pid in living(self.home):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _started(self, *words: str, log: str, settings: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        with (self.home / log).open("ab") as said:
            return subprocess.Popen(
                [str(BIN / words[0]), *words[1:]],
                cwd=self.home,
                env={**self.environment, **settings},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )


@contextmanager
def parts(settings: Mapping[str, str] | None = None) -> Iterator[Parts]:
    """A World, a server with the deployments and automations, a worker; what is left of them at the end is killed."""
    with ExitStack() as ends:
        home = Path(ends.enter_context(TemporaryDirectory(prefix="mig-bench-", ignore_cleanup_errors=True)))
        address = ends.enter_context(world.opened(60, lambda _: None))
        made = Parts(home=home, address=address, port=free_port(), settings=settings or {})
        ends.callback(made.end)
        made.start_server()
        made.shell("mig", "deploy", str(FILE))
        made.shell("mig", "automations", "apply")
        made.start_worker()
        yield made


def ask(prefect: SyncPrefectClient, request: Request, deployment: str = "rehearsal") -> FlowRun:
    """A run of the pipeline, as a person asks for it."""
    found = prefect.read_deployment_by_name(f"pipeline/{deployment}")
    return prefect.create_flow_run_from_deployment(found.id, parameters={"spec": {"target": "rehearsal", **request}})


def training(prefect: SyncPrefectClient, run: FlowRun) -> None:
    """Until a run trains: its nodes are up, and paid for."""

    def observe() -> bool:
        assert not over(prefect.read_flow_run(run.id)), f"{run.name} is over before it trains"
        return any(name.startswith("train ") for name in task_names(prefect, run))

    wait(observe, RUN_SECONDS, f"{run.name} trains")


def task_names(prefect: SyncPrefectClient, run: FlowRun) -> list[str]:
    """The tasks of a run so far, by name."""
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    return [each.name for each in prefect.read_task_runs(flow_run_filter=mine)]


def ended(prefect: SyncPrefectClient, run: FlowRun) -> FlowRun:
    """A run as it is when it is over."""
    wait(lambda: over(prefect.read_flow_run(run.id)), RUN_SECONDS, f"{run.name} ends")
    return prefect.read_flow_run(run.id)


def over(run: FlowRun) -> bool:
    """Whether it is over."""
    return run.state is not None and run.state.is_final()


def name_of(request: Request, run: FlowRun) -> str:
    """What a run calls itself."""
    return f"{request['name']}-{str(run.id)[:8]}"


def taken_down(prefect: SyncPrefectClient, name: str, *, since: float) -> tuple[float, str, float]:
    """The deployment `teardown`, asked for a run by nobody but the automation: begun when, its state, ended when."""

    def found() -> list[FlowRun]:
        return [each for each in prefect.read_flow_runs() if each.parameters.get("run_id") == name and each.start_time]

    (begun, *_) = wait(found, RUN_SECONDS, f"a teardown of {name} begins")
    done = ended(prefect, begun)
    assert done.start_time is not None
    assert done.end_time is not None
    return done.start_time.timestamp() - since, str(done.state_name), done.end_time.timestamp() - since


def wait(observe: Callable[[], Seen], seconds: float, what: str) -> Seen:
    """What is seen, once there is something; looked for four times a second, for so long."""
    end = time.monotonic() + seconds
    while True:
        seen = observe()
        if seen:
            return seen
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.25)


def answers(api: str) -> bool:
    """Whether a server is ready there."""
    with suppress(OSError), urllib.request.urlopen(f"{api}/health", timeout=5):  # noqa: S310 (ours)
        return True
    return False


def free_port() -> int:
    """One on loopback that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def kill(process: "subprocess.Popen[bytes] | None") -> None:
    """By SIGKILL, and it alone: what it has started lives on."""
    if process is not None:
        process.kill()
        process.wait()


def living(home: Path) -> list[int]:
    """Processes that were started with this folder as their home, but for this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if bytes(home) in (path / "environ").read_bytes() and int(path.name) != os.getpid():
                found.append(int(path.name))
    return found
