"""A network that only answers."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from training.classifier import Classifier
from training.contract import Model, Orders, OrdersError, Precision
from training.device import Device, find
from training.images import prepare
from training.models import build
from training.published import Published

PUBLISHED = Published(key="k", sha256="s", model="mlp", image_size=32, accuracy=0.5, epoch=1, final=True)


def images(number: int, size: int = 28) -> Tensor:
    """Noise."""
    return torch.randint(0, 256, (number, 1, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("model", ["mlp", "cnn", "resnet18", "resnet18-32"])
def test_it_answers_as_its_training_heard_it(model: Model, precision: Precision, told: Callable[..., Orders]) -> None:
    """To the last bit of every score, though autocast has no part in it."""
    torch.manual_seed(1)
    device = find(told(precision=precision))
    network = build(model, 32)
    with torch.no_grad():
        network.train()(prepare(images(8), 32))  # normalisations that have seen something
    network.eval()
    pixels = images(3)
    with torch.inference_mode(), device.autocast():
        scores = network(prepare(pixels, 32))

    with torch.inference_mode():
        found = Classifier(replace(PUBLISHED, model=model), network, device)._scores(pixels)
    assert torch.equal(scores, found)


class Recording(nn.Module):
    """The first pixel of an image is its class; it remembers how many it was shown at once."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[int] = []

    def forward(self, ready: Tensor) -> Tensor:
        """Scores."""
        self.shown.append(len(ready))
        return nn.functional.one_hot(ready[:, 0, 0, 0].long() % 10, 10).float()


@pytest.fixture
def device(told: Callable[..., Orders]) -> Device:
    """This machine's, in fp32."""
    return find(told(precision="fp32"))


def test_no_more_are_computed_at_once_than_shall_be(device: Device) -> None:
    """A request of many images is taken in parts, and its answer is whole."""
    network = Recording()
    classes = Classifier(PUBLISHED, network, device).classes(images(7, 32), most=3)

    assert ([3, 3, 1], 7) == (network.shown, len(classes))


def test_too_many_for_the_memory_are_told(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """The knob's name, and what might do."""

    def full(_self: nn.Module, _ready: Tensor) -> Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Recording, "forward", full)
    monkeypatch.setattr(torch, "compile", lambda network, mode: network.forward if mode else None)
    with pytest.raises(OrdersError, match="MIG_MICRO_BATCH: 6 images of 32 pixels do not fit into .*; try 3$"):
        Classifier(PUBLISHED, Recording(), device, compiled="default").classes(images(6), most=6)
