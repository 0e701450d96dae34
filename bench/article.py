"""
The article's programs, the yardstick: written anew from how it describes them, neither sharpened nor blunted.

The same transforms, networks, optimizer, batches and loops: images go through Pillow one by one, loss and hits are
asked for after every step. Only the number of the DataLoader's workers need not be the article's own, which is 0: with
one for each core of the machine it may be faster, and what is faster is the yardstick. What a loop prints is left out.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

from bench.pace import SECONDS, WARM_UP, Work, pace
from tasks.dataset import CACHE


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One of the three."""

    network: Callable[[], nn.Module]
    batch: int
    transform: transforms.Compose
    """What makes an image ready."""


_TO_NUMBERS = (transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,)))

LARGE = Program(
    network=partial(models.resnet18, num_classes=10),
    batch=256,
    transform=transforms.Compose([transforms.Resize(224), transforms.Grayscale(3), *_TO_NUMBERS]),
)
"""Trains a ResNet-18 on a 3g.20gb."""
MEDIUM = Program(
    network=lambda: nn.Sequential(
        *(nn.Conv2d(1, 64, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 128, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(128, 256, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(256, 512, kernel_size=3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
        *(nn.Flatten(), nn.Linear(512, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 10)),
    ),
    batch=128,
    transform=transforms.Compose([transforms.Resize(32), *_TO_NUMBERS]),
)
"""Trains four convolutions on a 2g.10gb."""
SMALL = Program(
    network=lambda: nn.Sequential(
        *(nn.Flatten(), nn.Linear(28 * 28, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
    ),
    batch=32,
    transform=transforms.Compose(_TO_NUMBERS),
)
"""Infers on a 1g.5gb, with a network that nobody has trained."""


def train(program: Program, device: torch.device, workers: int) -> Work:
    """Its training, step by step, epoch after epoch."""
    network = program.network().to(device)
    optimizer = optim.Adam(network.parameters(), lr=0.001)
    criterion = nn.CrossEntropyLoss()
    total_loss, correct = 0.0, 0
    loader = _loader(program, workers, train=True)
    while True:
        network.train()
        for images, labels in loader:
            data, target = images.to(device), labels.to(device)
            optimizer.zero_grad()
            output = network(data)
            loss = criterion(output, target)
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
            correct += output.argmax(dim=1).eq(target).sum().item()
            yield target.size(0)


def infer(program: Program, device: torch.device, workers: int) -> Work:
    """Its inference, batch by batch, round after round."""
    network = program.network().to(device).eval()
    loader = _loader(program, workers, train=False)
    while True:
        for images, labels in loader:
            data, target = images.to(device), labels.to(device)
            with torch.no_grad():
                network(data).argmax(dim=1)
            yield target.size(0)


def batches(program: Program, device: torch.device, workers: int) -> Work:
    """Its data alone, as it comes to the device, epoch after epoch."""
    loader = _loader(program, workers, train=True)
    while True:
        for images, labels in loader:
            images.to(device)
            yield labels.to(device).size(0)


def at_its_best(loop: Callable[[int], Work], *, seconds: float = SECONDS) -> tuple[Callable[[], Work], str]:
    """The loop with as many workers as it is fastest with, none or one for each core; and words that say so."""
    best = max((0, os.cpu_count() or 1), key=lambda workers: pace(_steady(loop(workers), workers), seconds=seconds))
    return (lambda: _steady(loop(best), best)), f"{best} workers"


def _steady(work: Work, workers: int) -> Work:
    """Without what the workers have made ready before they are waited for: two batches each."""
    for _ in islice(work, max(0, 2 * workers - WARM_UP)):
        pass
    return work


def _loader(program: Program, workers: int, *, train: bool) -> DataLoader[tuple[Tensor, Tensor]]:
    images = _FashionMnist("", train=train, transform=program.transform)
    return DataLoader(images, batch_size=program.batch, shuffle=train, num_workers=workers)


class _FashionMnist(datasets.FashionMNIST):  # type: ignore[misc]  # torchvision has no types
    """The same files that ours reads, where they lie."""

    @property
    def raw_folder(self) -> str:
        return str(CACHE.expanduser())
