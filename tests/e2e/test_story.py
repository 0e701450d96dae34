"""The story itself: `mig run` from request to teardown, on the real control plane, engine, S3 server and training."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from flows.server import server
from infra.actions import table
from mig import labels
from rehearsal.aws.calls import called
from tasks import kube
from tasks.connect import Site, attach, aws, kubernetes
from tasks.dataset import CACHE
from tasks.publish import recorded
from tasks.world import opened, whole
from training.contract import Orders
from training.device import find
from training.evaluation import evaluate
from training.images import load
from training.models import build

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
MIG = str(Path(sys.executable).parent / "mig")
Ended = tuple[int, dict[str, Any], str]
"""Exit code, report, and everything that was said."""

TINY = {"kind": "train", "model": "mlp", "epochs": 1, "train_images": 2000}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One World, whole from the start, and one Prefect server for the runs here; the user's own data is left alone."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("XDG_DATA_HOME", str(home))
        patch.setenv("PREFECT_HOME", str(home / "prefect"))
        with opened(60, print, standing=whole()) as address, server():
            patch.setenv("MIG_WORLD", address)
            yield address


def request(**fields: Any) -> dict[str, Any]:
    """A request for one tiny training, changed."""
    tiny = {"name": "story", "workloads": [{"name": "small", "slice": "small", **TINY}]}
    return {**tiny, "capacity": {"markets": ["on-demand"], "zones": ["us-east-1a"]}, **fields}


def run(folder: Path, spec: Mapping[str, Any]) -> Ended:
    """The exit code of `mig run`, its report, and everything it said."""
    file = folder / "spec.yaml"
    file.write_text(yaml.safe_dump(dict(spec)), encoding="utf-8")
    done = subprocess.run([MIG, "run", str(file)], cwd=folder, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    last = (done.stdout.splitlines() or [""])[-1]
    assert last.startswith("report: "), said
    return done.returncode, json.loads(Path(last.removeprefix("report: ")).read_text(encoding="utf-8")), said


def left_of(address: str, run_id: str) -> list[str]:
    """What of a run is still alive in the World's account."""
    site = attach(address)
    alive = {"Name": "instance-state-name", "Values": ["pending", "running"]}
    mine = {"Name": f"tag:{labels.TAG_RUN}", "Values": [run_id]}
    instances = aws(site, "ec2").describe_instances(Filters=[alive, mine])
    groups = aws(site, "eks").list_nodegroups(clusterName=site.cluster)["nodegroups"]
    return [i["InstanceId"] for r in instances["Reservations"] for i in r["Instances"]] + [
        name for name in groups if run_id in name
    ]


def test_the_main_job_trains_serves_reports_and_leaves_nothing(world: str, tmp_path: Path) -> None:
    """Two trainings and two services run side by side on slices of their own, and everything they made is in S3."""
    spec = yaml.safe_load((ROOT / "deployments/specs/rehearsal.yaml").read_text(encoding="utf-8"))
    large, medium, serve = spec["workloads"]
    short = [{**large, "train_images": 320}, {**medium, "epochs": 1, "train_images": 1600}, {**serve, "seconds": 3}]

    code, report, said = run(tmp_path, {**spec, "workloads": short})

    assert (code, report["status"], report["teardown"]) == (0, "succeeded", {"verified": True, "left": []}), said
    assert [1, 1, 2] == [len(workload["pods"]) for workload in report["workloads"]]
    assert ["3g.20gb", "2g.10gb", "1g.5gb"] == [workload["profile"] for workload in report["workloads"]]
    pods = [pod for workload in report["workloads"] for pod in workload["pods"]]
    assert len(pods) == len({(pod["node"], pod["device"]) for pod in pods})
    assert 32 == len(report["nodes"][0]["devices"])
    assert [] == left_of(world, report["run_id"])
    _serves_what_was_trained(report)
    _model_in_s3_gives_the_reported_figure(attach(world), report)
    assert (tmp_path / "runs" / report["run_id"] / "report.html").read_text(encoding="utf-8").startswith("<!doctype")


def _serves_what_was_trained(report: dict[str, Any]) -> None:
    trained, serving = report["workloads"][1]["metrics"], report["workloads"][2]["metrics"]
    assert [trained["model_sha256"]] * 2 == [pod["model_sha256"] for pod in serving["pods"]]


def _model_in_s3_gives_the_reported_figure(site: Site, report: dict[str, Any]) -> None:
    """Loaded anew, on all 10,000 test images."""
    medium = report["workloads"][1]
    address = next(each for each in medium["artifacts"] if each.endswith("model-1.pt"))
    bucket, _, key = address.removeprefix("s3://").partition("/")
    weights = aws(site, "s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert medium["metrics"]["model_sha256"] == hashlib.sha256(weights).hexdigest()
    network = build("cnn", 32)
    network.load_state_dict(torch.load(io.BytesIO(weights), weights_only=True))
    orders = Orders(run_id="again", workload="medium", kind="train", model="cnn", data="s3://b/d", output="s3://b/o")
    device = find(orders)
    tested = evaluate(network, load(CACHE.expanduser(), "test", device.torch), device, image_size=32)
    assert medium["metrics"]["accuracy"] == pytest.approx(tested.accuracy, abs=0.002)


TWO_MARKETS = {"markets": ["spot", "on-demand"], "zones": ["us-east-1a"]}
SPOT_IS_SOLD_OUT = {"faults": [{"kind": "no_capacity", "market": "spot"}]}
LATE = {**TINY, "learning_rate": 9.0, "precision": "bf16", "timeout_minutes": 0.02}
BESIDE: Mapping[str, dict[str, Any]] = {
    "own": {
        "workloads": [{"name": "whole", "slice": "4g.20gb", **TINY}, {"name": "part", "slice": "1g.10gb", **TINY}],
        "capacity": TWO_MARKETS,
        "rehearsal": SPOT_IS_SOLD_OUT,
    },
    "other-pair": {"release": "article"},
    "one-late": {
        "workloads": [{"name": "right", "slice": "small", **TINY}, {"name": "wrong", "slice": "small", **LATE}]
    },
    "no-capacity": {"capacity": TWO_MARKETS, "rehearsal": {"faults": [{"kind": "no_capacity"}]}},
    "mig-failed": {"rehearsal": {"faults": [{"kind": "mig_failed"}]}},
    "mig-stuck": {"rehearsal": {"faults": [{"kind": "mig_stuck"}]}},
}
"""Requests by name, each for what it differs in."""


@pytest.fixture(scope="module")
def beside(world: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Six runs side by side on one World: what one has asked for, faults and all, acts on that one only."""
    with ThreadPoolExecutor() as together:
        running = {
            name: together.submit(run, tmp_path_factory.mktemp(name), request(name=name, **fields))
            for name, fields in BESIDE.items()
        }
        ended = {name: future.result() for name, future in running.items()}
    assert [] == [left for _, report, _ in ended.values() for left in left_of(world, report["run_id"])]
    return ended


def test_a_geometry_of_our_own_is_cut_on_the_second_rung(beside: dict[str, Ended]) -> None:
    """A refused rung is followed by the next; slices that no shipped config has together are found, cut and used."""
    code, report, said = beside["own"]

    assert (0, "succeeded") == (code, report["status"]), said
    assert ["refused", "held"] == [offer["outcome"] for offer in report["offers"]]
    assert report["plan"]["nodes"][0]["config_name"].startswith("mig-")
    assert ["4g.20gb", "1g.10gb"] == [workload["profile"] for workload in report["workloads"]]


def test_another_pair_than_stands_is_refused(beside: dict[str, Ended]) -> None:
    """Before anything is made, in a sentence that names what stands."""
    code, report, said = beside["other-pair"]

    assert (2, "refused", []) == (code, report["status"], report["offers"]), said
    assert "release: article is not what stands in cluster mig: it has gpu-operator v26.7.0" in said


def test_no_capacity_anywhere_is_told_rung_by_rung(beside: dict[str, Ended]) -> None:
    """When every offer is refused the run ends with exit code 3, each rung with AWS's code and reason."""
    code, report, said = beside["no-capacity"]

    assert (3, "no_capacity") == (code, report["status"]), said
    assert ["UnfulfillableCapacity", "InsufficientInstanceCapacity"] == [o["code"] for o in report["offers"]]
    assert all(offer["reason"] for offer in report["offers"])


SELDOM = {"ec2:DeleteLaunchTemplate", "eks:DeleteNodegroup"}
"""For what an engine that was killed had only begun: what a stack knows goes with the stack."""

ON_AWS_ALONE = {"ec2:DescribeSpotPriceHistory", "pricing:GetProducts"}
"""A World's prices are a table."""


@pytest.mark.usefixtures("beside")
def test_what_was_called_is_what_the_policies_allow(world: str) -> None:
    """Runs and their pods have called each action that their policies have been given for it, and no other."""
    heard = called(Path(world).parent)

    assert table().calls["runs"] - SELDOM - ON_AWS_ALONE == set(heard["runs"]) - SELDOM
    assert table().calls["workload"] >= set(heard["workload"])
    assert {"s3:GetObject", "s3:PutObject"} <= set(heard["workload"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("mig-failed", "failed", id="MIG Manager ends in failed"),
        pytest.param("mig-stuck", "pending", id="MIG Manager never leaves pending"),
    ],
)
def test_a_node_that_is_not_cut_ends_the_run(beside: dict[str, Ended], name: str, reason: str) -> None:
    """A broken MIG Manager ends the run within its phase's deadline, with a reason, and its nodes are gone."""
    code, report, said = beside[name]

    assert (1, "failed") == (code, report["status"]), said
    assert reason in report["why"]
    assert report["teardown"]["verified"]


def test_a_workload_that_fails_is_named_and_the_others_count(beside: dict[str, Ended]) -> None:
    """One workload that is not done in time ends as failed with its reason; the other one's result is kept."""
    code, report, said = beside["one-late"]

    assert (1, "failed") == (code, report["status"]), said
    assert ["succeeded", "failed"] == [workload["status"] for workload in report["workloads"]]
    assert "wrong" in report["why"]


def test_a_training_whose_pod_is_deleted_goes_on_in_the_next(world: str, tmp_path: Path) -> None:
    """The Job makes another pod, which begins where the first one was told to stop, and the curve is whole."""
    long = [{"name": "small", "slice": "small", **TINY, "epochs": 40, "checkpoint_minutes": 0}]
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump(request(name="moved", workloads=long)), encoding="utf-8")
    with subprocess.Popen([MIG, "run", str(file)], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        said = []
        for line in process.stderr or ():
            said.append(line)
            if "small[0] epoch epoch 1 " in line and not any("resumed" in each for each in said):
                _delete_pods(attach(world), next((tmp_path / "runs").iterdir()).name)

    assert 0 == process.returncode, "".join(said)
    (report,) = (json.loads(each.read_text(encoding="utf-8")) for each in tmp_path.glob("runs/*/report.json"))
    (workload,) = report["workloads"]
    assert [line for line in said if "event resumed checkpoint s3://" in line], "".join(said)
    assert list(range(1, 41)) == [epoch["epoch"] for epoch in workload["curve"]]


def _delete_pods(site: Site, namespace: str) -> None:
    client = kubernetes(site)
    for pod in kube.items(client, f"/api/v1/namespaces/{namespace}/pods"):
        kube.delete(client, f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}")


def test_ctrl_c_takes_everything_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted while its nodes are up, a run tears them down, says so, and leaves no process of its own."""
    monkeypatch.delenv("MIG_WORLD", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump(request()), encoding="utf-8")
    with subprocess.Popen(
        [MIG, "run", str(file)], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "mig.capacity.granted" in line:  # twice: people do
                os.killpg(process.pid, signal.SIGINT)
                time.sleep(1)
                os.killpg(process.pid, signal.SIGINT)
        process.wait()

    assert "teardown verified" in (everything := "".join(said)), everything
    (record,) = (tmp_path / "runs").iterdir()
    report = json.loads((record / "report.json").read_text(encoding="utf-8"))
    assert ("cancelled", True) == (report["status"], report["teardown"]["verified"])
    assert not Path(_site(tmp_path, record.name, monkeypatch).address).exists()
    assert [] == _members(process.pid)


def test_what_outlived_a_killed_run_is_found_and_swept(world: str, tmp_path: Path) -> None:
    """A run is killed at work: its slices are told with their holder, a dry run only says, a sweep leaves nothing."""
    run_id = _killed_at_work(tmp_path)
    _declare_crashed(run_id)

    slices = json.loads(_said("slices", "--json"))
    assert [{"holder": run_id, "profile": "1g.5gb", "holds": 1, "waits for": 0}] == slices["holders"]
    assert [(56, 1, 55, 0)] == [(s["total"], s["allocated"], s["available"], s["pending"]) for s in slices["slices"]]
    assert f"{run_id}  would be swept  its flow run is over: CRASHED" in _said("sweep", "--dry-run")
    assert 2 == len(left_of(world, run_id))
    assert f"{run_id}  swept  " in _said("sweep")
    assert [] == left_of(world, run_id)


def _killed_at_work(folder: Path) -> str:
    """The name of a run that was killed when its pod ran, and could tell nobody."""
    busy = [{"name": "small", "slice": "small", **TINY, "epochs": 1000}]
    file = folder / "spec.yaml"
    file.write_text(yaml.safe_dump(request(name="killed", workloads=busy)), encoding="utf-8")
    with subprocess.Popen(
        [MIG, "run", str(file)], cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        said = []
        for line in process.stderr or ():
            said.append(line)
            if "1/1 pods running" in line:
                os.killpg(process.pid, signal.SIGKILL)
    assert -signal.SIGKILL == process.returncode, "".join(said)
    return next((folder / "runs").iterdir()).name


def _declare_crashed(run_id: str) -> None:
    """Say that the flow run is dead, as whoever notices its silence does."""
    with SyncPrefectClient(os.environ["PREFECT_API_URL"]) as client:
        (dead,) = [each for each in client.read_flow_runs() if run_id.endswith(str(each.id)[:8])]
        assert StateType.RUNNING == dead.state_type
        client.set_flow_run_state(dead.id, Crashed(), force=True)


def _said(*words: str) -> str:
    """What `mig WORDS` answers, started from nowhere near the run."""
    done = subprocess.run([MIG, *words], cwd="/", capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def _site(folder: Path, run_id: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(folder)
    site = recorded(run_id)
    assert site is not None
    return site


def _members(session: int) -> list[str]:
    """Processes that still belong to a session, after a moment for the last to end."""
    time.sleep(0.5)
    listed = subprocess.run(["ps", "-s", str(session), "-o", "pid=,args="], capture_output=True, text=True, check=False)
    return listed.stdout.splitlines()
