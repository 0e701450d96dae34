"""What is measured on a GPU, as far as a processor can carry it out."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench import gpu, ours
from bench.accuracy import HEAD
from bench.catalogue import chosen
from mig.memory import CONTEXT, MIB, Work
from training.device import Device, find
from training.images import Images
from training.learner import Learner

ORDERS = replace(ours.TRAINING, model="mlp", batch=8, image_size=8, epochs=1, train_images=64)
IMAGES = Images(torch.zeros(64, 1, 8, 8, dtype=torch.uint8), torch.arange(64) % 10)
WORK = Work(doing="training", model="cnn", precision="bf16", image_size=32, images=128, field="batch")
EXPECTED = (WORK.need.total - CONTEXT) / MIB


@pytest.fixture
def device() -> Device:
    """Where this is tested."""
    return find(ORDERS)


def test_without_cuda_it_says_so_in_a_sentence() -> None:
    """And ends with an exit code of its own, which no broken promise has."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.gpu"], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )

    said = f"make bench-gpu needs a CUDA device, and torch {torch.__version__} sees none here.\n"
    assert (2, "", said) == (ran.returncode, ran.stdout, ran.stderr)


def test_a_training_is_measured_in_each_way_that_a_step_can_be_computed(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row each, under the head; what had fallen back does not stand there as compiled."""

    def half_broken(network: nn.Module, *, mode: str) -> Callable[[Tensor], Tensor]:
        def fail(_: Tensor) -> Tensor:
            raise RuntimeError("no graphs here")

        return fail if mode == "reduce-overhead" else network

    monkeypatch.setattr(torch, "compile", half_broken)

    rows = list(gpu.trainings(ORDERS, device, IMAGES, IMAGES))

    assert ["off", "default", "off"] == [row.compiled for row in rows]
    assert [row.accuracy for row in rows] == [rows[0].accuracy] * 3
    assert {HEAD[0].count("|")} == {str(row).count("|") for row in rows}


def test_the_memory_of_a_few_steps_is_compared_with_what_the_plan_expects(device: Device) -> None:
    """Of the very training that was ordered."""
    orders = replace(ORDERS, model="cnn", image_size=16)
    taken = gpu.taken(orders, device, IMAGES)

    assert replace(WORK, precision=device.precision, image_size=16, images=8) == taken.work
    assert taken.peak == pytest.approx(device.memory_peak_mib())


def test_a_training_that_does_not_fit_is_a_row_too(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small slice's table goes on."""

    def full(*_: object) -> Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Learner, "_backward", full)
    assert gpu.taken(ORDERS, device, IMAGES).peak is None


@pytest.mark.parametrize(
    ("peak", "told"),
    [
        pytest.param(EXPECTED / 2, f"{EXPECTED / 2:,.0f} | 0.50", id="half of what was expected"),
        pytest.param(None, "does not fit |", id="too much"),
    ],
)
def test_a_row_of_memory(peak: float | None, told: str) -> None:
    """CUDA's context stands in none: torch does not count it."""
    row = str(gpu.Taken(work=WORK, peak=peak))

    assert f"| training cnn on 128 images of 32 px at once | {EXPECTED:,.0f} | {told} |" == row


def test_the_ratios_are_some_of_those_of_training() -> None:
    """Each is a benchmark that there is."""
    assert set(gpu.RATIOS) < set(chosen(["training"]))
