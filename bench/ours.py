"""Our programs as `bench.pace` measures them: the functions of `training/`, on the same files as the yardstick's."""

from functools import cache
from typing import Literal

import torch

from bench.pace import Work
from tasks.dataset import CACHE
from training.contract import Orders
from training.device import Device, find
from training.images import Images, load
from training.learner import Learner
from training.models import build

TRAINING = Orders(
    run_id="bench", workload="bench", kind="train", model="cnn", data="", output="", batch=128, epochs=10_000
)
"""The request's own defaults, with the batch of the article's cnn, and more epochs than any turn has time for."""


@cache
def images(split: Literal["train", "test"]) -> Images:
    """All of Fashion-MNIST's, on the device once, as a pod has them."""
    return load(CACHE.expanduser(), split, device().torch)


def device(orders: Orders = TRAINING) -> Device:
    """This machine's GPU or processor, in the orders' precision."""
    return find(orders)


def learner(orders: Orders, *, layout: torch.memory_format = torch.channels_last) -> Learner:
    """As `training.train.new` makes one; the layout is that of the weights, which their inputs follow."""
    torch.manual_seed(orders.seed)
    on = device(orders)
    network = build(orders.model, orders.image_size).to(memory_format=layout).to(on.torch)
    return Learner(network.train(), orders, on)


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
