"""
How good the article's cnn becomes, on images it has not seen: `python -m bench.accuracy [SEED ...]`.

It is the training `medium` of deployments/specs/article.yaml, as a run would carry it out: 15 epochs of all 60,000
images, tested on all 10,000 after each. On a GPU that takes a minute or two, on two cores a quarter of an hour.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import torch

from bench import ours
from bench.promise import Promise
from training.contract import Compile, Orders
from training.device import Device
from training.images import Images
from training.train import Epoch, fit, new

LEAST = 93.0
"""Percent of the test images."""
HEAD = (
    "| model | compiled | seed | epochs | test accuracy | images/s | seconds | machine | date |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a whole training came to."""

    orders: Orders
    compiled: Compile
    """How its steps were computed in the end: `off` where torch.compile had failed."""
    device: Device
    accuracy: float
    """On the test images, after the last epoch: never that of the best one, which only the test images know."""
    images_per_second: float
    """While it learned."""
    seconds: float
    """All in all."""

    def __str__(self) -> str:
        """A row under `HEAD`."""
        on, orders = self.device, self.orders
        cells = (
            *(orders.model, self.compiled, orders.seed, orders.epochs, f"{self.accuracy:.2%}"),
            *(f"{self.images_per_second:,.0f}", f"{self.seconds:,.0f}"),
            f"{on.name}, {on.threads} threads, {on.precision}, torch {torch.__version__}",
            date.today().isoformat(),  # noqa: DTZ011 (the day where the machine stands)
        )
        return f"| {' | '.join(map(str, cells))} |"


def trained(orders: Orders, device: Device, images: Images, test: Images) -> Trained:
    """Train, and tell each epoch as it ends."""
    began = time.perf_counter()
    learner = new(orders, device)
    accuracy = 0.0
    for epoch in _epochs(fit(learner, images, test, stop=lambda: False)):
        accuracy = epoch.tested.accuracy
        pace = f"{epoch.images_per_second:,.0f} images/s"
        print(f"{orders.model}, seed {orders.seed}, epoch {epoch.epoch}: {accuracy:.2%}, {pace}", flush=True)
    return Trained(
        orders=orders,
        compiled=learner.compiled.how,
        device=device,
        accuracy=accuracy,
        images_per_second=learner.pace.images_per_second,
        seconds=time.perf_counter() - began,
    )


def main(seeds: list[str]) -> int:
    """Train by each seed, or by the request's own."""
    orders = ours.requested("medium")
    asked = [replace(orders, seed=seed) for seed in map(int, seeds or [str(orders.seed)])]
    rows = [trained(each, ours.device(each), ours.images("train"), ours.images("test")) for each in asked]
    print(*HEAD, *rows, sep="\n")
    print(promise := worst(rows))
    return 0 if promise.kept else 1


def worst(rows: Sequence[Trained]) -> Promise:
    """The least accurate of several trainings has to be good enough."""
    return Promise(what="cnn, the worst", measured=100 * min(row.accuracy for row in rows), unit="%", least=LEAST)


def _epochs(told: Iterator[object]) -> Iterator[Epoch]:
    return (each for each in told if isinstance(each, Epoch))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
