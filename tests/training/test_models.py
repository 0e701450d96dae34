"""The networks."""

import pytest
import torch

from training.contract import OrdersError
from training.models import build, parameters


@pytest.mark.parametrize(
    ("name", "image_size", "number"),
    [
        pytest.param(
            "cnn",
            32,
            (9 + 1) * 64 + (9 * 64 + 1) * 128 + (9 * 128 + 1) * 256 + (9 * 256 + 1) * 512 + 513 * 256 + 257 * 10,
            id="the article's four convolutions and two layers",
        ),
        pytest.param("mlp", 28, 785 * 512 + 513 * 256 + 257 * 10, id="the article's three layers at 28 pixels"),
        pytest.param("resnet18", 32, 11_181_642, id="torchvision's resnet18 with ten classes"),
        pytest.param("resnet18-32", 32, 11_181_642 - 147 * 64 + 9 * 64, id="the same behind a small first convolution"),
    ],
)
def test_a_network_has_the_parameters_of_its_architecture(name: str, image_size: int, number: int) -> None:
    """Weights and biases of every layer, and nothing beside them."""
    assert number == parameters(build(name, image_size))


@pytest.mark.parametrize("image_size", [8, 28, 32, 40])
@pytest.mark.parametrize("name", ["cnn", "mlp", "resnet18", "resnet18-32"])
def test_a_network_takes_the_size_it_was_built_for(name: str, image_size: int) -> None:
    """Grey images go in, a score for each class comes out."""
    network = build(name, image_size).eval()

    assert (2, 10) == tuple(network(torch.zeros(2, 1, image_size, image_size)).shape)


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_what_goes_in_comes_out_as_strong(name: str) -> None:
    """A new network neither shrinks nor blows up its input, so that the first steps already teach it something."""
    torch.manual_seed(1)
    network = build(name, 32).eval()

    with torch.inference_mode():
        assert 0.2 < float(network(torch.randn(64, 1, 32, 32)).std()) < 5


def test_an_unknown_name_is_a_wrong_order() -> None:
    """With the names that are known."""
    with pytest.raises(OrdersError, match="MIG_MODEL: 'vgg' is none of resnet18, resnet18-32, cnn, mlp"):
        build("vgg", 32)
