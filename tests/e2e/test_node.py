"""Simulated nodes on the real control plane: what a kubelet promises, seen through the API server."""

import hashlib
import json
import math
import os
import random
import struct
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import pytest
import torch
from kubernetes.config import new_client_from_config
from moto.server import ThreadedMotoServer

from mig import labels
from mig.manifest import build
from mig.plan import draw
from mig.release import RELEASES
from mig.spec import RunSpec
from rehearsal import private
from rehearsal.api_server import ApiServer
from rehearsal.clock import Clock
from rehearsal.faults import Enrolment
from rehearsal.node.fleet import Fleet, Instance
from rehearsal.node.services import ADDRESS
from rehearsal.ports import LOOPBACK
from rehearsal.process import Process
from rehearsal.servers import binaries
from rehearsal.servers.bucket import Credentials
from rehearsal.servers.control_plane import ControlPlane
from tasks import kube
from tasks.stage import sources
from training import models as networks
from training.contract import Orders
from training.data import STEMS, SUMS
from training.images import prepare
from training.published import publish
from training.store import Folder

pytestmark = pytest.mark.e2e

NAMESPACE = "default"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
DRA = "/apis/resource.k8s.io/v1"
SLICES = f"{DRA}/resourceslices"
OF_A_SERVICE = (("/api/v1", "services/web"), ("/api/v1", "pods"), ("/apis/batch/v1", "jobs/web"))
PICTURES = 20
TORCH_SECONDS = 120.0
"""What two pods may take to import it on a busy machine."""
SECONDS = 30.0
"""Far more than anything here takes: a busy machine is not a failure."""


class Stack:
    """A node's NVIDIA side that is ready at once, and remembers what it was told."""

    def __init__(self, reboot: Callable[[], None]) -> None:
        self.reboot = reboot
        self.told: list[str] = []

    def owns(self, pod: dict[str, Any]) -> bool:
        """Those that say so."""
        return "simulated" in pod["metadata"].get("labels", {})

    def start(self, pod: dict[str, Any]) -> None:
        """Remember."""
        self.told.append(f"start {pod['metadata']['name']}")

    def ready(self, pod: dict[str, Any]) -> bool:
        """Always."""
        return bool(pod)

    def stop(self, pod: dict[str, Any]) -> None:
        """Remember."""
        self.told.append(f"stop {pod['metadata']['name']}")


class Stage:
    """A control plane and a fleet."""

    def __init__(self, folder: Path, parts: ExitStack) -> None:
        plane = ControlPlane(folder, binaries.resolve(os.environ, print))
        parts.callback(plane.stop)
        plane.start()
        self.kubeconfig = plane.kubeconfig
        s3 = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
        s3.start()
        parts.callback(s3.stop)
        self.s3 = f"http://{LOOPBACK}:{s3.get_host_and_port()[1]}"
        self.api = ApiServer(plane.kubeconfig, scratch=private.folder(folder / "keys"))
        parts.callback(self.api.close)
        self.stacks: dict[str, Stack] = {}
        self.folder = folder / "fleet"
        serving = plane.kubelet_serving
        self.fleet = Fleet(
            kubeconfig=plane.kubeconfig,
            folder=self.folder,
            clock=Clock(scale=600),
            serving=(serving.certificate, serving.key),
            client_ca=plane.kubelet_trust,
            environment={"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": self.s3},
            grant=lambda namespace, _: Credentials(access_key="AKIATEST", secret_key="hush") if namespace else None,
            driver=lambda: RELEASES["current"],
            stack=self._stack,
        )
        parts.callback(self.fleet.stop)

    def boot(self, name: str, **labelled: str) -> str:
        """Boot a node, wait until it can be used, and tell the id of its instance."""
        instance = Instance(
            id=f"i-{name}",
            name=name,
            instance_type="p4d.24xlarge",
            zone="us-east-1a",
            market="on-demand",
            labels={"node": name, **labelled},
            taints=(),
            run_id=name,
            enrolment=Enrolment(run_id=name, seed=1, faults=()),
        )
        self.fleet.boot(instance)
        until(lambda: self.ready(name) == "True")
        return instance.id

    def ready(self, name: str) -> str:
        """The Ready condition of a Node; empty while there is none."""
        for node in self.items("/api/v1/nodes", fieldSelector=f"metadata.name={name}"):
            return str(next(c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready"))
        return ""

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """All objects of a collection."""
        return list(self.api.get(path, **query)["items"])

    def run(self, name: str, script: str, **spec: Any) -> dict[str, Any]:
        """A pod with a shell in it, as it was made."""
        container = {"name": "main", "image": "none", "workingDir": "/work", "command": ["sh", "-c", script]}
        content = {
            "containers": [container | spec.pop("container", {})],
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            **spec,
        }
        labels = {"simulated": "true"} if script == "simulated" else {}
        return self.api.create(
            PODS,
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": content},
        )

    def pod(self, name: str) -> dict[str, Any]:
        """One pod as it is now; empty when it is gone."""
        found = self.items(PODS, fieldSelector=f"metadata.name={name}")
        return found[0] if found else {}

    def phase(self, name: str) -> str:
        """Of a pod; empty when it is gone."""
        return str(self.pod(name).get("status", {}).get("phase", ""))

    def log(self, name: str, *, pods: str = PODS, **query: str) -> str:
        """What a pod said, through the API server."""
        answer = self.api.stream(f"{pods}/{name}/log", **query)
        try:
            return answer.data.decode()
        finally:
            answer.release_conn()

    def _stack(self, instance: Instance, reboot: Callable[[], None]) -> Stack:
        return self.stacks.setdefault(instance.name, Stack(reboot))


def until(happened: Callable[[], object], *, seconds: float = SECONDS) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def on(node: str) -> dict[str, Any]:
    """The part of a pod's spec that puts it on one node."""
    return {"nodeSelector": {"node": node}}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for all tests, and a node `one` that stays."""
    with ExitStack() as parts:
        built = Stage(tmp_path_factory.mktemp("stage"), parts)
        until(lambda: built.items(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"))
        built.boot("one")
        yield built


@pytest.fixture
def models(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket with a small data set and a published network, as a pipeline stages the one and a training the other."""
    for name, value in {"ENDPOINT_URL_S3": stage.s3, "ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("s3").create_bucket(Bucket="bucket")
    shapes = ((PICTURES, 28, 28), (PICTURES,)) * 2
    files = {
        stem: struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(math.prod(shape))
        for stem, shape in zip(STEMS, shapes, strict=True)
    }
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    for name, content in {**files, SUMS: sums.encode()}.items():
        Folder("s3://bucket/data").write(name, content)
    fitted = Orders(run_id="r0", workload="m", kind="train", model="mlp", data="", output="", image_size=28)
    publish(Folder("s3://bucket/models"), _network(), fitted, accuracy=0.5, epoch=1)
    return "s3://bucket"


def test_exit_codes_reach_the_job(stage: Stage) -> None:
    """A Job's failure policy sees the exit code of each of its processes."""
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    container = {
        "name": "main",
        "image": "none",
        "command": ["python", "-c", "import os; raise SystemExit(42 * int(os.environ['JOB_COMPLETION_INDEX']))"],
    }
    spec = {
        "completions": 2,
        "parallelism": 2,
        "completionMode": "Indexed",
        "podFailurePolicy": {"rules": [rule]},
        "template": {
            "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]}
        },
    }
    stage.api.create(JOBS, {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "codes"}, "spec": spec})

    until(lambda: "Failed" in {c["type"] for c in stage.api.get(f"{JOBS}/codes")["status"].get("conditions", [])})
    why = next(c for c in stage.api.get(f"{JOBS}/codes")["status"]["conditions"] if c["type"] == "Failed")

    assert why["reason"] == "PodFailurePolicy"
    assert "exit code 42" in why["message"]


def test_logs(stage: Stage) -> None:
    """`kubectl logs` shows what a process says, while it says it, and after."""
    stage.run("talker", "echo one; sleep 0.5; echo two >&2; sleep 0.5; echo three", **on("one"))
    until(lambda: stage.phase("talker") == "Running")

    assert stage.log("talker", follow="true") == "one\ntwo\nthree\n"
    assert stage.log("talker", tailLines="1") == "three\n"
    assert stage.log("talker", limitBytes="5") == "one\nt"
    assert stage.log("talker", sinceSeconds="600", timestamps="true").split()[1::2] == ["one", "two", "three"]


def test_log_of_the_run_before(stage: Stage) -> None:
    """A container that was restarted has the log of its last run besides that of this one."""
    volumes = [{"name": "seen", "emptyDir": {}}]
    container = {"volumeMounts": [{"name": "seen", "mountPath": "/work/seen"}]}
    script = "date +%N; [ -e seen/before ] || { touch seen/before; exit 1; }; exec sleep 60"
    stage.run("again", script, restartPolicy="OnFailure", volumes=volumes, container=container, **on("one"))
    until(lambda: stage.pod("again")["status"].get("containerStatuses", [{}])[0].get("restartCount") == 1)
    until(lambda: stage.log("again") not in ("", stage.log("again", previous="true")))

    assert stage.log("again", previous="true")
    stage.api.delete(f"{PODS}/again", {"gracePeriodSeconds": 0})


def test_deletion_asks_first(stage: Stage, tmp_path: Path) -> None:
    """A deleted pod's process is asked to end, may say its last words, and is gone with the pod."""
    script = "trap 'echo asked > $OUT/words; exit 0' TERM; echo $$$$ > $OUT/pid; while :; do sleep 0.05; done"
    stage.run("polite", script, **_writes_to(tmp_path), **on("one"))
    process = _process(tmp_path / "pid")

    stage.api.delete(f"{PODS}/polite")
    until(lambda: not stage.phase("polite"))

    assert not process.alive()
    assert (tmp_path / "words").read_text() == "asked\n"


def test_deletion_does_not_wait_for_ever(stage: Stage, tmp_path: Path) -> None:
    """A process that does not listen is killed when its grace is over, with all that it has started."""
    script = "trap '' TERM; sleep 60 & echo $! > $OUT/pid; wait"
    stage.run("deaf", script, terminationGracePeriodSeconds=1, **_writes_to(tmp_path), **on("one"))
    child = _process(tmp_path / "pid")

    stage.api.delete(f"{PODS}/deaf")
    until(lambda: not stage.phase("deaf"))

    assert not child.alive()


def test_deadline(stage: Stage) -> None:
    """A pod that outlives its deadline ends, and says why."""
    stage.run("late", "exec sleep 60", activeDeadlineSeconds=1, **on("one"))
    until(lambda: stage.phase("late") == "Failed")

    assert stage.pod("late")["status"]["reason"] == "DeadlineExceeded"


def test_what_an_image_would_know(stage: Stage) -> None:
    """A container without a command says that there is no engine here to ask its image."""
    stage.run("imaged", "", container={"command": []}, **on("one"))
    until(lambda: stage.pod("imaged")["status"].get("containerStatuses"))
    waiting = stage.pod("imaged")["status"]["containerStatuses"][0]["state"]["waiting"]

    assert waiting["reason"] == "CreateContainerConfigError"
    assert "no container engine" in waiting["message"]
    stage.api.delete(f"{PODS}/imaged")


def test_credentials(stage: Stage) -> None:
    """The AWS SDK in a pod finds the credentials of its service account, and its manifest holds none."""
    script = (
        "import boto3; c = boto3.Session().get_credentials(); print(c.method, c.get_frozen_credentials().access_key)"
    )
    stage.run("client", "", container={"command": ["python", "-c", script]}, **on("one"))
    until(lambda: stage.phase("client") == "Succeeded")

    assert stage.log("client") == "container-role AKIATEST\n"
    assert "hush" not in str(stage.pod("client"))


def test_devices(stage: Stage) -> None:
    """Each pod is told the device that the scheduler gave it, and no two have one at the same time."""
    stage.boot("gpus")
    _publish(stage, "gpus", "small-0", "small-1")
    claim = {"spec": {"devices": {"requests": [{"name": "slice", "exactly": {"deviceClassName": "small"}}]}}}
    names = {"metadata": {"name": "small"}}
    expression = "device.driver == 'gpu.nvidia.com'"
    stage.api.create(f"{DRA}/deviceclasses", names | {"spec": {"selectors": [{"cel": {"expression": expression}}]}})
    stage.api.create(f"{DRA}/namespaces/{NAMESPACE}/resourceclaimtemplates", names | {"spec": claim})
    container = {
        "name": "main",
        "image": "none",
        "command": ["sh", "-c", "date +%s.%N; echo $NVIDIA_VISIBLE_DEVICES; sleep 0.3; date +%s.%N"],
        "resources": {"claims": [{"name": "gpu"}]},
    }
    template = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "small"}],
        "containers": [container],
    }
    spec = {"completions": 4, "parallelism": 4, "template": {"metadata": {"labels": {"j": "d"}}, "spec": template}}
    stage.api.create(JOBS, {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "devices"}, "spec": spec})

    until(lambda: stage.api.get(f"{JOBS}/devices")["status"].get("succeeded") == 4)
    said = [stage.log(pod["metadata"]["name"]).split() for pod in stage.items(PODS, labelSelector="j=d")]
    spans = sorted((device, float(began), float(ended)) for began, device, ended in said)

    assert {"MIG-small-0", "MIG-small-1"} == {device for device, _, _ in spans}
    assert all(a[0] != b[0] or a[2] <= b[1] for a, b in pairwise(spans))


def test_device_that_is_not_there(stage: Stage) -> None:
    """A pod whose claim was given a device that the node does not have is told so in the driver's words."""
    stage.boot("stale")
    _publish(stage, "stale", "small-0")
    claims = f"{DRA}/namespaces/{NAMESPACE}/resourceclaims"
    request = {"name": "slice", "exactly": {"deviceClassName": "any"}}
    stage.api.create(claims, {"metadata": {"name": "old"}, "spec": {"devices": {"requests": [request]}}})
    result = {"request": "slice", "driver": "gpu.nvidia.com", "pool": "stale", "device": "small-7"}
    pod = stage.run(
        "stranger",
        "true",
        nodeName="stale",
        resourceClaims=[{"name": "gpu", "resourceClaimName": "old"}],
        container={"resources": {"claims": [{"name": "gpu"}]}},
    )
    user = {"resource": "pods", "name": "stranger", "uid": pod["metadata"]["uid"]}
    status = {"allocation": {"devices": {"results": [result]}}, "reservedFor": [user]}
    stage.api.patch(f"{claims}/old/status", {"status": status})

    def waiting() -> dict[str, str]:
        statuses = stage.pod("stranger")["status"].get("containerStatuses", [{}])
        return dict(statuses[0].get("state", {}).get("waiting", {}))

    until(lambda: RELEASES["current"].stale_error("small-7") in waiting().get("message", ""))

    assert waiting()["reason"] == "FailedPrepareDynamicResources"
    stage.api.delete(f"{PODS}/stranger")


def test_stack_pods(stage: Stage) -> None:
    """A pod of the node's stack is Ready when the stack says so, and ends with its deletion; no process is started."""
    stage.run("driver", "simulated", **on("one"))
    until(lambda: "True" in _conditions(stage.pod("driver")).get("Ready", ""))
    stage.api.delete(f"{PODS}/driver")
    until(lambda: not stage.phase("driver"))

    assert stage.stacks["one"].told == ["start driver", "stop driver"]


def test_service(stage: Stage, models: str) -> None:
    """Whoever calls a Service from outside is answered by the real workload in its pods, each in its turn."""
    web = {"name": "web", "kind": "infer", "model": "mlp", "model_from": f"{models}/models", "http": True}
    web |= {"count": 2, "seconds": 600, "requests": 2 * PICTURES, "precision": "fp32"}
    spec = RunSpec.model_validate({"workloads": [web]})
    made = build(spec, draw(spec, "r1"), bucket="bucket", data=f"{models}/data", sources=sources())
    stage.boot("web", **{labels.RUN: "r1"})
    _publish(stage, "web", "small-0", "small-1", type="mig", profile="1g.5gb")
    for manifest in made:
        kube.apply(new_client_from_config(config_file=str(stage.kubeconfig)), manifest)
    service, pods, job = (f"{path}/namespaces/r1/{kind}" for path, kind in OF_A_SERVICE)

    until(lambda: ADDRESS in stage.api.get(service)["metadata"].get("annotations", {}))
    address = stage.api.get(service)["metadata"]["annotations"][ADDRESS]
    until(lambda: [_conditions(pod).get("Ready") for pod in stage.items(pods)] == ["True"] * 2, seconds=TORCH_SECONDS)
    answers = [_called(f"http://{address}/predict") for _ in range(4)]
    until(lambda: stage.api.get(job)["status"].get("succeeded") == 2)

    assert answers == [_classes()] * 4
    assert not stage.items("/api/v1/namespaces/r1/events", fieldSelector="type=Warning,involvedObject.kind=Service")
    said = [stage.log(pod["metadata"]["name"], pods=pods) for pod in stage.items(pods)]
    assert [json.loads(each.splitlines()[-1])["images"] for each in said] == [2 * PICTURES] * 2
    stage.api.delete("/api/v1/namespaces/r1")


def test_reboot(stage: Stage) -> None:
    """A reboot ends processes, wipes slices, changes the boot ID, and starts the stack's programs again."""
    stage.boot("two")
    before = stage.items("/api/v1/nodes", fieldSelector="metadata.name=two")[0]["status"]["nodeInfo"]["bootID"]
    _publish(stage, "two", "small-0")
    stage.run("victim", "exec sleep 60", **on("two"))
    stage.run("agent", "simulated", **on("two"))
    until(lambda: stage.phase("victim") == "Running" and _conditions(stage.pod("agent")).get("Ready") == "True")

    stage.stacks["two"].reboot()
    until(lambda: stage.ready("two") == "Unknown")
    until(lambda: stage.ready("two") == "True")
    after = stage.items("/api/v1/nodes", fieldSelector="metadata.name=two")[0]["status"]["nodeInfo"]["bootID"]
    until(lambda: stage.phase("victim") == "Failed")
    ended = stage.pod("victim")["status"]["containerStatuses"][0]["state"]["terminated"]

    assert before != after
    assert ended["exitCode"] == 255
    assert ended["reason"] == "Unknown"
    until(lambda: not stage.items(SLICES, fieldSelector="spec.nodeName=two"))
    until(lambda: stage.stacks["two"].told == ["start agent", "stop agent", "start agent"])
    until(lambda: stage.pod("agent")["status"]["containerStatuses"][0]["restartCount"] == 1)


def test_terminate(stage: Stage, tmp_path: Path) -> None:
    """When an instance has been terminated, nothing is left of its node: no process, no pod, no slice, no Node."""
    instance = stage.boot("three")
    _publish(stage, "three", "small-0")
    stage.run("worker", "echo $$$$ > $OUT/pid; exec sleep 60", **_writes_to(tmp_path), **on("three"))
    process = _process(tmp_path / "pid")
    until(lambda: stage.phase("worker") == "Running")

    stage.fleet.terminate(instance)

    assert not process.alive()
    assert not stage.ready("three")
    assert not stage.items(SLICES, fieldSelector="spec.nodeName=three")
    assert not stage.phase("worker")
    assert "three" not in {i.name for i in stage.fleet.instances()}


def _writes_to(folder: Path) -> dict[str, Any]:
    """The part of a pod's spec that tells its process where to leave something for the test."""
    return {"container": {"env": [{"name": "OUT", "value": str(folder)}]}}


def _process(pid: Path) -> Process:
    """The process that wrote its id there."""
    until(lambda: pid.exists() and pid.read_text().endswith("\n"))
    return Process.of(int(pid.read_text()))


def _conditions(pod: dict[str, Any]) -> dict[str, str]:
    return {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions", [])}


def _called(url: str) -> list[int]:
    with urllib.request.urlopen(url, data=_pictures(), timeout=SECONDS) as answer:  # noqa: S310 - it is http
        found: list[int] = json.load(answer)["classes"]
        return found


def _classes() -> list[int]:
    """What the published network takes the pictures for."""
    pixels = torch.frombuffer(bytearray(_pictures()), dtype=torch.uint8).view(-1, 1, 28, 28)
    with torch.inference_mode():
        return list(_network()(prepare(pixels, 28)).argmax(dim=1).tolist())


def _network() -> torch.nn.Module:
    torch.manual_seed(1)
    return networks.build("mlp", 28).eval()


def _pictures() -> bytes:
    return random.Random(1).randbytes(PICTURES * 28 * 28)  # noqa: S311 - pictures, not secrets


def _publish(stage: Stage, node: str, *devices: str, **more: str) -> None:
    pool = {"name": node, "generation": 1, "resourceSliceCount": 1}
    content = [
        {"name": name, "attributes": {key: {"string": text} for key, text in {"uuid": f"MIG-{name}", **more}.items()}}
        for name in devices
    ]
    spec = {"driver": "gpu.nvidia.com", "nodeName": node, "pool": pool, "devices": content}
    stage.api.create(SLICES, {"metadata": {"name": f"{node}-slice"}, "spec": spec})
