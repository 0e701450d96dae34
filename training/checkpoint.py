"""
Checkpoints: all that a training needs to go on elsewhere, in S3.

The state lies in a file named by its content; then `checkpoint.json`, written last and only over the one that this pod
has read or written, says which file is the newest. Whoever reads it finds a whole state, and of two pods that believe
to be the same one goes on.
"""

import hashlib
import io
import json
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch

from training.contract import Orders, OrdersError, WorkloadError
from training.store import ConflictError, Folder

MANIFEST = "checkpoint.json"

_MUST_AGREE = (
    *("model", "image_size", "batch", "epochs", "train_images", "learning_rate"),
    *("augment", "label_smoothing", "gradient_clip", "seed"),
)
"""Orders that make a training what it is. Precision, slice and machine may be others when it goes on."""

State = dict[str, Any]
"""Tensors, numbers, text, and lists and mappings of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What `checkpoint.json` says."""

    key: str
    sha256: str
    epoch: int
    """The epoch it is in."""
    step: int
    """Steps of that epoch that are done."""
    training: dict[str, Any]
    """The orders that made it."""


class Checkpoints:
    """The checkpoints of one pod's training, of which the newest counts."""

    def __init__(self, folder: Folder, orders: Orders) -> None:
        self._folder = folder
        self._training = {name: getattr(orders, name) for name in _MUST_AGREE}
        self._every = orders.checkpoint_minutes * 60
        self._kept: Kept | None = None
        self._etag = ""
        self._at = time.monotonic()

    def __str__(self) -> str:
        """The newest one's address."""
        return f"{self._folder}/{self._kept.key}" if self._kept else "none"

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return self._every > 0 and time.monotonic() - self._at >= self._every

    def newest(self) -> State | None:
        """The state to go on from, or None. Raises OrdersError when it is another training's."""
        file = self._folder.read_newer(MANIFEST, "")
        if file is None:
            return None
        try:
            self._kept, self._etag = Kept(**json.loads(file.content)), file.etag
        except (TypeError, ValueError) as error:
            raise WorkloadError(f"{self._folder}/{MANIFEST}: {error}") from error
        self._check_orders(self._kept)
        content = self._folder.read(self._kept.key)
        if (found := hashlib.sha256(content).hexdigest()) != self._kept.sha256:
            raise WorkloadError(f"{self}: its sha256 is {found}, {MANIFEST} says {self._kept.sha256}")
        state: State = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return state

    def save(self, state: State, *, epoch: int, step: int) -> Kept:
        """Keep a state, and forget the one before. Raises WorkloadError when another pod has gone on instead."""
        file = io.BytesIO()
        torch.save(state, file)
        digest = hashlib.sha256(content := file.getvalue()).hexdigest()
        kept = Kept(key=f"checkpoint-{digest[:16]}.pt", sha256=digest, epoch=epoch, step=step, training=self._training)
        self._folder.write(kept.key, content)
        try:
            self._etag = self._folder.replace(MANIFEST, json.dumps(asdict(kept), indent=2).encode(), etag=self._etag)
        except ConflictError as error:
            raise WorkloadError(f"{self._folder}: another pod goes on with this training") from error
        before, self._kept, self._at = self._kept, kept, time.monotonic()
        if before and before.key != kept.key:
            self._folder.remove(before.key)
        return kept

    def _check_orders(self, kept: Kept) -> None:
        for name, ours in self._training.items():
            if (theirs := kept.training.get(name)) != ours:
                raise OrdersError(f"MIG_{name.upper()}: {ours}, but {self} was made with {theirs}")
