"""A real S3 server on loopback, and a data set small enough to learn in a second."""

import hashlib
import random
import struct
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import boto3
import pytest
import torch
from moto.server import ThreadedMotoServer

from training.contract import Orders
from training.data import STEMS, SUMS
from training.store import Folder

SIZE = 8
LEARN, TEST = 320, 150
_numbers = count()


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """A toy is no work for several threads: they would mostly wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server that forgets everything."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, `s3://NAME`, that this process may use as a pod would."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "pod")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "pod")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{next(_numbers)}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture(scope="session")
def toy() -> dict[str, bytes]:
    """Four IDX files of 8 x 8 pictures: each class is a bright stripe of its own in the noise."""
    noise = random.Random(1)  # noqa: S311 - pictures, not secrets
    files = {}
    for split, number in (("train", LEARN), ("t10k", TEST)):
        labels = bytes(noise.randrange(10) for _ in range(number))
        pictures = b"".join(_picture(label, noise) for label in labels)
        files[f"{split}-images-idx3-ubyte"] = struct.pack(">HBB3I", 0, 8, 3, number, SIZE, SIZE) + pictures
        files[f"{split}-labels-idx1-ubyte"] = struct.pack(">HBBI", 0, 8, 1, number) + labels
    assert set(STEMS) == set(files)
    return files


@pytest.fixture
def staged(bucket: str, toy: dict[str, bytes]) -> str:
    """The toy data set in S3, as the pipeline stages one."""
    folder = Folder(f"{bucket}/datasets/toy")
    for name, content in toy.items():
        folder.write(name, content)
    folder.write(SUMS, "".join(f"{hashlib.sha256(c).hexdigest()}  {n}\n" for n, c in toy.items()).encode())
    return str(folder)


@pytest.fixture
def pod(tmp_path: Path, toy: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a pod whose init container has run, as this process's own."""
    (tmp_path / "data").mkdir()
    for name, content in toy.items():
        (tmp_path / "data" / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def told(bucket: str) -> Callable[..., Orders]:
    """Orders that train the mlp on the toy, but for what a test says otherwise."""

    def orders(**differs: object) -> Orders:
        usual = {
            "run_id": "run-1",
            "workload": "medium",
            "kind": "train",
            "model": "mlp",
            "data": f"{bucket}/datasets/toy",
            "output": f"{bucket}/runs/run-1/workloads/medium",
            "batch": 32,
            "image_size": SIZE,
            "epochs": 2,
            "train_images": LEARN,
        }
        return Orders(**{**usual, **differs})  # type: ignore[arg-type]

    return orders


@pytest.fixture
def service(told: Callable[..., Orders]) -> Callable[..., Orders]:
    """Orders to serve what the workload `medium` publishes, but for what a test says otherwise."""

    def orders(**differs: object) -> Orders:
        usual = {
            "kind": "infer",
            "workload": "serve",
            "model_from": told().output,
            "output": told().output.replace("medium", "serve"),
            "seconds": 0.0,
            "requests": 2 * TEST,
            "micro_batch": 30,
        }
        return told(**{**usual, **differs})

    return orders


def _picture(label: int, noise: random.Random) -> bytes:
    stripe = range(label * 6, label * 6 + 6)
    return bytes(noise.randrange(128) + (127 if at in stripe else 0) for at in range(SIZE * SIZE))
