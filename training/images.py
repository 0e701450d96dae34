"""
Images on the device: the whole set as bytes, once; batches are slices of an order, made ready where they lie.

No image is decoded, no worker started, and nothing crosses to the device after the first moment: what is done to images
is done to a whole batch, where it lies.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from training import data
from training.contract import CLASSES, OrdersError

MEAN, DEVIATION = 0.2860, 0.3530
"""Of the pixels of Fashion-MNIST's training images, from 0 to 1."""

SHIFT = 1
"""Pixels by which augmenting moves an image at most, up, down and aside."""
ERASED = 0.1
"""Part of the images in which augmenting erases a rectangle; its edges are a quarter to half of the image's."""

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

    def shuffled(self, size: int, *, seed: int, after: int = 0, at_once: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """
        Full batches but the first few, so many at once, in an order that the seed alone decides.

        What is left over is left out.
        """
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed)).to(self.labels.device)
        end = batches_in(len(self), size) * size
        for start in range(after * size, end, at_once * size):
            index = order[start : min(start + at_once * size, end)]
            yield self.pixels[index], self.labels[index]


def load(folder: Path, split: Literal["train", "test"], device: torch.device) -> Images:
    """One split from its two files onto the device. Raises DamagedError where they do not fit each other."""
    pictures, classes = (data.read(folder, stem) for stem in _STEMS[split])
    if len(pictures.shape) != 3 or classes.shape != pictures.shape[:1]:  # noqa: PLR2004 - images, rows, columns
        raise data.DamagedError(f"{split}: images of shape {pictures.shape} with labels of shape {classes.shape}")
    if max(classes.values, default=0) >= len(CLASSES):
        raise data.DamagedError(f"{split}: a label is {max(classes.values)}, above {len(CLASSES) - 1}")
    number, height, width = pictures.shape
    return Images(
        _bytes(pictures.values).view(number, 1, height, width).to(device),
        _bytes(classes.values).long().to(device),
    )


def batches_in(images: int, size: int) -> int:
    """Full batches of that size, but never none."""
    return max(1, images // size)


def prepare(pixels: Tensor, size: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """
    Bytes as a network wants them: `size` pixels an edge, mean 0, deviation 1.

    A batch is resized by two products of matrices, which a device does at its best, in this precision or autocast's.
    """
    ready = pixels.float().sub_(255 * MEAN).mul_(1 / (255 * DEVIATION)).to(dtype)
    if pixels.shape[-2:] == (size, size):
        return ready
    rows, columns = (_resizing(edge, size, pixels.device, dtype) for edge in pixels.shape[-2:])
    ready = rows @ ready
    return ready @ columns.T


def augment(pixels: Tensor) -> Tensor:
    """
    The same images, each in its own way flipped, shifted and partly erased; bytes as before.

    Chance is the device's own generator, whose state goes into a checkpoint.
    """
    number, _, height, width = pixels.shape
    flip, down, aside, erase, *rectangle = torch.rand(8, number, 1, device=pixels.device)
    rows, columns = (torch.arange(edge, device=pixels.device) for edge in (height, width))
    padded = functional.pad(pixels[:, 0], (SHIFT,) * 4)
    from_row = rows + _whole(down, 2 * SHIFT + 1)
    from_column = torch.where(flip < 1 / 2, columns, width - 1 - columns) + _whole(aside, 2 * SHIFT + 1)
    each = torch.arange(number, device=pixels.device).view(-1, 1, 1)
    moved = padded[each, from_row.unsqueeze(2), from_column.unsqueeze(1)]
    erased = _within(rows, *rectangle[:2]).unsqueeze(2) & _within(columns, *rectangle[2:]).unsqueeze(1)
    return moved.masked_fill_(erased & (erase < ERASED).unsqueeze(2), round(255 * MEAN)).unsqueeze(1)


@lru_cache(maxsize=8)
def _resizing(edge: int, size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """What makes `size` pixels of `edge`: resizing is linear, so all of it is in what becomes of single pixels."""
    single = torch.eye(edge, device=device).view(1, 1, edge, edge)
    resized = functional.interpolate(single, size=(size, edge), mode="bilinear", antialias=True)
    return resized.view(size, edge).to(dtype)


def _within(positions: Tensor, length: Tensor, start: Tensor) -> Tensor:
    """For each image the positions of one stretch, a quarter to half of the edge long: (images, positions)."""
    edge = len(positions)
    long = edge // 4 + _whole(length, edge // 4 + 1)
    first = (start * (edge - long + 1)).long()
    return (positions >= first) & (positions < first + long)


def _whole(chance: Tensor, below: int) -> Tensor:
    """Chance from 0 to 1 as a whole number from 0 to below that one."""
    return (chance * below).long()


def _bytes(values: bytes) -> Tensor:
    return torch.frombuffer(bytearray(values), dtype=torch.uint8)
