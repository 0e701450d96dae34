"""What the planner says of a network's memory is what torch counts on a processor."""

import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mig.memory import FITTED_IMAGES, Work
from mig.networks import BF16, FP32, footprint
from training.contract import Model, Precision
from training.device import Device
from training.images import prepare
from training.infer import OWN_IMAGES
from training.models import build

MODELS: tuple[Model, ...] = get_args(Model)
WIDTH: Mapping[Precision, int] = {"fp32": FP32, "bf16": BF16}

network_of: Callable[[str, int], nn.Module] = cache(build)
"""One network for all tests of a size: what it has learned changes no size."""


@pytest.mark.parametrize("precision", WIDTH)
@pytest.mark.parametrize(("image_size", "images"), [(28, 5), (32, 2), (32, 16), (64, 3), (224, 1)])
@pytest.mark.parametrize("model", MODELS)
def test_a_training_needs_what_torch_counts(model: Model, image_size: int, images: int, precision: Precision) -> None:
    """Parameters, gradients, optimizer and saved tensors are estimated to within 15 percent."""
    need = work(model, image_size, images, precision).need

    truth = learned(model, image_size if model == "mlp" else 32) + saved(model, image_size, images, precision)

    estimate = need.parameters + need.gradients + need.optimizer + need.copies + need.activations
    assert truth == pytest.approx(estimate, rel=0.15)


@pytest.mark.parametrize("precision", WIDTH)
@pytest.mark.parametrize("image_size", [17, 28, 64])
@pytest.mark.parametrize("model", MODELS)
def test_an_image_more_needs_what_torch_saves_for_it(model: Model, image_size: int, precision: Precision) -> None:
    """So the largest batch that fits is known even where a batch is nothing beside the parameters."""
    one = saved(model, image_size, 3, precision) - saved(model, image_size, 2, precision)

    assert one == pytest.approx(footprint(model, image_size, WIDTH[precision]).saved, rel=0.01)


@pytest.mark.parametrize("precision", WIDTH)
@pytest.mark.parametrize(("model", "image_size", "images"), [("cnn", 64, 8), ("mlp", 32, 4096)])
def test_the_most_that_lives_at_once_in_a_step(
    model: Model, image_size: int, images: int, precision: Precision
) -> None:
    """On the way through and back: what is saved, gradients of activations, autocast's copies."""
    network, need = network_of(model, image_size).train(), work(model, image_size, images, precision).need
    pixels = shown(images, image_size)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]

    with Alive(apart=[*network.parameters(), *gradients]) as alive:
        loss_of(network, pixels, precision).backward()

    assert alive.most == pytest.approx(need.activations + need.copies, rel=0.15)


@pytest.mark.parametrize(
    ("model", "image_size", "images"),
    [("cnn", 64, 8), ("resnet18", 64, 16), ("resnet18-32", 32, 16), ("mlp", 32, 4096)],
)
def test_the_most_that_lives_at_once_in_a_service(model: Model, image_size: int, images: int) -> None:
    """Where nothing is saved: what one layer is given and makes, and what still waits for being added."""
    network = network_of(model, image_size).eval()
    need = replace(work(model, image_size, images, "fp32"), doing="serving").need

    with Alive(apart=list(network.parameters())) as alive, torch.no_grad():
        loss_of(network, shown(images, image_size), "fp32")

    assert alive.most == pytest.approx(need.activations, rel=0.15)


@pytest.mark.parametrize("image_size", [8, 28, 32, 224, 1024])
@pytest.mark.parametrize("model", MODELS)
def test_a_test_after_an_epoch_takes_little(model: Model, image_size: int) -> None:
    """About 1 GiB beside the training at most, whatever the network and the size: no request is refused for it."""
    gpu = Device(torch=torch.device("cuda"), name="", mig_uuid="", precision="fp32", threads=1)
    testing = replace(work(model, image_size, gpu.test_batch(image_size), "fp32"), doing="serving")

    assert testing.need.activations < 1.1 * 2**30


def test_a_service_fits_its_own_model_to_as_many_images_as_in_a_pod() -> None:
    """Its batch is no larger."""
    assert OWN_IMAGES == FITTED_IMAGES


def work(model: Model, image_size: int, images: int, precision: Precision) -> Work:
    """A training of this network."""
    return Work(doing="training", model=model, precision=precision, image_size=image_size, images=images, field="batch")


def shown(images: int, image_size: int) -> Tensor:
    """Black images, as they are made for a network."""
    return prepare(torch.zeros(images, 1, 28, 28, dtype=torch.uint8), image_size)


def loss_of(network: nn.Module, pixels: Tensor, precision: Precision) -> Tensor:
    """The forward pass of a step."""
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        return functional.cross_entropy(network(pixels), torch.zeros(len(pixels), dtype=torch.long))


@cache
def learned(model: Model, image_size: int) -> int:
    """Bytes of the parameters, their gradients and AdamW's state after a step."""
    network = network_of(model, image_size).train()
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    optimizer.zero_grad()
    loss_of(network, shown(2, image_size), "fp32").backward()
    optimizer.step()
    state = [tensor for each in optimizer.state.values() for tensor in each.values()]
    gradients = [each.grad for each in network.parameters() if each.grad is not None]
    return sum(tensor.nbytes for tensor in (*network.parameters(), *gradients, *state))


@cache
def saved(model: Model, image_size: int, images: int, precision: Precision) -> int:
    """Bytes that autograd saves in a forward pass: every storage once, and no parameter's."""
    network = network_of(model, image_size).train()
    storages: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss_of(network, shown(images, image_size), precision)
    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    return sum(storage.nbytes() for at, storage in storages.items() if at not in own)


class Alive(TorchDispatchMode):
    """Counts the bytes of all storages, but some that lie apart, from their first operation until they are freed."""

    def __init__(self, *, apart: list[Tensor]) -> None:
        super().__init__()
        self.most = self._now = 0
        self._known: dict[int, object] = {tensor.untyped_storage()._cdata: None for tensor in apart}

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves((args, made)):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        self.most = max(self.most, self._now)
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        at, size = storage._cdata, storage.nbytes()
        if at in self._known:
            return

        def gone(_: object) -> None:
            del self._known[at]
            self._now -= size

        self._known[at] = weakref.ref(storage, gone)
        self._now += size
