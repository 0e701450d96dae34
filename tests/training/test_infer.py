"""Inference, for real, on a toy."""

import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from training import infer
from training.contract import Orders, read_line
from training.device import find
from training.evaluation import evaluate
from training.images import Images, load
from training.infer import next_move, serve
from training.lookout import Found
from training.models import build
from training.published import Published, Shelf, publish
from training.server import Server
from training.sources import Batch, HeldOut
from training.store import Folder
from training.tally import Tally

TEST = 150


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infer, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(infer, "IDLE_SECONDS", 0.001)


def published(orders: Orders, *, epoch: int) -> tuple[Published, torch.nn.Module]:
    """A new model, as the training of those orders publishes one."""
    torch.manual_seed(epoch)
    network = build("mlp", 8).eval()
    return publish(Folder(orders.folder), network, orders, accuracy=0.5, epoch=epoch), network


def opened(orders: Orders) -> tuple[Server, Callable[[], Found | None]]:
    """A service, and how it finds newer models: at once, while the real one looks in a thread of its own."""
    device = find(orders)
    test = load(Path("data"), "test", device.torch)
    return Server(orders, HeldOut(test, orders.requests), test, device), partial(
        newest, Shelf(Folder(orders.model_from))
    )


def newest(shelf: Shelf) -> Found | None:
    """What a lookout finds."""
    told = shelf.newer()
    return (told, shelf.take(told, torch.device("cpu"))) if told else None


def calling(act: Callable[[], object], *, after: int) -> Callable[[], bool]:
    """Never stops, but acts once after so many questions whether to."""
    questions = iter(range(after))

    def stop() -> bool:
        if next(questions, None) == after - 1:
            act()
        return False

    return stop


@pytest.mark.parametrize(
    ("limits", "done", "final", "move"),
    [
        pytest.param((20, 0), (0, 0, 0), False, "answer", id="an early model may begin"),
        pytest.param((20, 0), (900, 9.9, 9.9), False, "answer", id="and use half of the seconds"),
        pytest.param((20, 0), (900, 10, 10), False, "wait", id="but no more"),
        pytest.param((20, 0), (900, 10, 10), True, "answer", id="the final model uses the other half"),
        pytest.param((20, 0), (900, 20, 10), True, "end", id="until the seconds are over"),
        pytest.param((20, 0), (900, 20, 0), True, "end", id="all of them, where no other came before"),
        pytest.param((20, 0), (900, 20, 11), True, "answer", id="what an early model went beyond does not count"),
        pytest.param((0, 1000), (490, 99, 99), False, "answer", id="a batch that ends at half of the requests"),
        pytest.param((0, 1000), (491, 99, 99), False, "wait", id="a batch that would go beyond them"),
        pytest.param((0, 1000), (999, 99, 50), True, "answer", id="the last request"),
        pytest.param((0, 1000), (1000, 99, 50), True, "end", id="no request left"),
        pytest.param((20, 1000), (10, 20, 0), True, "end", id="whichever of both is over first"),
        pytest.param((0, 1), (0, 0, 0), False, "wait", id="a single request is the final model's"),
    ],
)
def test_what_a_service_does_next(
    limits: tuple[float, int], done: tuple[int, float, float], *, final: bool, move: str, service: Callable[..., Orders]
) -> None:
    """Half of the service is kept for the final model."""
    orders = service(seconds=limits[0], requests=limits[1], micro_batch=10)
    tally = Tally(images=done[0], seconds=done[1], early_seconds=done[2])

    assert move == next_move(orders, tally, final=final)


@pytest.mark.parametrize(
    ("limits", "done", "final", "move"),
    [
        pytest.param((20, 0), (900, 9.9, 9.9), False, "answer", id="an early model"),
        pytest.param((20, 0), (900, 60, 60), False, "answer", id="goes on until another comes"),
        pytest.param((20, 0), (900, 69, 60), True, "answer", id="which has its half nevertheless"),
        pytest.param((20, 0), (900, 70, 60), True, "end", id="and no more"),
        pytest.param((20, 0), (900, 20, 4), True, "end", id="all seconds, where the early ones were few"),
        pytest.param((0, 1000), (999, 60, 60), False, "answer", id="one image less than ordered"),
        pytest.param((0, 1000), (1003, 60, 60), False, "end", id="as many, whoever answered them"),
    ],
)
def test_clients_are_not_kept_waiting(
    limits: tuple[float, int], done: tuple[int, float, float], *, final: bool, move: str, service: Callable[..., Orders]
) -> None:
    """An early model answers them for as long as it is the newest; its time beyond its half does not count."""
    orders = service(http=True, seconds=limits[0], requests=limits[1])
    tally = Tally(images=done[0], seconds=done[1], early_seconds=done[2])

    assert move == next_move(orders, tally, final=final)


@pytest.mark.usefixtures("pod")
def test_it_takes_the_newer_model_and_accounts_for_both(
    told: Callable[..., Orders], service: Callable[..., Orders]
) -> None:
    """Each model answered every test image once here, so its accuracy is exactly what a test of it finds."""
    orders, training = service(), told(epochs=2)
    models = [published(training, epoch=1)]
    server, look = opened(orders)

    assert serve(server, look, calling(lambda: models.append(published(training, epoch=2)), after=9))

    test, device = load(Path("data"), "test", torch.device("cpu")), find(orders)
    accuracies = [evaluate(network, test, device, image_size=8).accuracy for _, network in models]
    figures: dict[str, Any] = server.figures()
    assert [
        {
            "sha256": told_of.sha256,
            "epoch": told_of.epoch,
            "final": told_of.final,
            "images": TEST,
            "accuracy": accuracy,
            "published_accuracy": 0.5,
        }
        for (told_of, _), accuracy in zip(models, accuracies, strict=True)
    ] == figures["models"]
    assert (accuracies[1], models[1][0].sha256) == (figures["accuracy"], figures["model_sha256"])
    assert 2 * TEST == figures["images"]


@pytest.mark.usefixtures("pod")
def test_it_waits_for_the_first_model(told: Callable[..., Orders], service: Callable[..., Orders]) -> None:
    """A service may start before its training has published anything."""
    server, look = opened(service())

    assert serve(server, look, calling(lambda: published(told(epochs=1), epoch=1), after=3))
    assert [1] == [model["epoch"] for model in server.figures()["models"]]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("pod")
def test_stopped_while_waiting_it_has_its_figures(told: Callable[..., Orders], service: Callable[..., Orders]) -> None:
    """Half served by an early model, the final one never came: not finished, but counted."""
    published(told(epochs=2), epoch=1)
    server, look = opened(service())
    questions = iter(range(50))

    assert not serve(server, look, lambda: next(questions, None) is None)
    assert TEST == server.figures()["images"]


@pytest.mark.usefixtures("pod")
def test_it_answers_no_more_than_it_was_asked(told: Callable[..., Orders], service: Callable[..., Orders]) -> None:
    """The last batch is as small as it must be."""
    published(told(epochs=1), epoch=1)
    server, look = opened(service(requests=100))

    assert serve(server, look, lambda: False)
    assert 100 == server.figures()["images"]


@pytest.mark.usefixtures("pod")
def test_it_serves_for_its_seconds(told: Callable[..., Orders], service: Callable[..., Orders]) -> None:
    """Round and round through the test images, and its figures agree with each other."""
    published(told(epochs=1), epoch=1)
    server, look = opened(service(requests=0, seconds=0.1))

    assert serve(server, look, lambda: False)
    figures: dict[str, Any] = server.figures()
    assert 0.1 <= figures["seconds"] < 0.3
    assert pytest.approx(figures["images"]) == figures["images_per_second"] * figures["seconds"]
    assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"] <= 1000 * figures["seconds"]


@pytest.mark.usefixtures("pod")
def test_without_a_model_to_serve_it_fits_its_own(
    service: Callable[..., Orders], capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so, publishes it in its own folder, and serves that."""
    orders = service(model_from="", epochs=7)

    assert infer.infer(orders, lambda: False)

    said = [read_line(text) or {} for text in capsys.readouterr().out.splitlines()]
    events = [answer["event"] for answer in said if answer["type"] == "event"]
    own = Shelf(Folder(orders.output)).newer()
    assert own is not None
    assert ["started", "fitting", "published", "waiting", "serving"] == events
    assert (True, own.sha256) == (said[-1]["finished"], said[-1]["model_sha256"])
    assert own.accuracy == said[-1]["accuracy"]


@pytest.mark.usefixtures("pod")
def test_stopped_without_any_model_it_says_so(
    service: Callable[..., Orders], capsys: pytest.CaptureFixture[str]
) -> None:
    """No figure is made up."""
    assert not infer.infer(service(), lambda: True)

    result = read_line(capsys.readouterr().out.splitlines()[-1]) or {}
    assert (False, 0, None, None) == tuple(result[name] for name in ("finished", "images", "accuracy", "p50_ms"))


class Crowd:
    """A source whose clients ask as long as they shall; at the end a few more of them are inside."""

    def __init__(self, images: Images, *, inside: int = 0) -> None:
        self.heard: list[str] = []
        """Which model answered each batch."""
        self.closed = False
        self._images = images
        self._inside = inside

    def take(self, most: int, *, patience: float) -> Batch:  # noqa: ARG002 - somebody always asks
        """One image of one client."""
        self._inside -= self.closed
        pixels = self._images.pixels[:1]
        return Batch(pixels=pixels, arrived=(time.perf_counter(),), known=0, hand_back=self._hear)

    def open(self) -> None:
        """Good."""

    def close_door(self) -> None:
        """From now on only those inside."""
        self.closed = True

    def quiet(self) -> bool:
        """When they are answered."""
        return self._inside == 0

    def _hear(self, classes: Tensor, by: Published) -> int:
        self.heard += [by.sha256] * len(classes)
        return 0


@pytest.mark.usefixtures("pod")
def test_clients_are_answered_while_a_newer_model_is_made_ready(
    told: Callable[..., Orders], service: Callable[..., Orders]
) -> None:
    """Each batch of its proof stands beside an answer by the one before; then all answers are its own."""
    orders, training = service(http=True, seconds=0.0, requests=20), told(epochs=2)
    first, _ = published(training, epoch=1)
    device = find(orders)
    test = load(Path("data"), "test", device.torch)
    crowd = Crowd(test, inside=3)
    server = Server(orders, crowd, test, device)
    models = [first.sha256]

    def publish_another() -> None:
        models.append(published(training, epoch=2)[0].sha256)

    shelf = Shelf(Folder(orders.model_from))
    assert serve(server, partial(newest, shelf), calling(publish_another, after=12))
    infer.finish(server, crowd)

    changed = crowd.heard.index(models[1])
    assert crowd.heard == [models[0]] * changed + [models[1]] * (23 - changed)
    assert changed >= 5
    assert crowd.closed


@pytest.mark.usefixtures("pod")
def test_a_service_over_http_listens_and_ends(
    service: Callable[..., Orders], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says where, and stopped without a model it tells whoever waits, and listens no more."""
    monkeypatch.setattr(infer, "HTTP_PORT", 0)
    assert not infer.infer(service(http=True, pod_ip="127.0.0.1"), lambda: True)

    said = [read_line(text) or {} for text in capsys.readouterr().out.splitlines()]
    assert ["started", "listening", "waiting", "result"] == [line.get("event", line["type"]) for line in said]
    host, _, port = said[1]["address"].rpartition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
