"""
What a service answers: the test images round and round, or what clients have put into its inbox.

Either is asked for the next batch, and given back its classes.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from training.images import Images
from training.inbox import Answer, Inbox, Request
from training.published import Published

HandBack = Callable[[Tensor, Published], int]
"""Takes the classes of a batch, on the host, and the model that told them; says how many are known to be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Images that are answered together."""

    pixels: Tensor
    """Bytes, on the device: (images, 1, height, width)."""
    arrived: Sequence[float]
    """When each request of it came, by the performance counter."""
    known: int
    """Of how many images the class is known."""
    hand_back: HandBack


class Source(Protocol):
    """Where batches come from."""

    def take(self, most: int, *, patience: float) -> Batch | None:
        """The next one, of so many images at most; None when none came within so many seconds."""

    def open(self) -> None:
        """There is a model now, or a newer one."""

    def close_door(self) -> None:
        """Accept nothing more."""

    def quiet(self) -> bool:
        """Whether all that was accepted has been answered."""


class Door(Protocol):
    """What clients come through, as `training.endpoint` has one."""

    def close_door(self) -> None:
        """Let nobody in any more."""

    def quiet(self) -> bool:
        """Whether nobody inside waits for anything."""


class HeldOut:
    """The test images in their order, round and round: each batch is one request, and its classes are known."""

    def __init__(self, images: Images, number: int = 0) -> None:
        """`number` is how many are asked for in all; 0: no limit."""
        self._images = images
        self._truth = images.labels.cpu()
        self._left = number or math.inf
        self._cursor = 0

    def take(self, most: int, *, patience: float) -> Batch:  # noqa: ARG002 - there always is one
        """The next ones; a round ends with what is left of it, and all with the last that is asked for."""
        part = slice(self._cursor, self._cursor + int(min(most, self._left)))
        self._cursor = part.stop if part.stop < len(self._images) else 0
        arrived = (time.perf_counter(),)
        pixels = self._images.pixels[part]
        self._left -= len(pixels)
        return Batch(pixels=pixels, arrived=arrived, known=len(pixels), hand_back=partial(self._compare, part))

    def open(self) -> None:
        """Begin with the first image again: each model is asked the same."""
        self._cursor = 0

    def close_door(self) -> None:
        """Nobody stands there."""

    def quiet(self) -> bool:
        """Nobody waits."""
        return True

    def _compare(self, part: slice, classes: Tensor, _by: Published) -> int:
        return int((classes == self._truth[part]).sum())


class Clients:
    """What is in the inbox. Nobody knows what is right."""

    def __init__(self, inbox: Inbox, door: Door, *, like: Tensor) -> None:
        """`like` is images of the shape, and on the device, of those to come."""
        self._inbox = inbox
        self._door = door
        self._like = like

    def take(self, most: int, *, patience: float) -> Batch | None:
        """Whole requests, so that each is answered by one model: more images than `most` only if one alone has more."""
        requests = self._inbox.take(most, patience=patience)
        if not requests:
            return None
        together = bytearray().join(request.pixels for request in requests)
        pixels = torch.frombuffer(together, dtype=torch.uint8).view(-1, *self._like.shape[1:])
        return Batch(
            pixels=pixels.to(self._like.device),
            arrived=[request.arrived for request in requests],
            known=0,
            hand_back=partial(_hand_out, requests),
        )

    def open(self) -> None:
        """Say so to those who ask for the service's health."""
        self._inbox.serving = True

    def close_door(self) -> None:
        """Whoever is inside is answered, or told that there never was a model."""
        if not self._inbox.serving:
            self._inbox.close()
        self._door.close_door()

    def quiet(self) -> bool:
        """As the door says."""
        return self._door.quiet()


def _hand_out(requests: Sequence[Request], classes: Tensor, by: Published) -> int:
    left = classes.tolist()
    for request in requests:
        told, left = left[: request.images], left[request.images :]
        request.answer.set_result(Answer(classes=told, model_sha256=by.sha256, epoch=by.epoch))
    return 0
