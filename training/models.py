"""
The networks, by name. Each takes grey images of one size and answers a score for each class.

`cnn` and `mlp` start from He's initialisation: by PyTorch's default each of their layers shrinks what it is given, and
a training of a few hundred steps spends many of them on growing it back.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from training.contract import CLASSES, OrdersError


def build(name: str, image_size: int) -> nn.Module:
    """A new network, in the memory layout that convolutions like best."""
    if name not in _BUILDERS:
        raise OrdersError(f"MIG_MODEL: {name!r} is none of {', '.join(_BUILDERS)}")
    return _BUILDERS[name](image_size).to(memory_format=torch.channels_last)


def parameters(network: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(parameter.numel() for parameter in network.parameters())


class _Repeated(nn.Module):
    """Shows a network made for colour pictures the grey one three times."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        scores: Tensor = self.network(pixels.expand(-1, 3, -1, -1))
        return scores


def _resnet18(_image_size: int) -> nn.Module:
    """The one of torchvision, at any size of image."""
    from torchvision.models import resnet18  # two seconds to import, for this network alone

    return _Repeated(resnet18(num_classes=len(CLASSES)))


def _resnet18_32(_image_size: int) -> nn.Module:
    """The same for small images: its first convolution keeps their size, and no pooling follows it."""
    from torchvision.models import resnet18

    network: nn.Module = resnet18(num_classes=len(CLASSES))
    network.conv1 = nn.Conv2d(1, 64, kernel_size=3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    return network


def _cnn(_image_size: int) -> nn.Module:
    """Four convolutions over images that halve between them, and two layers on the mean of the last."""
    layers: list[nn.Module] = []
    for before, after in pairwise((1, 64, 128, 256)):
        # The maximum of what is positive is what is positive of the maximum: pooled first, ReLU has a quarter to do.
        layers += [nn.Conv2d(before, after, kernel_size=3, padding=1), nn.MaxPool2d(2), nn.ReLU(inplace=True)]
    layers += [nn.Conv2d(256, 512, kernel_size=3, padding=1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1)]
    layers += [nn.Flatten(), nn.Linear(512, 256), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(256, len(CLASSES))]
    return _he(nn.Sequential(*layers))


def _mlp(image_size: int) -> nn.Module:
    """Three layers on the bare pixels."""
    return _he(
        nn.Sequential(
            nn.Flatten(),
            nn.Linear(image_size * image_size, 512),
            nn.ReLU(inplace=True),
            nn.Linear(512, 256),
            nn.ReLU(inplace=True),
            nn.Linear(256, len(CLASSES)),
        )
    )


def _he(network: nn.Module) -> nn.Module:
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


_BUILDERS: Mapping[str, Callable[[int], nn.Module]] = {
    "resnet18": _resnet18,
    "resnet18-32": _resnet18_32,
    "cnn": _cnn,
    "mlp": _mlp,
}
