"""
Training: one loop, plain PyTorch.

On Fashion-MNIST at 32 pixels, in fp32, by the default learning rate and seed, over all 10,000 test images (seconds are
one thread's CPU time from start to end on a shared Xeon at 2.8 GHz; bf16 hardware needs a fraction of it):

    resnet18   10,000 images x 1 epoch    batch 64   84.7 %    75 s
    cnn        10,000 images x 2 epochs   batch 64   83.3 %   130 s
    cnn         6,000 images x 2 epochs   batch 32   80.2 %    95 s
    mlp        10,000 images x 2 epochs   batch 64   84.6 %    15 s
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.contract import DATA_FOLDER, Orders, say
from training.device import Device, find
from training.images import Images, batches_in, load, prepare
from training.models import build, parameters
from training.published import Published, publish
from training.store import Folder

WEIGHT_DECAY = 0.01
"""Of AdamW: PyTorch's own default."""
WARM_UP = 0.3
"""Part of all steps in which the one-cycle schedule rises to the learning rate."""
STEPS_A_LINE = 20
"""A line waits for the device once: rarely enough to cost nothing."""
TEST_BATCH = 100
"""Small enough that a processor's memory is reused from batch to batch: a third faster than 1,000."""


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
    """Over the steps since the last line, as the accuracy is."""
    train_accuracy: float
    images_per_second: float
    """Since the training began, testing left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What an epoch came to."""

    epoch: int
    epochs: int
    progress: float
    loss: float
    """On all held-out test images, as the accuracy is."""
    accuracy: float
    train_loss: float
    """Over the epoch, while the network was still changing."""
    train_accuracy: float
    images_per_second: float
    """Since the training began, testing left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a training came to, whole or stopped."""

    tested: Epoch | None
    """The last whole epoch; None: there was none."""
    published: Published | None
    """The model it made."""
    images_per_second: float


def train(orders: Orders, stop: Callable[[], bool]) -> bool:
    """Train and publish the orders' model and say how it went; False when stopped before the end."""
    began = time.perf_counter()
    device = find(orders)
    torch.manual_seed(orders.seed)
    network = build(orders.model, orders.image_size).to(device.torch)
    facts = {"model": orders.model, "parameters": parameters(network), **device.facts()}
    say("event", event="started", **facts)
    learned = learn(network, orders, device, stop=stop)
    tested, published = learned.tested, learned.published
    finished = published is not None and published.final
    say(
        "result",
        finished=finished,
        epochs=tested.epoch if tested else 0,
        loss=tested.loss if tested else None,
        accuracy=tested.accuracy if tested else None,
        train_loss=tested.train_loss if tested else None,
        train_accuracy=tested.train_accuracy if tested else None,
        model_sha256=published.sha256 if published else None,
        images_per_second=learned.images_per_second,
        seconds=time.perf_counter() - began,
        **facts,
    )
    return finished


def learn(network: nn.Module, orders: Orders, device: Device, *, stop: Callable[[], bool]) -> Learned:
    """Fit the network to the data set, telling each stage of it, and publish it after every epoch."""
    folder = Folder(orders.folder)
    images = load(Path(DATA_FOLDER), "train", device.torch).first(orders.train_images)
    test = load(Path(DATA_FOLDER), "test", device.torch)
    tested, published, pace = None, None, 0.0
    for told in fit(network, images, test, orders=orders, device=device, stop=stop):
        pace = told.images_per_second
        if isinstance(told, Step):
            say("step", **asdict(told))
            continue
        say("epoch", **asdict(told))
        tested = told
        published = publish(folder, network, orders, accuracy=told.accuracy, epoch=told.epoch)
        say("event", event="published", **asdict(published))
    return Learned(tested=tested, published=published, images_per_second=pace)


def fit(
    network: nn.Module, images: Images, test: Images, *, orders: Orders, device: Device, stop: Callable[[], bool]
) -> Iterator[Step | Epoch]:
    """The loop. When told to stop it ends after the step it is in."""
    steps = batches_in(len(images), orders.batch)
    teacher = _Teacher(network, orders, device, steps=steps * orders.epochs)
    trained, spent = 0, 0.0
    for epoch in range(1, orders.epochs + 1):
        network.train()
        seen: list[Tensor] = []
        began = time.perf_counter()
        for pixels, labels in images.shuffled(orders.batch, seed=_seed(orders, epoch)):
            seen.append(teacher.step(pixels, labels))
            trained += len(labels)
            stopping = stop()
            if stopping or len(seen) % STEPS_A_LINE == 0:
                loss, accuracy = _means(seen[-STEPS_A_LINE:])
                yield Step(
                    epoch=epoch,
                    step=len(seen),
                    steps=steps,
                    progress=(epoch - 1 + len(seen) / steps) / orders.epochs,
                    train_loss=loss,
                    train_accuracy=accuracy,
                    images_per_second=trained / (spent + time.perf_counter() - began),
                )
            if stopping:
                return
        loss, accuracy = _means(seen)
        spent += time.perf_counter() - began
        test_loss, test_accuracy = evaluate(network, test, device, image_size=orders.image_size)
        yield Epoch(
            epoch=epoch,
            epochs=orders.epochs,
            progress=epoch / orders.epochs,
            loss=test_loss,
            accuracy=test_accuracy,
            train_loss=loss,
            train_accuracy=accuracy,
            images_per_second=trained / spent,
        )


@torch.inference_mode()
def evaluate(network: nn.Module, images: Images, device: Device, *, image_size: int) -> tuple[float, float]:
    """Mean loss and accuracy over all of the images."""
    network.eval()
    loss = torch.zeros((), device=device.torch)
    right = torch.zeros((), device=device.torch)
    for pixels, labels in images.batches(TEST_BATCH):
        with device.autocast():
            scores = network(prepare(pixels, image_size))
        loss += functional.cross_entropy(scores.float(), labels, reduction="sum")
        right += _right(scores, labels).sum()
    return float(loss) / len(images), float(right) / len(images)


class _Teacher:
    """The network with what moves it: optimizer and schedule."""

    def __init__(self, network: nn.Module, orders: Orders, device: Device, *, steps: int) -> None:
        self._network = network
        self._device = device
        self._image_size = orders.image_size
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=orders.learning_rate, weight_decay=WEIGHT_DECAY, fused=True
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, max_lr=orders.learning_rate, total_steps=steps, pct_start=WARM_UP
        )

    def step(self, pixels: Tensor, labels: Tensor) -> Tensor:
        """Learn from one batch; loss and accuracy on it, still on the device."""
        with self._device.autocast():
            scores = self._network(prepare(pixels, self._image_size))
            loss = functional.cross_entropy(scores, labels)
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._optimizer.step()
        self._schedule.step()
        return torch.stack((loss.detach(), _right(scores, labels).mean()))


def _right(scores: Tensor, labels: Tensor) -> Tensor:
    return (scores.argmax(dim=1) == labels).float()


def _means(seen: list[Tensor]) -> tuple[float, float]:
    loss, accuracy = torch.stack(seen).mean(dim=0).tolist()
    if not math.isfinite(loss):
        raise FloatingPointError(f"the training loss became {loss}: try a lower learning rate, or precision fp32")
    return loss, accuracy


def _seed(orders: Orders, epoch: int) -> int:
    """Of an epoch's order: a function of nothing else, so that any epoch can be repeated alone."""
    return orders.seed * 1_000_003 + epoch
