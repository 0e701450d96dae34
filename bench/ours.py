"""Our programs as `bench.pace` measures them: the functions of `training/`, on the same files as the yardstick's."""

from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Literal

import torch
import yaml

from bench.pace import Work
from mig import job
from mig.spec import read
from tasks.dataset import CACHE
from training.contract import Orders
from training.device import Device, find
from training.images import Images, load
from training.learner import Learner
from training.models import build
from training.published import Published
from training.server import Server
from training.sources import HeldOut
from training.train import new

ARTICLE = Path(__file__).parents[1] / "deployments/specs/article.yaml"
TRAINING = Orders(
    run_id="bench", workload="bench", kind="train", model="cnn", data="", output="", batch=128, epochs=10_000
)
"""The request's own defaults, with the batch of the article's cnn, and more epochs than any turn has time for."""
SERVICE = Orders(
    run_id="bench",
    workload="bench",
    kind="infer",
    model="mlp",
    data="",
    output="",
    batch=32,
    image_size=28,
    seconds=1e9,
)
"""The article's: 32 images at once, as they are."""


def requested(workload: str) -> Orders:
    """What the pods of one of the article's workloads are told, as this house asks for it."""
    spec = read(yaml.safe_load(ARTICLE.read_text()))
    asked = next(each for each in spec.workloads if each.name == workload)
    return job.orders(spec, asked, run_id="bench", bucket="bench", data="s3://bench")


@cache
def images(split: Literal["train", "test"]) -> Images:
    """All of Fashion-MNIST's, on the device once, as a pod has them."""
    return load(CACHE.expanduser(), split, device().torch)


def device(orders: Orders = TRAINING) -> Device:
    """This machine's GPU or processor, in the orders' precision."""
    return find(orders)


def manner(on: Device) -> str:
    """How it computes, in words: ratios differ with both."""
    return f"{on.precision}, {on.threads} threads"


def learner(orders: Orders, *, layout: torch.memory_format = torch.channels_last) -> Learner:
    """As `training.train.new` makes one; the layout is that of the weights, which their inputs follow."""
    made = new(orders, device(orders))
    made.network.train().to(memory_format=layout)
    return made


def train(learner: Learner) -> Work:
    """Step by step, epoch after epoch."""
    while True:
        for pixels, labels in learner.batches(images("train")):
            learner.step(pixels, labels)
            yield len(labels)
        learner.end_epoch()


def batches(orders: Orders) -> Work:
    """The data alone, as it comes to the network."""
    source = Learner(build("mlp", 8), orders, device(orders))  # it learns nothing, and needs a network to do so
    while True:
        for _, labels in source.batches(images("train")):
            yield len(labels)


def infer(orders: Orders) -> Work:
    """Batch by batch, the test images round and round, with a network that nobody has trained."""
    server = Server(orders, HeldOut(images("test")), images("test"), device(orders))
    network = build(orders.model, orders.image_size).to(server.device.torch).eval()
    published = Published(
        key="", sha256="", model=orders.model, image_size=orders.image_size, accuracy=0, epoch=1, final=True
    )
    server.take(published, network)
    with redirect_stdout(StringIO()):  # it says that it serves, on the wire
        while server.readying:
            server.ready()
    while True:
        before = server.tally.images
        server.answer(patience=0)
        yield server.tally.images - before
