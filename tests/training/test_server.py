"""Who answers, when, and what is counted of it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.contract import Orders
from training.device import find
from training.evaluation import evaluate
from training.images import Images, load
from training.models import build
from training.published import Published
from training.server import WARM_UP_BATCHES, Server
from training.sources import Batch, HeldOut

TEST = 150
EARLY = Published(key="k", sha256="a", model="mlp", image_size=8, accuracy=0.5, epoch=1, final=False)
LAST = Published(key="l", sha256="b", model="mlp", image_size=8, accuracy=0.5, epoch=2, final=True)


class Asked:
    """A source with the batches that a test puts there; it remembers who answered how many."""

    def __init__(self, *batches: tuple[Tensor, tuple[float, ...]]) -> None:
        self.heard: list[tuple[str, int]] = []
        self.batches = list(batches)
        self.opened = 0

    def take(self, most: int, *, patience: float) -> Batch | None:  # noqa: ARG002 - as the real one's
        """The next one."""
        if not self.batches:
            return None
        pixels, arrived = self.batches.pop(0)
        return Batch(pixels=pixels, arrived=arrived, known=0, hand_back=self._hear)

    def open(self) -> None:
        """Count."""
        self.opened += 1

    def close_door(self) -> None:
        """Nobody stands there."""

    def quiet(self) -> bool:
        """Nobody waits."""
        return True

    def _hear(self, classes: Tensor, by: Published) -> int:
        self.heard.append((by.sha256, len(classes)))
        return 0


@pytest.fixture
def images(pod: Path) -> Images:
    """Of the toy."""
    return load(pod / "data", "test", torch.device("cpu"))


@pytest.fixture
def network() -> nn.Module:
    """A network that nobody has fitted."""
    torch.manual_seed(1)
    return build("mlp", 8).eval()


def made_ready(server: Server) -> int:
    """Batches that it took until the model which was taken last answers."""
    for number in range(1000):
        server.ready()
        if not server.readying:
            return number
    raise AssertionError("it never was")


def test_clients_wait_for_no_proof(service: Callable[..., Orders], images: Images, network: nn.Module) -> None:
    """A model is proven on all test images, a batch at a time, and between two the one before answers."""
    orders = service(http=True)
    asked = Asked(*[(images.pixels[:2], ())] * 3)
    server = Server(orders, asked, images, find(orders))
    server.take(EARLY, network)
    made_ready(server)
    server.answer(patience=0)
    server.take(LAST, build("mlp", 8).eval())
    server.ready()
    server.answer(patience=0)
    rest = made_ready(server)
    server.answer(patience=0)

    assert [("a", 2), ("a", 2), ("b", 2)] == asked.heard
    assert (TEST / 30 - 1, 2) == (rest, asked.opened)


def test_the_accuracy_told_to_clients_is_proven(
    service: Callable[..., Orders], images: Images, network: nn.Module
) -> None:
    """It is that on all test images, which count neither as answers nor in the latencies."""
    orders = service(http=True)
    device = find(orders)
    expected = evaluate(network, images, device, image_size=8).accuracy
    server = Server(orders, Asked(), images, device)
    server.take(LAST, network)
    made_ready(server)

    figures: dict[str, Any] = server.figures()
    assert (expected, 0, None) == tuple(figures[name] for name in ("accuracy", "images", "p50_ms"))


def test_who_waited_for_the_first_model_has_no_latency(
    service: Callable[..., Orders], images: Images, network: nn.Module
) -> None:
    """How long a training took says nothing of the service; who came later is measured from its arrival."""
    orders = service(http=True)
    asked = Asked((images.pixels[:1], (time.perf_counter(),)))
    server = Server(orders, asked, images, find(orders))
    server.take(LAST, network)
    made_ready(server)
    server.answer(patience=0)
    first: dict[str, Any] = server.figures()
    asked.batches.append((images.pixels[:1], (time.perf_counter(),)))
    server.answer(patience=0)

    assert (1, None) == (first["images"], first["p50_ms"])
    assert server.figures()["p50_ms"] is not None


def test_clients_are_served_by_the_wall_clock(
    service: Callable[..., Orders], images: Images, network: nn.Module
) -> None:
    """Waiting for them counts, from the first model on; waiting for that does not."""
    orders = service(http=True)
    server = Server(orders, Asked(), images, find(orders))
    server.answer(patience=0)
    assert 0 == server.tally.seconds
    server.take(EARLY, network)
    made_ready(server)
    time.sleep(0.01)
    server.answer(patience=0)

    assert 0.01 <= server.tally.seconds
    assert server.tally.early_seconds == server.tally.seconds


def test_images_are_served_by_what_they_take(
    service: Callable[..., Orders], images: Images, network: nn.Module
) -> None:
    """Only answering counts, and warming up is neither answer nor latency."""
    orders = service(requests=0, seconds=100.0)
    server = Server(orders, HeldOut(images), images, find(orders))
    server.take(LAST, network)
    warmed_up = made_ready(server)
    nothing: dict[str, Any] = server.figures()
    server.answer(patience=0)
    server.answer(patience=0)

    figures: dict[str, Any] = server.figures()
    assert (WARM_UP_BATCHES, 0, 0) == (warmed_up, nothing["images"], nothing["seconds"])
    assert 60 == figures["images"]
    assert figures["p50_ms"] + figures["p99_ms"] == pytest.approx(1000 * figures["seconds"])
