"""
What only a GPU can tell: `python -m bench.gpu`, on a whole one or on a MIG slice that nothing else uses.

It prints the memory that trainings take, beside what `mig.memory` expects; the article's cnn as a whole training, plain
and by torch.compile, without and with CUDA graphs; and those ratios of `make bench-training` that depend on the device.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import islice
from typing import get_args

import torch

from bench import accuracy, ours
from bench.catalogue import measured
from bench.promise import Promise
from mig.memory import CONTEXT, MIB, Work
from tasks import dataset
from training.contract import Compile, Orders, OrdersError
from training.device import Device
from training.images import Images
from training.train import new

RATIOS = ("batches", "steps", "answers")
"""To the article's loops; what a checkpoint and a request over HTTP take is no GPU's business."""
COMPILED: tuple[Compile, ...] = get_args(Compile)
STEPS = 3
"""Of a training whose memory is looked at: the first one makes the optimizer's moments, the next has all there is."""
NO_CUDA = 2
"""The exit code where there is no GPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The memory of one training, in MiB, without what CUDA's context takes."""

    HEAD = ("| memory of | expected, MiB | peak, MiB | peak / expected |", "| --- | --- | --- | --- |")

    work: Work
    peak: float | None
    """As torch counted; None: it did not fit."""

    @property
    def expected(self) -> float:
        """What torch may allocate, by the estimate that a request is refused by."""
        return (self.work.need.total - CONTEXT) / MIB

    def __str__(self) -> str:
        """A row under `HEAD`."""
        seen = "does not fit |" if self.peak is None else f"{self.peak:,.0f} | {self.peak / self.expected:.2f}"
        return f"| {self.work} | {self.expected:,.0f} | {seen} |"


def trainings(orders: Orders, device: Device, images: Images, test: Images) -> Iterator[accuracy.Trained]:
    """The same training, in each way that a step can be computed."""
    for how in COMPILED:
        yield accuracy.trained(replace(orders, compile=how), device, images, test)


def taken(orders: Orders, device: Device, images: Images) -> Taken:
    """What a few steps take, with the data set on the device."""
    _forget(device)
    try:
        learner = new(orders, device)
        learner.network.train()
        for pixels, labels in islice(learner.batches(images), STEPS):
            learner.step(pixels, labels)
        peak = device.memory_peak_mib()
    except OrdersError:  # the batch is too large for this device
        peak = None
    return Taken(work=_work(orders, device), peak=peak)


def main() -> int:
    """Measure everything here, or say that it cannot be done."""
    if not torch.cuda.is_available():
        print(f"make bench-gpu needs a CUDA device, and torch {torch.__version__} sees none here.", file=sys.stderr)
        return NO_CUDA
    dataset.find(partial(print, file=sys.stderr))
    device, images, test = ours.device(), ours.images("train"), ours.images("test")
    print(_place(device), flush=True)
    large, medium = ours.requested("large"), ours.requested("medium")
    others = replace(medium, model="resnet18-32"), replace(medium, model="mlp")
    print(*Taken.HEAD, *(taken(orders, device, images) for orders in (large, medium, *others)), sep="\n")
    print(f"CUDA's context takes {_context_mib():,.0f} MiB beside (expected: {CONTEXT / MIB:,.0f}).", flush=True)
    rows = list(trainings(medium, device, images, test))
    print(*accuracy.HEAD, *rows, sep="\n")
    kept = [_told(promise) for promise in (accuracy.worst(rows), *(each for _, each in measured(RATIOS)))]
    return 0 if all(kept) else 1


def _place(device: Device) -> str:
    """Where all of it was measured."""
    memory = torch.cuda.get_device_properties(device.torch).total_memory / MIB
    today = date.today().isoformat()  # noqa: DTZ011 (the day where the machine stands)
    versions = f"torch {torch.__version__}, CUDA {torch.version.cuda}, {today}"
    return (
        f"On {device.name}, {device.mig_uuid or 'not a MIG slice'}, {memory:,.0f} MiB, {device.precision}, {versions}:"
    )


def _work(orders: Orders, device: Device) -> Work:
    """The training, as `mig.memory` knows it."""
    return Work(
        doing="training",
        model=orders.model,
        precision=device.precision,
        image_size=orders.image_size,
        images=orders.batch,
        field="batch",
    )


def _told(promise: Promise) -> bool:
    """Whether it was kept."""
    print(f"- {promise}", flush=True)
    return promise.kept


def _forget(device: Device) -> None:
    """Let the peak begin anew."""
    if device.torch.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _context_mib() -> float:
    """What is taken of the device, but not by torch's allocator; other processes must have none of it."""
    free, total = torch.cuda.mem_get_info()
    return (total - free - torch.cuda.memory_reserved()) / MIB


if __name__ == "__main__":
    sys.exit(main())
