"""The World as its owner sees it: it opens, it is private, and nothing of it is left, however it ends."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from mig import labels
from rehearsal.address import Address
from rehearsal.api_server import ApiServer
from rehearsal.node.services import ADDRESS
from rehearsal.ports import listens

pytestmark = pytest.mark.e2e

WORLD = [sys.executable, "-m", "rehearsal.world"]
END_SECONDS = 30.0
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}
"""127.0.0.1, as /proc/net/tcp and tcp6 write it."""


def world(*words: object, told: str = "") -> str:
    """What the shell of the stage answers."""
    command = [*WORLD, *map(str, words)]
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data of these Worlds is not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("XDG_DATA_HOME", str(home))
        yield home


@contextmanager
def opened(folder: Path, *words: object) -> Iterator[Address]:
    """A World whose private folder is made in this one."""
    address = Address.read(Path(world("open", "--folder", folder, *words)))
    try:
        yield address
    finally:
        address.keeper.send(signal.SIGTERM)
        address.guard.wait(END_SECONDS)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """One World for all tests that only look at it."""
    with opened(tmp_path_factory.mktemp("standing")) as address:
        yield address


def test_nothing_listens_beyond_loopback(standing: Address) -> None:
    """Every port of a World is on 127.0.0.1."""
    listening = [address for pid in processes(standing.folder) for address, _ in sockets(pid)]

    assert len(listening) >= 12
    assert LOOPBACK >= set(listening)


def test_nobody_anonymous(standing: Address) -> None:
    """The API server asks everybody who they are."""
    server = cluster(standing)["server"]

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server}/api", context=unverified(), timeout=10)  # noqa: S310 - it is https

    assert refused.value.code == 401
    refused.value.close()


def test_private(standing: Address) -> None:
    """Nobody else can read a file of a World, not even look into its folder."""
    files = [path for path in standing.folder.rglob("*") if path.is_file() and not path.is_symlink()]

    assert len(files) > 20
    assert 0o700 == standing.folder.stat().st_mode & 0o777
    assert [] == [path for path in files if path.stat().st_mode & 0o077]


def test_show(standing: Address) -> None:
    """It tells what it is, and none of its secrets."""
    text = world("show", standing.folder / "world.json")

    shown = json.loads(text)
    assert shown["alive"]
    assert standing.environment["AWS_ENDPOINT_URL"] == shown["environment"]["AWS_ENDPOINT_URL"]
    assert standing.environment["AWS_SECRET_ACCESS_KEY"] not in text
    assert standing.environment["PULUMI_CONFIG_PASSPHRASE"] not in text


def test_show_what_it_holds(standing: Address, tmp_path: Path) -> None:
    """It lists the nodes that there are, and the instances that cost something, with their runs."""
    api = ApiServer(Path(standing.environment["KUBECONFIG"]), scratch=tmp_path)
    ec2 = boto3.client(
        "ec2",
        endpoint_url=standing.environment["AWS_ENDPOINT_URL"],
        region_name=standing.environment["AWS_REGION"],
        aws_access_key_id="k",
        aws_secret_access_key="s",
    )
    tags = {"ResourceType": "instance", "Tags": [{"Key": labels.TAG_RUN, "Value": "r1"}]}
    node = {"metadata": {"name": "n1", "labels": {labels.RUN: "r1", labels.INSTANCE_TYPE: "p4d.24xlarge"}}}
    api.create("/api/v1/nodes", node)
    launched = ec2.run_instances(
        ImageId="ami-1", InstanceType="p4d.24xlarge", MinCount=1, MaxCount=1, TagSpecifications=[tags]
    )["Instances"][0]

    shown = json.loads(world("show", standing.folder / "world.json"))
    api.delete("/api/v1/nodes/n1")
    ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
    after = json.loads(world("show", standing.folder / "world.json"))
    api.close()

    its = {"instance_type": "p4d.24xlarge", "run": "r1"}
    assert [its | {"name": "n1", "ready": False, "mig": ""}] == shown["nodes"]
    assert [its | {"id": launched["InstanceId"], "state": "running"}] == [
        {name: each[name] for name in ("instance_type", "run", "id", "state")} for each in shown["billed"]
    ]
    assert ([], []) == (after["nodes"], after["billed"])


def test_show_services(standing: Address, tmp_path: Path) -> None:
    """It lists the Services that can be reached, and where: a port of loopback that goes with its Service."""
    path = "/api/v1/namespaces/default/services"
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}
    api = ApiServer(Path(standing.environment["KUBECONFIG"]), scratch=tmp_path)
    api.create(path, {"metadata": {"name": "web", "labels": {labels.RUN: "r1"}}, "spec": spec})
    until(lambda: ADDRESS in api.get(f"{path}/web")["metadata"].get("annotations", {}), "its address")
    (shown,) = json.loads(world("show", standing.folder / "world.json"))["services"]
    port = int(shown.pop("address").removeprefix("127.0.0.1:"))

    assert {"name": "web", "namespace": "default", "run": "r1"} == shown
    assert port in ports(standing.folder)
    api.delete(f"{path}/web")
    api.close()
    until(lambda: port not in ports(standing.folder), "its end")


def test_enroll(standing: Address) -> None:
    """What a run asks for is kept where the simulated parts look."""
    orders = {"run_id": "r1", "seed": 7, "faults": [{"kind": "no_capacity"}]}

    world("enroll", standing.folder / "world.json", told=json.dumps(orders))

    assert orders == json.loads((standing.folder / "enrolled" / "r1.json").read_text())


def test_side_by_side(standing: Address, tmp_path: Path, home: Path) -> None:
    """A second World stands beside the first, with an S3 of its own, and ends with its owner: the first stays."""
    owner = subprocess.Popen(["sleep", "600"])
    with opened(tmp_path, "--owner", owner.pid) as second:
        data = sorted(path.name for path in home.glob("mig-pipeline/*"))
        owner.kill()
        owner.wait()

        assert ["s3", "s3-2"] == data
        assert_nothing_left(tmp_path)
    assert not second.keeper.alive()
    assert standing.keeper.alive()
    assert [] != processes(standing.folder)


def by_closing(address: Address) -> None:
    """As one should."""
    world("close", address.folder / "world.json")
    assert not address.guard.alive()


def by_killing_the_keeper(address: Address) -> None:
    """It gets no chance to clear up."""
    os.kill(address.keeper.pid, signal.SIGKILL)


def by_killing_the_guard(address: Address) -> None:
    """Who clears up after a killed keeper is killed first."""
    os.kill(address.guard.pid, signal.SIGKILL)


def by_killing_etcd(address: Address) -> None:
    """A World with a part missing is none."""
    (etcd,) = [pid for pid in processes(address.folder) if b"/bin/etcd\0" in command_line(pid)]
    os.kill(etcd, signal.SIGKILL)


@pytest.mark.parametrize("end", [by_closing, by_killing_the_keeper, by_killing_the_guard, by_killing_etcd])
def test_end(end: Callable[[Address], None], tmp_path: Path) -> None:
    """However a World ends, no process, port, socket or folder of it is left."""
    with opened(tmp_path) as address:
        taken = ports(tmp_path)
        end(address)

        assert_nothing_left(tmp_path)
    assert [] == [port for port in taken if listens(port)]
    assert [] == [path for port in taken for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]  # noqa: S108


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_opener_ends_early(number: signal.Signals, tmp_path: Path) -> None:
    """An opener that dies before it has the address leaves nothing, whether it can say goodbye or not."""
    command = [*WORLD, "open", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as opener:
        until(lambda: any(b"kube-apiserver" in command_line(pid) for pid in processes(tmp_path)), "an API server")
        opener.send_signal(number)
        said, _ = opener.communicate(timeout=END_SECONDS)

    assert b"" == said
    assert_nothing_left(tmp_path)


def test_a_part_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the middle of the start is one sentence with the part's last words, and leaves nothing."""
    bin_folder = tmp_path / "own" / "bin"
    bin_folder.mkdir(parents=True)
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "pulumi"):
        (bin_folder / name).write_text("#!/bin/sh\necho no such luck\nexit 3\n")
        (bin_folder / name).chmod(0o700)
    monkeypatch.setenv("MIG_BINARIES", str(bin_folder.parent))
    folder = tmp_path / "worlds"
    folder.mkdir()

    done = subprocess.run(
        [*WORLD, "open", "--folder", str(folder)], capture_output=True, text=True, check=False, timeout=60
    )

    said = "the World could not be opened: etcd ended with code 3; its last words: no such luck"
    assert said == done.stderr.strip()
    assert (1, "") == (done.returncode, done.stdout)
    assert_nothing_left(folder)


def test_refusals() -> None:
    """An owner that is not there is refused before anything is started."""
    done = subprocess.run([*WORLD, "open", "--owner", "999999999"], capture_output=True, text=True, check=False)

    assert 2 == done.returncode
    assert "999999999 is the id of no running process" in done.stderr


def assert_nothing_left(folder: Path) -> None:
    """No process that was started for a World in this folder, and nothing in it."""
    until(lambda: processes(folder) == [] and list(folder.glob("mig-world-*")) == [], "its end")


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for what takes seconds."""
    deadline = time.monotonic() + END_SECONDS
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def processes(folder: Path) -> list[int]:
    """Those of Worlds in this folder: they are told of it by their command, or live in it."""
    marks = [f"{folder}/mig-world-".encode(), bytes(folder) if folder.name.startswith("mig-world-") else b"\xff"]
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            told = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if any(mark in told for mark in marks) and int(path.name) != os.getpid():
            found.append(int(path.name))
    return found


def ports(folder: Path) -> list[int]:
    """Those on which anything of Worlds in this folder listens."""
    return [port for pid in processes(folder) for _, port in sockets(pid)]


def command_line(pid: int) -> bytes:
    """Empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def sockets(pid: int) -> list[tuple[str, int]]:
    """Address, in hexadecimal, and port of everything that a process listens on."""
    own = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            own.add(str(handle.readlink()))
        except FileNotFoundError:
            continue
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in own:
                address, port = words[1].split(":")
                found.append((address, int(port, 16)))
    return found


def cluster(address: Address) -> dict[str, Any]:
    """What the kubeconfig says of the API server."""
    config = yaml.safe_load(Path(address.environment["KUBECONFIG"]).read_text())
    found: dict[str, Any] = config["clusters"][0]["cluster"]
    return found


def unverified() -> ssl.SSLContext:
    """A stranger's: it brings no certificate, and asks for none."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
