"""
Training: one loop, plain PyTorch.

A pod that is killed costs what it learned since its last checkpoint; on a processor its successor's curve is that of a
training that nothing interrupted, to the last bit (but for resnet18 below 24 pixels in bf16, where oneDNN's own sums
differ from run to run).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from training.checkpoint import Checkpoints
from training.contract import DATA_FOLDER, Orders, OrdersError, say
from training.device import Device, find
from training.evaluation import Tested, evaluate
from training.images import Images, batches_in, load
from training.learner import Learner, NoNumberError
from training.models import build, parameters
from training.published import Published, publish
from training.store import Folder

STEPS_A_LINE = 20
"""A line waits for the device once: rarely enough to cost nothing. Checkpoints are made between two lines."""


Facts = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where the training is, after some steps of an epoch."""

    epoch: int
    step: int
    steps: int
    """Of one epoch."""
    progress: float
    """Of the whole training, from 0 to 1."""
    train_loss: float
    """Over the steps since the last line, as the accuracy is; with label smoothing, where there is some."""
    train_accuracy: float
    images_per_second: float
    """Since the training began, testing left out."""
    data_share: float
    """Part of that time that went into waiting for data."""
    memory_peak_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What an epoch came to."""

    epoch: int
    epochs: int
    tested: Tested
    """On all held-out test images."""
    train_loss: float
    """Over the epoch, while the network was still changing, as the accuracy is."""
    train_accuracy: float
    images_per_second: float

    def facts(self) -> Facts:
        """For the wire."""
        return {
            "epoch": self.epoch,
            "epochs": self.epochs,
            "progress": self.epoch / self.epochs,
            "loss": self.tested.loss,
            "accuracy": self.tested.accuracy,
            "train_loss": self.train_loss,
            "train_accuracy": self.train_accuracy,
            "images_per_second": self.images_per_second,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a training has come to."""

    epochs: tuple[Facts, ...] = ()
    """What was told of each epoch, by whichever process."""
    published: Published | None = None
    """The model of the last one."""
    tested: Tested | None = None
    """What that did with the test images; None: this process has not tested any."""

    def with_epoch(self, epoch: Epoch, published: Published) -> "Learned":
        """One more."""
        return Learned(epochs=(*self.epochs, epoch.facts()), published=published, tested=epoch.tested)


def train(orders: Orders, stop: Callable[[], bool]) -> bool:
    """Train and publish the orders' model and say how it went; False when stopped before the end."""
    began = time.perf_counter()
    device = find(orders)
    learner = new(orders, device)
    facts = {"model": orders.model, "parameters": parameters(learner.network), **device.facts()}
    say("event", event="started", **facts)
    learned = learn(learner, stop)
    finished = learned.published is not None and learned.published.final
    say("result", finished=finished, **_figures(learned, learner), seconds=time.perf_counter() - began, **facts)
    return finished


def new(orders: Orders, device: Device) -> Learner:
    """A learner at its beginning, which the orders' seed alone decides."""
    torch.manual_seed(orders.seed)
    return Learner(build(orders.model, orders.image_size).to(device.torch), orders, device)


def learn(learner: Learner, stop: Callable[[], bool]) -> Learned:
    """Begin or go on with a training: tell each stage, keep checkpoints, publish the model of every epoch."""
    orders, on = learner.orders, learner.device.torch
    images = load(Path(DATA_FOLDER), "train", on).first(orders.train_images)
    test = load(Path(DATA_FOLDER), "test", on)
    folder = Folder(orders.folder)
    checkpoints = Checkpoints(folder, orders)
    learned = _resumed(learner, checkpoints)
    try:
        for told in fit(learner, images, test, stop=stop):
            if isinstance(told, Epoch):
                say("epoch", **told.facts())
                published = publish(folder, learner.network, orders, accuracy=told.tested.accuracy, epoch=told.epoch)
                say("event", event="published", **asdict(published))
                learned = learned.with_epoch(told, published)
                continue
            say("step", **asdict(told))
            if checkpoints.due() or stop():
                _keep(learner, learned, checkpoints)
    except NoNumberError as error:
        raise OrdersError(f"{error}; the last good checkpoint: {checkpoints}") from error
    return learned


def fit(learner: Learner, images: Images, test: Images, *, stop: Callable[[], bool]) -> Iterator[Step | Epoch]:
    """The loop: from where the learner is to its last epoch; told to stop, it ends after the step it is in."""
    orders = learner.orders
    steps = batches_in(len(images), orders.batch)
    while learner.epoch <= orders.epochs:
        learner.network.train()
        learner.pace.go()
        for pixels, labels in learner.batches(images):
            learner.step(pixels, labels)
            stopping = stop()
            if stopping or len(learner.seen) % STEPS_A_LINE == 0:
                yield _step(learner, steps)
                learner.pace.go()
            if stopping:
                return
        yield _epoch(learner, test)


def _step(learner: Learner, steps: int) -> Step:
    loss, accuracy = learner.means(STEPS_A_LINE)
    learner.pace.rest()
    done = len(learner.seen)
    return Step(
        epoch=learner.epoch,
        step=done,
        steps=steps,
        progress=(learner.epoch - 1 + done / steps) / learner.orders.epochs,
        train_loss=loss,
        train_accuracy=accuracy,
        images_per_second=learner.pace.images_per_second,
        data_share=learner.pace.data_share,
        memory_peak_mib=learner.device.memory_peak_mib(),
    )


def _epoch(learner: Learner, test: Images) -> Epoch:
    """Test the network, and go on to the next epoch."""
    loss, accuracy = learner.means(len(learner.seen))
    learner.pace.rest()
    ended = learner.epoch
    learner.end_epoch()
    return Epoch(
        epoch=ended,
        epochs=learner.orders.epochs,
        tested=evaluate(learner.network, test, learner.device, image_size=learner.orders.image_size),
        train_loss=loss,
        train_accuracy=accuracy,
        images_per_second=learner.pace.images_per_second,
    )


def _resumed(learner: Learner, checkpoints: Checkpoints) -> Learned:
    """What was learned before, by a pod that this one goes on for; its epochs are told once more."""
    state = checkpoints.newest()
    if state is None:
        return Learned()
    learner.resume(state["learner"])
    say("event", event="resumed", checkpoint=str(checkpoints), epoch=learner.epoch, step=len(learner.seen))
    for epoch in state["epochs"]:
        say("epoch", **epoch)
    published = Published(**state["published"]) if state["published"] else None
    return Learned(epochs=tuple(state["epochs"]), published=published)


def _keep(learner: Learner, learned: Learned, checkpoints: Checkpoints) -> None:
    learner.check()
    state = {
        "learner": learner.state(),
        "epochs": list(learned.epochs),
        "published": asdict(learned.published) if learned.published else None,
    }
    kept = checkpoints.save(state, epoch=learner.epoch, step=len(learner.seen))
    say("event", event="checkpoint", checkpoint=str(checkpoints), epoch=kept.epoch, step=kept.step)


def _figures(learned: Learned, learner: Learner) -> Facts:
    """What the result says; a figure that was not measured is null."""
    last, tested, published = learned.epochs[-1] if learned.epochs else {}, learned.tested, learned.published
    return {
        "epochs": len(learned.epochs),
        **{name: last.get(name) for name in ("loss", "accuracy", "train_loss", "train_accuracy")},
        "accuracy_by_class": tested.accuracy_by_class if tested else None,
        "confusion": tested.confusion if tested else None,
        "model_sha256": published.sha256 if published else None,
        "images_per_second": learner.pace.images_per_second,
        "data_share": learner.pace.data_share,
        "memory_peak_mib": learner.device.memory_peak_mib(),
    }
