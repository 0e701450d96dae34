"""Training, for real, on a toy."""

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from training.contract import Orders, OrdersError, read_line
from training.device import find
from training.evaluation import evaluate
from training.images import load
from training.learner import NoNumberError
from training.published import Shelf
from training.store import Folder
from training.train import Epoch, Step, fit, new, train


def never() -> bool:
    """Nobody stops this."""
    return False


def after(steps: int) -> Callable[[], bool]:
    """Stops after so many steps."""
    asked = count(1)
    return lambda: next(asked) >= steps


def answers(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was said on standard output; every line of it is an answer."""
    said = [read_line(text) for text in capsys.readouterr().out.splitlines()]
    assert None not in said
    return [answer for answer in said if answer]


def of_type(kind: str, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers of one type."""
    return [answer for answer in said if answer["type"] == kind]


def fitted(orders: Orders, stop: Callable[[], bool] = never) -> list[Step | Epoch]:
    """All that a fit tells."""
    learner = new(orders, find(orders))
    images, test = (load(Path("data"), split, torch.device("cpu")) for split in ("train", "test"))
    return list(fit(learner, images.first(orders.train_images), test, stop=stop))


@pytest.mark.usefixtures("pod")
@pytest.mark.parametrize(("model", "epochs"), [("mlp", 1), ("cnn", 3), ("resnet18", 2)])
def test_it_learns(model: str, epochs: int, told: Callable[..., Orders]) -> None:
    """Each network tells the toy's classes apart far better than chance, on images it has not seen."""
    last = fitted(told(model=model, epochs=epochs, batch=16, augment=False, precision="fp32"))[-1]

    assert isinstance(last, Epoch)
    assert last.tested.accuracy > 0.8


@pytest.mark.usefixtures("pod")
def test_the_same_seed_learns_the_same(told: Callable[..., Orders]) -> None:
    """Two trainings on a processor agree to the last bit, but for their pace."""
    curves = [
        [(epoch.tested, epoch.train_loss) for epoch in fitted(told(model="cnn")) if isinstance(epoch, Epoch)]
        for _ in range(2)
    ]

    assert curves[0] == curves[1]


@pytest.mark.usefixtures("pod")
def test_the_result_is_the_published_models(told: Callable[..., Orders], capsys: pytest.CaptureFixture[str]) -> None:
    """The final model, loaded from S3 again, has the accuracy and the loss that were reported, on all test images."""
    orders = told()

    assert train(orders, never)

    result = of_type("result", answers(capsys))[-1]
    shelf = Shelf(Folder(orders.output))
    published = shelf.newer()
    assert published is not None
    assert (True, result["accuracy"], result["model_sha256"]) == (published.final, published.accuracy, published.sha256)
    device = find(orders)
    network = shelf.take(published, device.torch)
    test = load(Path("data"), "test", device.torch)
    tested = evaluate(network, test, device, image_size=published.image_size)
    assert (result["loss"], result["accuracy"]) == (tested.loss, tested.accuracy)
    assert tested.confusion == tuple(map(tuple, result["confusion"]))


@pytest.mark.usefixtures("pod")
def test_it_tells_what_it_does(told: Callable[..., Orders], capsys: pytest.CaptureFixture[str]) -> None:
    """Started, an epoch and a model twice, the result last; progress rises to 1."""
    train(told(batch=8, device="MIG-1"), never)

    said = answers(capsys)
    progress = [answer["progress"] for answer in said if "progress" in answer]
    assert ["started", "published", "published"] == [answer["event"] for answer in of_type("event", said)]
    assert [1, 2] == [answer["epoch"] for answer in of_type("epoch", said)]
    assert [20, 40, 20, 40] == [answer["step"] for answer in of_type("step", said)]
    assert sorted(progress) == progress
    assert 1 == progress[-1]
    assert "result" == said[-1]["type"]
    assert (True, 2, "MIG-1") == (said[-1]["finished"], said[-1]["epochs"], said[-1]["mig_uuid"])


@pytest.mark.usefixtures("pod")
def test_stopped_it_says_how_far_it_came(told: Callable[..., Orders], capsys: pytest.CaptureFixture[str]) -> None:
    """Not finished; the figures and the model are those of the last whole epoch."""
    orders = told(epochs=3)

    assert not train(orders, after(steps=15))

    result = answers(capsys)[-1]
    assert (False, 1) == (result["finished"], result["epochs"])
    manifest = json.loads(Folder(orders.output).read("model.json"))
    assert (1, False, result["model_sha256"]) == (manifest["epoch"], manifest["final"], manifest["sha256"])


@pytest.mark.usefixtures("pod")
def test_stopped_at_once_it_has_no_figures(told: Callable[..., Orders], capsys: pytest.CaptureFixture[str]) -> None:
    """An accuracy that was not measured is not told."""
    assert not train(told(), after(steps=1))

    result = answers(capsys)[-1]
    assert (0, None, None) == (result["epochs"], result["accuracy"], result["model_sha256"])


@pytest.mark.usefixtures("pod")
def test_a_loss_that_is_no_number_ends_it(told: Callable[..., Orders]) -> None:
    """Nobody pays for epochs of NaN."""
    with pytest.raises(NoNumberError, match="with 1e\\+30 the loss became nan in step . of epoch 1"):
        fitted(told(model="cnn", learning_rate=1e30, batch=8, gradient_clip=0.0))


@pytest.mark.usefixtures("pod")
def test_more_images_than_there_are_is_a_wrong_order(told: Callable[..., Orders]) -> None:
    """Refused before the first step."""
    with pytest.raises(OrdersError, match="MIG_TRAIN_IMAGES"):
        train(told(train_images=60_000), never)
