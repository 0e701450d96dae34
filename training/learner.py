"""
A network that learns: with its optimizer, its schedule and how far it has come. All of it goes into a checkpoint.

What it is shown, for how long, and what is told of it are `training.train`'s business.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.compiled import Compiled, Forward
from training.contract import Orders, OrdersError
from training.device import Device
from training.images import Images, augment, batches_in, prepare

WEIGHT_DECAY = 0.01
"""Of AdamW: PyTorch's own default."""
WARM_UP = 0.3
"""Part of all steps in which the one-cycle schedule rises to the learning rate."""


class NoNumberError(Exception):
    """What was to be learned is no number any more; the sentence says where that was seen."""


@dataclass(slots=True)
class Pace:
    """How fast the steps are; testing, publishing and checkpoints are left out."""

    images: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    """Seconds until the next batch was ready; on a GPU until it was asked for, since the work itself overlaps."""
    _since: float = 0.0

    def go(self) -> None:
        """From now on it counts."""
        self._since = time.perf_counter()

    def rest(self) -> None:
        """Until now it counted."""
        self.seconds += time.perf_counter() - self._since

    @property
    def images_per_second(self) -> float:
        """Since the training began."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def data_share(self) -> float:
        """Part of the time that went into waiting for data."""
        return self.waited / self.seconds if self.seconds else 0.0


class Learner:
    """One network on one device, step by step."""

    def __init__(self, network: nn.Module, orders: Orders, device: Device) -> None:
        self.network = network
        self.orders = orders
        self.device = device
        self.epoch = 1
        """The one it is in, or that comes next."""
        self.seen: list[Tensor] = []
        """Loss and accuracy of each step of this epoch, still on the device."""
        self.pace = Pace()
        self.compiled = Compiled(network, orders.compile)
        """The network, as its steps are computed."""
        steps = orders.epochs * batches_in(orders.train_images, orders.batch)
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=orders.learning_rate, weight_decay=WEIGHT_DECAY, fused=True
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, max_lr=orders.learning_rate, total_steps=steps, pct_start=WARM_UP
        )

    def batches(self, images: Images) -> Iterator[tuple[Tensor, Tensor]]:
        """The rest of this epoch's batches, ready for the network."""
        size, image_size = self.orders.batch, self.orders.image_size
        at_once = self.device.batches_at_once(size, image_size)
        rest = images.shuffled(size, seed=self._seed(), after=len(self.seen), at_once=at_once)
        began = time.perf_counter()
        for pixels, labels in rest:
            with self.device.autocast():
                ready = prepare(augment(pixels) if self.orders.augment else pixels, image_size)
            for batch in zip(torch.split(ready, size), torch.split(labels, size), strict=True):
                self.pace.waited += time.perf_counter() - began
                yield batch
                began = time.perf_counter()

    def step(self, pixels: Tensor, labels: Tensor) -> None:
        """Learn from one batch. Raises OrdersError, with the batch that would fit, when the memory does not suffice."""
        try:
            seen = self.compiled.run(lambda forward: self._backward(forward, pixels, labels))
        except torch.OutOfMemoryError as error:
            raise OrdersError(self._too_much()) from error
        if self.orders.gradient_clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.orders.gradient_clip)
        self._optimizer.step()
        self._schedule.step()
        self.seen.append(seen)
        self.pace.images += len(labels)

    def means(self, last: int) -> tuple[float, float]:
        """Loss and accuracy of the last so many steps. Waits for the device. Raises NoNumberError."""
        seen = torch.stack(self.seen[-last:])
        wrong = (~seen[:, 0].isfinite()).nonzero()
        if len(wrong):
            step = len(self.seen) - len(seen) + int(wrong[0]) + 1
            raise self._no_number(f"the loss became {float(seen[wrong[0], 0])}", step)
        loss, accuracy = seen.mean(dim=0).tolist()
        return loss, accuracy

    def check(self) -> None:
        """Whether all that it has learned are numbers. Raises NoNumberError."""
        norm = nn.utils.get_total_norm(self.network.parameters())
        if not norm.isfinite():
            raise self._no_number(f"the norm of all weights became {float(norm)}", len(self.seen))

    def end_epoch(self) -> None:
        """Go on to the next one."""
        self.epoch += 1
        self.seen = []

    def state(self) -> dict[str, Any]:
        """Everything that `resume` needs to go on as if nothing had happened."""
        cuda = {"cuda": torch.cuda.get_rng_state()} if self.device.torch.type == "cuda" else {}
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "chance": {"cpu": torch.get_rng_state(), **cuda},
            "epoch": self.epoch,
            "seen": torch.stack(self.seen).cpu() if self.seen else torch.empty(0, 2),
            "pace": {"images": self.pace.images, "seconds": self.pace.seconds, "waited": self.pace.waited},
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Be as another was when that was its `state`; on another kind of device only chance is another."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["chance"]["cpu"])
        if self.device.torch.type == "cuda" and "cuda" in state["chance"]:
            torch.cuda.set_rng_state(state["chance"]["cuda"])
        self.epoch = state["epoch"]
        self.seen = list(state["seen"].to(self.device.torch))
        self.pace = Pace(**state["pace"])

    def _backward(self, forward: Forward, pixels: Tensor, labels: Tensor) -> Tensor:
        """Loss and accuracy on the batch, with all gradients where the optimizer finds them."""
        self._optimizer.zero_grad()
        with self.device.autocast():
            scores = forward(pixels)
            loss = functional.cross_entropy(scores, labels, label_smoothing=self.orders.label_smoothing)
        torch.autograd.backward(loss)
        return torch.stack((loss.detach(), (scores.argmax(dim=1) == labels).float().mean()))

    def _too_much(self) -> str:
        """The sentence for a batch that is too large; what would fit is tried out, not computed."""
        batch, size = self.orders.batch, self.orders.image_size
        why = f"MIG_BATCH: {batch} images of {size} pixels do not fit into the memory of {self.device.name}"
        while batch := batch // 2:
            self._optimizer.zero_grad()
            if self.device.torch.type == "cuda":
                torch.cuda.empty_cache()
            try:
                labels = torch.zeros(batch, dtype=torch.long, device=self.device.torch)
                self._backward(self.network, torch.zeros(batch, 1, size, size, device=self.device.torch), labels)
            except torch.OutOfMemoryError:
                continue
            return f"{why}; {batch} would"
        return f"{why}; not even 1 would"

    def _no_number(self, what: str, step: int) -> "NoNumberError":
        rate = self.orders.learning_rate
        return NoNumberError(
            f"MIG_LEARNING_RATE: with {rate} {what} in step {step} of epoch {self.epoch}; try a lower one, or fp32"
        )

    def _seed(self) -> int:
        """Of an epoch's order: a function of nothing else, so that any epoch can be repeated alone."""
        return self.orders.seed * 1_000_003 + self.epoch
