"""What the pod computes on."""

from collections.abc import Callable

import pytest
import torch

from training.contract import Orders
from training.device import Device, find


def test_without_a_gpu_the_processor_computes(told: Callable[..., Orders]) -> None:
    """By its own name, so that no report shows it as a GPU."""
    device = find(told())

    assert "cpu" == device.torch.type
    assert torch.cpu.get_capabilities()["cpu_name"] == device.name


@pytest.mark.parametrize(
    ("claimed", "mig_uuid"),
    [
        pytest.param("MIG-1-2-3", "MIG-1-2-3", id="a slice"),
        pytest.param("void", "", id="the DRA driver's word for: see the container's device files"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_the_claimed_slice_is_told(claimed: str, mig_uuid: str, told: Callable[..., Orders]) -> None:
    """Only a MIG device is one."""
    assert mig_uuid == find(told(device=claimed)).facts()["mig_uuid"]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_precision_that_was_asked_for_is_used(precision: str, told: Callable[..., Orders]) -> None:
    """Whatever the hardware likes."""
    device = find(told(precision=precision))

    with device.autocast():
        product = torch.zeros(2, 2) @ torch.zeros(2, 2)
    assert {"fp32": torch.float32, "bf16": torch.bfloat16}[precision] == product.dtype


def test_bf16_is_chosen_only_where_the_hardware_has_it(
    told: Callable[..., Orders], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the processor's own capabilities."""
    for has, chosen in ((True, "bf16"), (False, "fp32")):
        capabilities = {"cpu_name": "a processor", "avx512_bf16": has, "amx_bf16": False}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda told=capabilities: told)

        assert chosen == find(told()).precision


@pytest.mark.parametrize(("image_size", "images"), [(32, 100), (28, 130), (224, 2), (1024, 1)])
def test_large_images_are_tested_few_at_once(image_size: int, images: int, told: Callable[..., Orders]) -> None:
    """As many pixels as the caches hold, but never no image."""
    assert images == find(told()).test_batch(image_size)


@pytest.mark.parametrize(
    ("kind", "size", "image_size", "batches"),
    [
        pytest.param("cuda", 128, 32, 16, id="small images on a GPU"),
        pytest.param("cuda", 256, 224, 1, id="large images, each batch work enough"),
        pytest.param("cpu", 128, 32, 1, id="on a processor"),
    ],
)
def test_a_gpu_makes_small_batches_ready_together(kind: str, size: int, image_size: int, batches: int) -> None:
    """It takes longer to be asked for one than to make it."""
    device = Device(torch=torch.device(kind), name="", mig_uuid="", precision="fp32", threads=1)

    assert batches == device.batches_at_once(size, image_size)
