"""
A trained network that only answers: as fast as it can where it is, and as its training heard it.

What stays the same from batch to batch is done once. Weights are cast to bf16 here: autocast would cast them anew for
every batch, which takes a small network a third of its time; and has a price where there is nothing to cast.
"""

import torch
from torch import Tensor, nn

from training.compiled import Compiled
from training.contract import Compile, OrdersError
from training.device import Device
from training.images import prepare
from training.published import Published


class Classifier:
    """One published network on one device."""

    def __init__(self, published: Published, network: nn.Module, device: Device, *, compiled: Compile = "off") -> None:
        self.published = published
        self.network = network
        self._device = device
        self._dtype = torch.bfloat16 if device.precision == "bf16" else torch.float32
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):  # those that autocast casts: normalisations stay as they are
                layer.to(self._dtype)
        self._compiled = Compiled(network, compiled)

    @torch.inference_mode()
    def classes(self, pixels: Tensor, most: int) -> Tensor:
        """The class of each image, in the host's memory; so many are computed at once at most."""
        if len(pixels) > most:
            return torch.cat([self._at_once(part) for part in torch.split(pixels, most)])
        return self._at_once(pixels)

    def _at_once(self, pixels: Tensor) -> Tensor:
        try:
            return self._scores(pixels).argmax(dim=1).cpu()
        except torch.OutOfMemoryError as error:
            number, size = len(pixels), self.published.image_size
            why = f"{number} images of {size} pixels do not fit into the memory of {self._device.name}"
            raise OrdersError(
                f"MIG_MICRO_BATCH: {why}; {f'try {number // 2}' if number > 1 else 'none will'}"
            ) from error

    def _scores(self, pixels: Tensor) -> Tensor:
        ready = prepare(pixels, self.published.image_size, self._dtype)
        return self._compiled.run(lambda forward: forward(ready))
