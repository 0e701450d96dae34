"""How good a network is: on held-out images, all of them, none of which it has learned from."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.contract import CLASSES
from training.device import Device
from training.images import Images, prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What a network did with the held-out images."""

    loss: float
    """Mean cross entropy."""
    confusion: tuple[tuple[int, ...], ...]
    """A row for each class: how many of its images were taken for which class."""

    @property
    def accuracy(self) -> float:
        """Part of the images that were taken for what they are."""
        return sum(row[at] for at, row in enumerate(self.confusion)) / sum(map(sum, self.confusion))

    @property
    def accuracy_by_class(self) -> tuple[float | None, ...]:
        """The same of each class; None: it has no image."""
        return tuple(row[at] / sum(row) if any(row) else None for at, row in enumerate(self.confusion))


@torch.inference_mode()
def evaluate(network: nn.Module, images: Images, device: Device, *, image_size: int) -> Tested:
    """Show the network every image once."""
    network.eval()
    loss = torch.zeros((), device=device.torch)
    confusion = torch.zeros(len(CLASSES) ** 2, dtype=torch.long, device=device.torch)
    with device.autocast():  # around all batches: weights are cast for the first one, and kept
        for pixels, labels in images.batches(device.test_batch(image_size)):
            scores = network(prepare(pixels, image_size))
            loss += functional.cross_entropy(scores.float(), labels, reduction="sum")
            confusion += _pairs(labels, scores)
    rows = confusion.view(len(CLASSES), len(CLASSES)).tolist()
    return Tested(loss=float(loss) / len(images), confusion=tuple(tuple(row) for row in rows))


def _pairs(labels: Tensor, scores: Tensor) -> Tensor:
    """How often each class was taken for each, one after the other."""
    return torch.bincount(labels * len(CLASSES) + scores.argmax(dim=1), minlength=len(CLASSES) ** 2)
