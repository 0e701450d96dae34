"""
Images on the device: the whole set as bytes, once; batches are slices of an order, made ready where they lie.

No image is decoded, no worker started, and nothing crosses to the device after the first moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from training import data
from training.contract import OrdersError

CLASSES = 10
MEAN, DEVIATION = 0.2860, 0.3530
"""Of the pixels of Fashion-MNIST's training images, from 0 to 1."""

_STEMS = {"train": data.STEMS[:2], "test": data.STEMS[2:]}


@dataclass(frozen=True, slots=True)
class Images:
    """One split of the data set."""

    pixels: Tensor
    """Bytes, one channel: (images, 1, height, width)."""
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, number: int) -> "Images":
        """The first so many."""
        if number > len(self):
            raise OrdersError(f"MIG_TRAIN_IMAGES: {number} were asked for, the data set has {len(self)}")
        return Images(self.pixels[:number], self.labels[:number])

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All of them in their own order."""
        return zip(torch.split(self.pixels, size), torch.split(self.labels, size), strict=True)

    def shuffled(self, size: int, *, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Full batches in an order that the seed alone decides; what is left over waits for another order."""
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed)).to(self.labels.device)
        for index in torch.split(order[: batches_in(len(self), size) * size], size):
            yield self.pixels[index], self.labels[index]


def load(folder: Path, split: Literal["train", "test"], device: torch.device) -> Images:
    """One split from its two files onto the device. Raises DamagedError where they do not fit each other."""
    pictures, classes = (data.read(folder, stem) for stem in _STEMS[split])
    if len(pictures.shape) != 3 or classes.shape != pictures.shape[:1]:  # noqa: PLR2004 - images, rows, columns
        raise data.DamagedError(f"{split}: images of shape {pictures.shape} with labels of shape {classes.shape}")
    if max(classes.values, default=0) >= CLASSES:
        raise data.DamagedError(f"{split}: a label is {max(classes.values)}, above {CLASSES - 1}")
    number, height, width = pictures.shape
    return Images(
        _bytes(pictures.values).view(number, 1, height, width).to(device),
        _bytes(classes.values).long().to(device),
    )


def batches_in(images: int, size: int) -> int:
    """Full batches of that size, but never none."""
    return max(1, images // size)


def prepare(pixels: Tensor, size: int) -> Tensor:
    """Bytes as a network wants them: `size` pixels an edge, mean 0, deviation 1."""
    resized = functional.interpolate(pixels.float(), size=(size, size), mode="bilinear", antialias=True)
    return resized.div_(255).sub_(MEAN).div_(DEVIATION)


def _bytes(values: bytes) -> Tensor:
    return torch.frombuffer(bytearray(values), dtype=torch.uint8)
