"""
The networks, as layers: what each learns, and which memory images take on their way through it and back.

`training.models` builds the same in torch, whose count is the truth: tests/training/test_memory.py holds the two
to each other. What a slice has room for is not known here.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from math import prod
from typing import Protocol

from training.contract import CLASSES, Model

FP32, BF16, INT64 = 4, 2, 8
"""Bytes of a number."""

Shape = tuple[int, int, int]
"""Channels, height and width of what one image has become between two layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one layer costs."""

    makes: Shape
    weights: int = 0
    """Numbers that it learns and autocast copies."""
    others: int = 0
    """Numbers that it learns beside: biases and scales."""
    saves_given: bool = True
    """Whether autograd saves what the layer is given."""
    saves: int = 0
    """Bytes for each image that autograd saves beside."""
    saves_once: int = 0
    """The same, however many images there are."""
    in_place: bool = False
    """Whether what it makes lies where that was which it is given."""


class Layer(Protocol):
    """One step of a network."""

    def cost(self, given: Shape) -> Cost:
        """What it costs to be given images of this shape."""


@dataclass(frozen=True, slots=True)
class Block:
    """
    Layers that do not free what they are given before they are done.

    Either the program still names it, or it is added, in place, to what they make: itself, or what the layers of a
    shortcut make of it.
    """

    layers: tuple["Layer | Block", ...]
    shortcut: tuple[Layer, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """What is done to images of so many channels; to grey ones, shown as colours, if these are three."""

    channels: int
    layers: tuple[Layer | Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a network costs: parameters in numbers, all else in bytes for each image, but what is saved once."""

    parameters: int
    weights: int
    """Those of the parameters that autocast copies."""
    saved: int
    """What autograd saves on the way through."""
    saved_once: int
    trained: int
    """The most that lives at once: what is saved up to a layer, and on the way back the gradients around it."""
    served: int
    """The most that lives at once where nothing is saved: what a layer is given and makes."""


@lru_cache
def footprint(model: Model, image_size: int, width: int) -> Footprint:
    """What a network costs for images of this size, in numbers of so many bytes."""
    network = NETWORKS[model]
    given = (network.channels, image_size, image_size)
    # Grey is shown as colours without a copy, until autocast makes one.
    images = image_size**2 * FP32 if width == FP32 else prod(given) * width
    first, *others = _steps(network.layers, given, width, is_saved=True)
    # The batch is there already, and nobody asks for its gradient.
    steps = (replace(first, alive=first.alive - prod(given) * width), *others)
    saved = tuple(accumulate((step.saves for step in steps), initial=images))
    return Footprint(
        parameters=sum(step.cost.weights + step.cost.others for step in steps),
        weights=sum(step.cost.weights for step in steps),
        saved=saved[-1],
        saved_once=sum(step.cost.saves_once for step in steps),
        trained=max(so_far + step.alive for so_far, step in zip(saved[1:], steps, strict=True)),
        served=images + max(step.alive + step.cost.saves for step in steps),
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """One layer on the way; bytes for each image."""

    cost: Cost
    saves: int
    """With what it is given, unless that is saved already."""
    alive: int
    """What it is given and makes, or the gradients of both; and what the blocks around it were given."""


def _steps(
    layers: Sequence[Layer | Block], given: Shape, width: int, *, is_saved: bool, around: int = 0
) -> Generator[_Step, None, tuple[Shape, bool]]:
    """Every layer in its turn; at the end what the last one makes, and whether that is saved already."""
    for layer in layers:
        size = prod(given) * width
        if isinstance(layer, Block):
            made = yield from _steps(layer.layers, given, width, is_saved=is_saved, around=around + size)
            yield from _steps(layer.shortcut, given, width, is_saved=True, around=around + size)
            given, is_saved = made
        else:
            cost = layer.cost(given)
            saves = cost.saves + (size if cost.saves_given and not is_saved else 0)
            yield _Step(cost, saves, size + prod(cost.makes) * width + around)
            given, is_saved = cost.makes, cost.in_place
    return given, is_saved


@dataclass(frozen=True, slots=True)
class _Convolution:
    channels: int
    kernel: int
    stride: int = 1
    bias: bool = False

    def cost(self, given: Shape) -> Cost:
        weights = self.channels * given[0] * self.kernel**2
        makes = _slid(given, self.kernel, self.stride, channels=self.channels)
        return Cost(makes=makes, weights=weights, others=self.channels * self.bias)


@dataclass(frozen=True, slots=True)
class _BatchNorm:
    """Saves mean and deviation of each channel, the running ones and the batch's, always in fp32."""

    def cost(self, given: Shape) -> Cost:
        return Cost(makes=given, others=2 * given[0], saves_once=4 * given[0] * FP32)


@dataclass(frozen=True, slots=True)
class _ReLU:
    """Needs to know what it made, not what it was given; in place the two are one."""

    def cost(self, given: Shape) -> Cost:
        return Cost(makes=given, in_place=True)


@dataclass(frozen=True, slots=True)
class _MaxPool:
    """Saves where each maximum was; looks for that also where nobody needs it."""

    kernel: int
    stride: int

    def cost(self, given: Shape) -> Cost:
        makes = _slid(given, self.kernel, self.stride, channels=given[0])
        return Cost(makes=makes, saves=prod(makes) * INT64)


@dataclass(frozen=True, slots=True)
class _MeanPool:
    """Of each channel; of what it was given it needs to know the shape alone."""

    def cost(self, given: Shape) -> Cost:
        return Cost(makes=(given[0], 1, 1), saves_given=False)


@dataclass(frozen=True, slots=True)
class _Dropout:
    """Saves for each number whether it was dropped, in a byte (only a processor takes a whole number for it)."""

    def cost(self, given: Shape) -> Cost:
        return Cost(makes=given, saves=prod(given))


@dataclass(frozen=True, slots=True)
class _Linear:
    """Of all numbers of an image, in one row."""

    features: int

    def cost(self, given: Shape) -> Cost:
        return Cost(makes=(self.features, 1, 1), weights=prod(given) * self.features, others=self.features)


@dataclass(frozen=True, slots=True)
class _CrossEntropy:
    """The loss. Saves the logarithm of each probability, always in fp32, and the label."""

    def cost(self, given: Shape) -> Cost:
        return Cost(makes=(1, 1, 1), saves_given=False, saves=prod(given) * FP32 + INT64)


def _slid(given: Shape, kernel: int, stride: int, *, channels: int) -> Shape:
    """What a square kernel makes that slides over images, padded so that only the stride makes them smaller."""
    height, width = ((edge + 2 * ((kernel - 1) // 2) - kernel) // stride + 1 for edge in given[1:])
    return channels, height, width


def _convolutions() -> tuple[Layer, ...]:
    """The article's four, over images that halve between them, and two layers on the mean of the last."""
    halving = (
        layer
        for channels in (64, 128, 256)
        for layer in (_Convolution(channels, 3, bias=True), _MaxPool(2, 2), _ReLU())
    )
    classifier = (_Linear(256), _ReLU(), _Dropout(), _Linear(len(CLASSES)), _CrossEntropy())
    return (*halving, _Convolution(512, 3, bias=True), _ReLU(), _MeanPool(), *classifier)


def _residual(*stem: Layer) -> tuple[Layer | Block, ...]:
    """ResNet-18 behind its stem."""
    stages = (_stage(channels, stride) for channels, stride in ((64, 1), (128, 2), (256, 2), (512, 2)))
    return (*stem, *stages, _MeanPool(), _Linear(len(CLASSES)), _CrossEntropy())


def _stage(channels: int, stride: int) -> Block:
    shortcut = (_Convolution(channels, 1, stride), _BatchNorm()) if stride > 1 else ()
    first, second = (
        (_Convolution(channels, 3, by), _BatchNorm(), _ReLU(), _Convolution(channels, 3), _BatchNorm())
        for by in (stride, 1)
    )
    return Block((Block(first, shortcut), _ReLU(), Block(second), _ReLU()))


NETWORKS: Mapping[Model, Network] = {
    "resnet18": Network(3, _residual(_Convolution(64, 7, 2), _BatchNorm(), _ReLU(), _MaxPool(3, 2))),
    "resnet18-32": Network(1, _residual(_Convolution(64, 3), _BatchNorm(), _ReLU())),
    "cnn": Network(1, _convolutions()),
    "mlp": Network(1, (_Linear(512), _ReLU(), _Linear(256), _ReLU(), _Linear(len(CLASSES)), _CrossEntropy())),
}
