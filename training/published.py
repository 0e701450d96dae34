"""
Published models: weights in `model-<n>.pt`, then `model.json` that says which file is the newest and what it is.

The small file is written last and whole: whoever reads it finds the weights it names, and never half a model.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass

import torch
from torch import nn

from training.contract import Orders, WorkloadError
from training.models import build
from training.store import Folder

MANIFEST = "model.json"


class BrokenModelError(WorkloadError):
    """What was published is not what its manifest says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What `model.json` says."""

    key: str
    """The file with the weights, beside the manifest: a copied folder stays whole."""
    sha256: str
    model: str
    image_size: int
    accuracy: float
    """On the held-out test images."""
    epoch: int
    final: bool
    """Whether no newer one will follow."""


def publish(folder: Folder, network: nn.Module, orders: Orders, *, accuracy: float, epoch: int) -> Published:
    """Leave the network as it is after an epoch; the orders' last epoch makes the final model."""
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    weights = file.getvalue()
    told = Published(
        key=f"model-{epoch}.pt",
        sha256=hashlib.sha256(weights).hexdigest(),
        model=orders.model,
        image_size=orders.image_size,
        accuracy=accuracy,
        epoch=epoch,
        final=epoch == orders.epochs,
    )
    folder.write(told.key, weights)
    folder.write(MANIFEST, json.dumps(asdict(told), indent=2).encode())
    return told


class Shelf:
    """A folder of published models, as its reader sees it: one newest model after the other."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._etag = ""

    def __str__(self) -> str:
        return str(self._folder)

    def newer(self) -> Published | None:
        """The newest model, or None while there is none or it is the one that was told last."""
        file = self._folder.read_newer(MANIFEST, self._etag)
        if file is None:
            return None
        self._etag = file.etag
        try:
            return Published(**json.loads(file.content))
        except (TypeError, ValueError) as error:
            raise BrokenModelError(f"{self}/{MANIFEST}: {error}") from error

    def take(self, told: Published, device: torch.device) -> nn.Module:
        """The network on the device, ready to answer, once its weights are proven to be those that were published."""
        weights = self._folder.read(told.key)
        found = hashlib.sha256(weights).hexdigest()
        if found != told.sha256:
            raise BrokenModelError(f"{self}/{told.key}: its sha256 is {found}, {MANIFEST} says {told.sha256}")
        network = build(told.model, told.image_size)
        network.load_state_dict(torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True))
        return network.to(device).eval()
