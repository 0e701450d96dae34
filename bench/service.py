"""The service over HTTP, called from outside its process: requests answered, and how long each one took."""

import http.client
import os
import random
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import ours
from bench.bucket import bucket
from bench.promise import Promise
from tasks.dataset import CACHE
from training.contract import DATA_FOLDER, HEALTH, HTTP_PORT, POD_IP, PREDICT, Orders
from training.models import build
from training.published import publish
from training.store import Folder
from training.tally import Latencies

CLIENTS = (1, 32)
"""At once, in one process beside the service's: they share the machine with it, as the figures do."""
SECONDS = 5.0
START_SECONDS = 60.0
ROOT = Path(__file__).parents[1]


def measure() -> Iterator[Promise]:
    """An image a request, on connections that stay open; nothing is promised."""
    image = bytes(ours.images("test").pixels[0].flatten().tolist())
    with bucket() as address:
        orders = replace(ours.SERVICE, http=True, model_from=f"{address}/models", micro_batch=256)
        publish(
            Folder(orders.model_from), build(orders.model, orders.image_size), orders, accuracy=0, epoch=orders.epochs
        )
        with _serving(orders) as host:
            for clients in CLIENTS:
                latencies = Latencies()
                answered = _called(host, image, clients, latencies)
                told = ", ".join(
                    f"{name[:-3]} {value:.1f} ms" for name, value in latencies.percentiles().items() if value
                )
                what = f"mlp over HTTP, {clients} clients, an image each: {told}"
                yield Promise(what=what, measured=answered / SECONDS, unit="requests/s")


@contextmanager
def _serving(orders: Orders) -> Iterator[str]:
    """A pod's process, which answers by now; its address."""
    host = "127." + ".".join(str(random.randrange(1, 255)) for _ in range(3))  # noqa: S311 (an address is no secret)
    with TemporaryDirectory() as pod:
        Path(pod, DATA_FOLDER).symlink_to(CACHE.expanduser())
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **orders.to_env(), POD_IP: host}
        command = [sys.executable, "-m", "training.run"]
        with subprocess.Popen(command, cwd=pod, env=environment, stdout=subprocess.DEVNULL) as process:
            try:
                _wait(process, host)
                yield host
            finally:
                process.terminate()


def _wait(process: "subprocess.Popen[bytes]", host: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            connection = http.client.HTTPConnection(host, HTTP_PORT)
            connection.request("GET", HEALTH)
            if connection.getresponse().status == HTTPStatus.OK:
                return
        except ConnectionError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"no service at {host}:{HTTP_PORT}")


def _called(host: str, image: bytes, clients: int, latencies: Latencies) -> int:
    """How many requests so many clients have had answered, each asking again as soon as it has an answer."""
    took = [array("d") for _ in range(clients)]
    end = time.monotonic() + SECONDS
    threads = [threading.Thread(target=_call, args=(host, image, end, mine)) for mine in took]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seconds in (each for mine in took for each in mine):
        latencies.add(seconds)
    return sum(map(len, took))


def _call(host: str, image: bytes, end: float, took: "array[float]") -> None:
    connection = http.client.HTTPConnection(host, HTTP_PORT)
    while time.monotonic() < end:
        began = time.perf_counter()
        connection.request("POST", PREDICT, image)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == HTTPStatus.OK
        took.append(time.perf_counter() - began)
