"""
Inference: answers the test images in batches with the newest published model, and says how well and how fast.

It waits for the first model and takes newer ones between two batches. Models before their training's last may use half
of the service's time; the other half is kept for the last one, so that no service ends without having served it.
Latency is one batch's, from bytes on the device to classes in the host's memory. Loading and warming up do not count.
"""

import math
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn

from training.contract import DATA_FOLDER, Orders, say
from training.device import Device, find
from training.images import Images, load, prepare
from training.models import parameters
from training.published import Published, Shelf
from training.store import Folder
from training.train import learn, new

FOR_EARLY_MODELS = 0.5
"""Part of the service's seconds and requests that models before the last may use."""
WARM_UP_BATCHES = 3
LOOK_SECONDS = 1.0
"""Between two looks for a newer model."""
LINE_SECONDS = 5.0
"""Between two lines about the answers so far."""
OWN_IMAGES = 10_000
"""Without `model_from` a service first fits its own model to so many images at most, once: it need not be good."""

Move = Literal["answer", "wait", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How much a service has answered so far."""

    images: int
    seconds: float
    """Spent answering: neither waiting, nor loading, nor warming up."""


def next_move(orders: Orders, done: Done, *, final: bool) -> Move:
    """What a service does next, `final` being whether its model is its training's last."""
    if _over(orders.seconds, done.seconds) or _over(orders.requests, done.images):
        return "end"
    after = done.images + _at_once(orders) - 1  # the whole next batch must find room in the early half
    if not final and (
        _over(orders.seconds * FOR_EARLY_MODELS, done.seconds) or _over(orders.requests * FOR_EARLY_MODELS, after)
    ):
        return "wait"
    return "answer"


def infer(orders: Orders, stop: Callable[[], bool]) -> bool:
    """Serve until the orders' seconds or requests are over; False when stopped before."""
    device = find(orders)
    say("event", event="started", **device.facts())
    if not orders.model_from:
        _fit_own(orders, device, stop)
    shelf = Shelf(Folder(orders.model_from or orders.folder))
    server = Server(orders, load(Path(DATA_FOLDER), "test", device.torch), device)
    say("event", event="waiting", models=str(shelf))
    finished = serve(server, shelf, stop)
    say("result", finished=finished, **server.figures())
    return finished


def serve(server: "Server", shelf: Shelf, stop: Callable[[], bool]) -> bool:
    """Between two batches take what is newer; until the server has done its part, or is stopped."""
    look = line = time.monotonic()
    while not stop():
        now = time.monotonic()
        if now >= look and not server.has_final:
            if told := shelf.newer():
                server.take(told, shelf.take(told, server.device.torch))
                say("event", event="serving", **asdict(told))
            look = now + LOOK_SECONDS
        if now >= line:
            say("step", **server.progress())
            line = now + LINE_SECONDS
        move = server.next_move()
        if move == "end":
            return True
        if move == "wait":
            time.sleep(LOOK_SECONDS)
        else:
            server.answer()
    return False


class Server:
    """Answers with one model at a time, and keeps count."""

    def __init__(self, orders: Orders, images: Images, device: Device) -> None:
        self.device = device
        self._orders = orders
        self._images = images
        self._truth = images.labels.cpu()
        self._network = nn.Module()
        self._served: list[_Served] = []
        self._latencies = array("d")
        self._seconds = 0.0
        self._cursor = 0

    @property
    def has_final(self) -> bool:
        """Whether no newer model will come."""
        return bool(self._served) and self._served[-1].published.final

    def take(self, published: Published, network: nn.Module) -> None:
        """Answer with this network from now on, beginning with the first image again."""
        self._network = network
        self._served.append(_Served(published))
        self._cursor = 0
        for _ in range(WARM_UP_BATCHES):
            self._classes(self._images.pixels[: _at_once(self._orders)])

    def next_move(self) -> Move:
        """What to do now: without any model, wait for one."""
        done = Done(images=self._answered(), seconds=self._seconds)
        return next_move(self._orders, done, final=self.has_final) if self._served else "wait"

    def answer(self) -> None:
        """Answer one batch, the next images in their order, round and round."""
        size = _at_once(self._orders)
        if self._orders.requests:
            size = min(size, self._orders.requests - self._answered())
        batch = slice(self._cursor, self._cursor + size)
        began = time.perf_counter()
        classes = self._classes(self._images.pixels[batch])
        seconds = time.perf_counter() - began
        self._latencies.append(seconds)
        self._seconds += seconds
        self._served[-1].images += len(classes)
        self._served[-1].right += int((classes == self._truth[batch]).sum())
        self._cursor = batch.stop if batch.stop < len(self._images) else 0

    def progress(self) -> dict[str, object]:
        """Where the service is."""
        parts = (
            self._seconds / self._orders.seconds if self._orders.seconds else 0.0,
            self._answered() / self._orders.requests if self._orders.requests else 0.0,
        )
        return {"progress": min(1.0, max(parts)), "images": self._answered(), "images_per_second": self._pace()}

    def figures(self) -> dict[str, object]:
        """What the service came to; the accuracy is that of the model it served last, `models` has each."""
        last = self._served[-1] if self._served else None
        return {
            "model": last.published.model if last else self._orders.model,
            "model_sha256": last.published.sha256 if last else None,
            "parameters": parameters(self._network) if last else None,
            "accuracy": last.accuracy if last else None,
            "images": self._answered(),
            "batch": _at_once(self._orders),
            "images_per_second": self._pace(),
            **_percentiles(self._latencies),
            "seconds": self._seconds,
            **self.device.facts(),
            "models": [served.facts() for served in self._served],
        }

    @torch.inference_mode()
    def _classes(self, pixels: Tensor) -> Tensor:
        with self.device.autocast():
            scores = self._network(prepare(pixels, self._served[-1].published.image_size))
        return cast("Tensor", scores.argmax(dim=1).cpu())

    def _answered(self) -> int:
        return sum(served.images for served in self._served)

    def _pace(self) -> float:
        return self._answered() / self._seconds if self._seconds else 0.0


@dataclass(slots=True)
class _Served:
    """One model, and the answers it gave."""

    published: Published
    images: int = 0
    right: int = 0

    @property
    def accuracy(self) -> float | None:
        return self.right / self.images if self.images else None

    def facts(self) -> dict[str, object]:
        return {
            "sha256": self.published.sha256,
            "epoch": self.published.epoch,
            "final": self.published.final,
            "images": self.images,
            "accuracy": self.accuracy,
            "published_accuracy": self.published.accuracy,
        }


def _fit_own(orders: Orders, device: Device, stop: Callable[[], bool]) -> None:
    """Publish a small model of the service's own, for want of another."""
    own = replace(orders, epochs=1, train_images=min(orders.train_images, OWN_IMAGES))
    say("event", event="fitting", why="no model_from", model=own.model, train_images=own.train_images)
    learn(new(own, device), stop)


def _at_once(orders: Orders) -> int:
    return orders.micro_batch or orders.batch


def _over(limit: float, used: float) -> bool:
    return 0 < limit <= used


def _percentiles(latencies: Sequence[float]) -> dict[str, float | None]:
    """In milliseconds, by the nearest rank: each is a latency that was measured."""
    ordered = sorted(latencies)
    return {
        f"p{percent}_ms": 1000 * ordered[math.ceil(percent / 100 * len(ordered)) - 1] if ordered else None
        for percent in (50, 95, 99)
    }
