"""What the pod computes on: one CUDA device, which may be a MIG slice, else the processor; and in which precision."""

import resource
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch

from training.contract import Orders

TEST_PIXELS = 100 * 32 * 32
"""Few enough that a processor's caches are reused from batch to batch: a third faster than ten times as many."""
GPU_TIMES = 10
"""A GPU takes so many times as much, to be busy; at 224 pixels that is less than a training needs (not measured)."""
READY_PIXELS = 2**21
"""
Of batches that a GPU makes ready at once: to ask it for a batch of 128 small images takes 1.3 ms, a fifth of the whole
step (measured on an H100), however little the batch itself takes.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device, and how it is used."""

    torch: torch.device
    name: str
    """As the hardware calls itself."""
    mig_uuid: str
    """The MIG slice that the pod was given; empty: none."""
    precision: Literal["fp32", "bf16"]
    threads: int
    """Of the processor, for what runs on it."""

    def autocast(self) -> AbstractContextManager[object]:
        """Mixed precision, where this device has it."""
        return torch.autocast(self.torch.type, torch.bfloat16, enabled=self.precision == "bf16")

    def test_batch(self, image_size: int) -> int:
        """Images of so many pixels an edge that are tested at once."""
        at_once = TEST_PIXELS if self.torch.type == "cpu" else TEST_PIXELS * GPU_TIMES
        return max(1, at_once // image_size**2)

    def batches_at_once(self, size: int, image_size: int) -> int:
        """Batches of so many images that are made ready together; on a processor each when its turn has come."""
        return 1 if self.torch.type == "cpu" else max(1, READY_PIXELS // (size * image_size**2))

    def memory_peak_mib(self) -> float:
        """Of this process so far: of the device, where that is the processor of all it has."""
        if self.torch.type == "cpu":
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return torch.cuda.max_memory_allocated() / 2**20

    def facts(self) -> dict[str, object]:
        """For the wire."""
        return {
            "device": self.name,
            "mig_uuid": self.mig_uuid,
            "precision": self.precision,
            "threads": self.threads,
        }


def find(orders: Orders) -> Device:
    """The pod's device, made ready for use."""
    return _cuda(orders) if torch.cuda.is_available() else _processor(orders)


def _cuda(orders: Orders) -> Device:
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True  # every batch has the same shape
    slice_ = torch.cuda.get_device_properties(0)
    mig_uuid = f"MIG-{slice_.uuid}" if " MIG " in slice_.name else ""
    return Device(
        torch=torch.device("cuda"),
        name=slice_.name,
        mig_uuid=_claimed(orders) or mig_uuid,
        precision=_precision(orders, has_bf16=torch.cuda.is_bf16_supported(including_emulation=False)),
        threads=torch.get_num_threads(),
    )


def _processor(orders: Orders) -> Device:
    has = torch.cpu.get_capabilities()
    return Device(
        torch=torch.device("cpu"),
        name=str(has["cpu_name"]),
        mig_uuid=_claimed(orders),
        precision=_precision(orders, has_bf16=bool(has.get("amx_bf16") or has.get("avx512_bf16"))),
        threads=torch.get_num_threads(),
    )


def _claimed(orders: Orders) -> str:
    return orders.device if orders.device.startswith("MIG-") else ""


def _precision(orders: Orders, *, has_bf16: bool) -> Literal["fp32", "bf16"]:
    if orders.precision == "auto":
        # Without instructions for it a processor computes bf16 at half the speed of fp32.
        return "bf16" if has_bf16 else "fp32"
    return orders.precision
