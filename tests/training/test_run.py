"""The pod's entry points, as the processes that they are."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch

from training.contract import HTTP_PORT, PREDICT, Orders
from training.images import prepare
from training.models import build
from training.published import publish
from training.store import Folder

ROOT = Path(__file__).parents[2]
CALLERS = 4


def started(module: str, orders: Orders, folder: Path, **differs: str) -> subprocess.Popen[str]:
    """A pod's process, with its orders."""
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **orders.to_env(), **differs},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("module", ["training.packages", "training.data", "training.run"])
def test_wrong_orders_are_told_at_once(module: str, told: Callable[..., Orders], tmp_path: Path) -> None:
    """Exit code 42 and one sentence, long before anything is downloaded or torch is imported."""
    process = started(module, told(), tmp_path, MIG_MODEL="vgg")

    out, err = process.communicate(timeout=20)
    failed = {"type": "event", "event": "failed", "why": "MIG_MODEL: 'vgg' is none of resnet18, resnet18-32, cnn, mlp"}
    assert (42, "", failed) == (process.returncode, err, json.loads(out))


@pytest.mark.e2e
def test_the_init_container_leaves_the_data_set(told: Callable[..., Orders], staged: str, tmp_path: Path) -> None:
    """In `data/` of the working directory, and says where it came from."""
    process = started("training.data", told(), tmp_path)

    out, _ = process.communicate(timeout=60)
    assert 0 == process.returncode
    assert ("data", staged) == (json.loads(out)["event"], json.loads(out)["source"])
    assert 4 == len(list((tmp_path / "data").iterdir()))


@pytest.mark.e2e
def test_a_data_set_that_is_not_there_is_a_failure(told: Callable[..., Orders], tmp_path: Path) -> None:
    """Another try may find it: exit code 1, and one sentence that begins with the address and tells no secret."""
    process = started("training.data", told(), tmp_path, AWS_SECRET_ACCESS_KEY="not-to-be-told")

    out, err = process.communicate(timeout=60)
    assert (1, "") == (process.returncode, err)
    assert "not-to-be-told" not in out
    assert ("failed", True) == (
        json.loads(out)["event"],
        json.loads(out)["why"].startswith(f"{told().data}/SHA256SUMS: "),
    )


@pytest.mark.e2e
def test_a_pod_trains_to_its_end(told: Callable[..., Orders], pod: Path) -> None:
    """Exit code 0, the result in the last line, and nothing but answers on standard output."""
    process = started("training.run", told(), pod)

    out, err = process.communicate(timeout=120)
    assert (0, "") == (process.returncode, err)
    assert ("result", True) == tuple(json.loads(out.splitlines()[-1])[name] for name in ("type", "finished"))


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("differs", "until"),
    [
        pytest.param({"epochs": 10_000}, '"epoch",', id="a training"),
        pytest.param({"kind": "infer", "seconds": 10_000.0}, '"serving"', id="a service"),
        pytest.param({"kind": "infer", "model_from": "{bucket}/nothing"}, '"waiting"', id="a service without a model"),
    ],
)
def test_sigterm_ends_a_pod_with_its_figures(
    differs: dict[str, object], until: str, told: Callable[..., Orders], bucket: str, pod: Path
) -> None:
    """Exit code 143, so that no Job takes it for finished, and a result that says so."""
    filled = {name: value.format(bucket=bucket) if isinstance(value, str) else value for name, value in differs.items()}
    process = started("training.run", told(**filled), pod)

    awaited(process, until)
    process.send_signal(signal.SIGTERM)

    out, err = process.communicate(timeout=60)
    assert (143, "") == (process.returncode, err)
    assert ("result", False) == tuple(json.loads(out.splitlines()[-1])[name] for name in ("type", "finished"))


class Callers:
    """Clients that ask for one picture after the other, each on a connection of its own, until nobody is there."""

    def __init__(self, host: str, pictures: list[bytes]) -> None:
        self.answers: list[tuple[int, dict[str, Any]]] = []
        """Of all of them: which picture, and what was answered."""
        self._host = host
        self._pictures = pictures
        self._pool = ThreadPoolExecutor(CALLERS)
        self._calling = [self._pool.submit(self._call, number) for number in range(CALLERS)]

    def wait(self) -> None:
        """Until nobody answers any more; raises what any of them met with before that."""
        for each in self._calling:
            each.result(60)
        self._pool.shutdown()

    def _call(self, at: int) -> None:
        while True:
            connection = HTTPConnection(self._host, HTTP_PORT, timeout=60)
            with closing(connection):
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    return
                kept = True
                while kept:
                    at = (at + CALLERS) % len(self._pictures)
                    connection.request("POST", PREDICT, self._pictures[at])
                    answer = connection.getresponse()
                    kept = answer.headers.get("Connection") != "close"
                    self.answers.append((at, json.loads(answer.read())))


@pytest.fixture
def host() -> str:
    """An address of loopback for one pod alone."""
    second, third, fourth = uuid4().bytes[:3]
    return f"127.{1 + second % 254}.{third}.{fourth}"


@pytest.mark.e2e
def test_a_service_answers_over_http_and_loses_no_request(
    service: Callable[..., Orders], told: Callable[..., Orders], toy: dict[str, bytes], pod: Path, host: str
) -> None:
    """Before a model comes, when a newer one does and when SIGTERM does: each answer is that of the model it names."""
    orders = service(http=True, seconds=10_000.0, requests=0, precision="fp32")
    pixels = toy["t10k-images-idx3-ubyte"][16:]
    pictures = [pixels[at : at + 64] for at in range(0, len(pixels), 64)]
    process = started("training.run", orders, pod, MIG_POD_IP=host)
    awaited(process, '"listening"')
    callers = Callers(host, pictures)
    networks = []
    for epoch in (1, 2):
        torch.manual_seed(epoch)
        networks.append(build("mlp", 8).eval())
        publish(Folder(orders.model_from), networks[-1], told(epochs=2), accuracy=0.5, epoch=epoch)
        awaited(process, '"serving"')
        enough = len(callers.answers) + 100
        while len(callers.answers) < enough:
            assert process.poll() is None
            time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    callers.wait()
    out, err = process.communicate(timeout=60)

    assert (143, "") == (process.returncode, err)
    result = json.loads(out.splitlines()[-1])
    assert (len(callers.answers), [1, 2]) == (result["images"], [model["epoch"] for model in result["models"]])
    ready = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(-1, 1, 8, 8)
    expected = [network(prepare(ready, 8)).argmax(dim=1).tolist() for network in networks]
    wrong = [each for each in callers.answers if each[1]["classes"] != [expected[each[1]["epoch"] - 1][each[0]]]]
    assert [] == wrong


@pytest.mark.e2e
def test_who_waits_for_a_model_that_never_comes_is_told(service: Callable[..., Orders], pod: Path, host: str) -> None:
    """On SIGTERM, with 503 and a sentence."""
    process = started("training.run", service(http=True), pod, MIG_POD_IP=host)
    awaited(process, '"waiting"')
    with closing(HTTPConnection(host, HTTP_PORT, timeout=60)) as connection:
        connection.request("POST", PREDICT, bytes(64))
        process.send_signal(signal.SIGTERM)
        answer = connection.getresponse()

        assert (503, b"the service has ended without an answer\n") == (answer.status, answer.read())
    process.communicate(timeout=60)
    assert 143 == process.returncode


def awaited(process: subprocess.Popen[str], text: str) -> None:
    """Read what a pod says until it says this."""
    assert process.stdout is not None
    while text not in process.stdout.readline():
        assert process.poll() is None
