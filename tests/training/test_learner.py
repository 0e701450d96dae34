"""A learner, where its step goes wrong."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from training.contract import Orders, OrdersError
from training.device import Device, find
from training.images import Images
from training.learner import Learner, NoNumberError
from training.train import new


class Crowded(nn.Module):
    """A network on a device whose memory holds so many images."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)
        self._room = room

    def forward(self, pixels: Tensor) -> Tensor:
        """As a GPU does it."""
        if len(pixels) > self._room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        scores: Tensor = self.layer(pixels.flatten(1))
        return scores


def batch(size: int) -> tuple[Tensor, Tensor]:
    """So many images, ready for a network."""
    return torch.zeros(size, 1, 8, 8), torch.zeros(size, dtype=torch.long)


@pytest.mark.parametrize(
    ("room", "would"),
    [
        pytest.param(20, "16 would", id="the largest half of a half that fits"),
        pytest.param(1, "1 would", id="a single image"),
        pytest.param(0, "not even 1 would", id="none"),
    ],
)
def test_out_of_memory_says_what_would_fit(room: int, would: str, told: Callable[..., Orders]) -> None:
    """By trying: a wrong order, since the same batch will never fit."""
    orders = told(batch=64)
    learner = Learner(Crowded(room), orders, find(orders))

    with pytest.raises(
        OrdersError, match=f"MIG_BATCH: 64 images of 8 pixels do not fit into the memory of .*; {would}$"
    ):
        learner.step(*batch(64))


@pytest.mark.parametrize("augment", [False, True])
def test_batches_that_are_made_ready_together_come_one_by_one(
    augment: bool,  # noqa: FBT001 (pytest gives no names)
    told: Callable[..., Orders],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same images in the same batches, from where the epoch is gone on with."""
    orders = told(augment=augment, batch=10, train_images=75)
    images = Images(torch.arange(75 * 64).view(75, 1, 8, 8).to(torch.uint8), torch.arange(75))
    learner = new(orders, find(orders))
    learner.seen.append(torch.zeros(2))
    one_by_one = list(learner.batches(images))
    monkeypatch.setattr(Device, "batches_at_once", lambda *_: 4)

    together = list(learner.batches(images))

    assert [labels.tolist() for _, labels in one_by_one] == [labels.tolist() for _, labels in together]
    assert [(10, 1, 8, 8)] * 6 == [pixels.shape for pixels, _ in together]
    if not augment:
        assert torch.equal(torch.cat([each for each, _ in one_by_one]), torch.cat([each for each, _ in together]))


def test_weights_that_are_no_numbers_are_not_kept(told: Callable[..., Orders]) -> None:
    """The loss may still look well when the step after it has spoilt everything."""
    learner = new(told(), find(told()))
    learner.check()
    with torch.no_grad():
        next(learner.network.parameters())[0] = torch.inf

    with pytest.raises(NoNumberError, match="the norm of all weights became inf in step 0 of epoch 1"):
        learner.check()


def test_gradients_are_clipped(told: Callable[..., Orders]) -> None:
    """Together they are no longer than was asked for."""
    learner = new(told(gradient_clip=0.01), find(told()))

    learner.step(*batch(32))

    grown = nn.utils.get_total_norm([each.grad for each in learner.network.parameters() if each.grad is not None])
    assert 0.01 == pytest.approx(float(grown), rel=0.01)


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_labels_are_smoothed(smoothing: float, told: Callable[..., Orders]) -> None:
    """The loss is that of torch with the same smoothing."""
    orders = told(label_smoothing=smoothing, precision="fp32")
    learner = new(orders, find(orders))
    pixels, labels = torch.randn(32, 1, 8, 8), torch.arange(32) % 10
    expected = nn.functional.cross_entropy(learner.network(pixels), labels, label_smoothing=smoothing)

    learner.step(pixels, labels)

    assert float(expected.detach()) == pytest.approx(learner.means(1)[0], rel=1e-4)


@pytest.mark.parametrize("model", ["cnn", "resnet18"])
def test_a_learner_goes_on_where_another_was(model: str, told: Callable[..., Orders]) -> None:
    """Weights, moments, schedule, averages and chance: two steps more, and both are still the same to the last bit."""
    torch.manual_seed(7)
    pictures, labels = torch.randn(4, 32, 1, 8, 8), torch.arange(32) % 10
    device = find(told(precision="fp32"))
    one, other = new(told(model=model), device), new(told(model=model, seed=2), device)
    for pixels in pictures[:2]:
        one.step(pixels, labels)
    kept = copy.deepcopy(one.state())

    def gone_on(learner: Learner) -> dict[str, Tensor]:
        for pixels in pictures[2:]:
            learner.step(pixels, labels)
        return {"seen": torch.stack(learner.seen), **learner.network.state_dict()}

    expected = gone_on(one)
    other.resume(kept)
    torch.testing.assert_close(gone_on(other), expected, rtol=0, atol=0)


def test_steps_are_compiled_as_they_were_asked_to_be(
    told: Callable[..., Orders], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the knob torch is told, and what it makes is what learns."""
    made: list[tuple[nn.Module, str]] = []

    def note(network: nn.Module, *, mode: str) -> Callable[[Tensor], Tensor]:
        made.append((network, mode))
        return lambda pixels: network(pixels) + 100 * torch.eye(10)[0]

    monkeypatch.setattr(torch, "compile", note)
    learner = new(told(compile="reduce-overhead"), find(told()))
    learner.step(*batch(32))

    assert [(learner.network, "reduce-overhead")] == made
    assert (0.0, 1.0) == pytest.approx(learner.means(1))
