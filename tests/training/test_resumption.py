"""A training whose pods are killed, as the processes that they are: another goes on, and nobody sees a difference."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from training.contract import STOPPED, Orders
from training.store import Folder

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PACE = {"images_per_second", "data_share", "memory_peak_mib"}
"""What two trainings that learn the same may differ in."""

Answer = dict[str, Any]


@pytest.fixture
def long(told: Callable[..., Orders]) -> Callable[..., Orders]:
    """A training of six epochs that needs all there is of chance: order, augmenting and dropout."""

    def orders(workload: str, **differs: object) -> Orders:
        output = told().output.replace("medium", workload)
        return told(model="cnn", batch=8, epochs=6, workload=workload, output=output, **differs)

    return orders


ENDS = [
    (signal.SIGKILL, 1e-9),  # with a checkpoint for every line
    (signal.SIGTERM, 0.0),  # with none but the one that this makes
]


def test_a_resumed_curve_is_that_of_a_training_nobody_interrupted(long: Callable[..., Orders], pod: Path) -> None:
    """Epoch by epoch and to the last bit of the model, wherever and however its pods were ended."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    chance = random.Random(seed)  # noqa: S311 - no secret
    said, codes = [], []

    for how, minutes in chance.sample(ENDS, len(ENDS)):
        steps = chance.randrange(1, 5)
        code, answers = ran(long("broken", checkpoint_minutes=minutes), pod, end=Ending(how=how, steps=steps))
        said += answers
        codes.append(code)
    code, answers = ran(long("broken"), pod)
    whole_code, whole = ran(long("whole"), pod)

    assert ({-signal.SIGKILL, STOPPED}, 0, 0) == (set(codes), code, whole_code), said
    assert "resumed" in [answer.get("event") for answer in answers]
    assert curve(whole) == curve(answers)
    assert curve(whole) == curve(said + answers)
    assert weights(long("whole")) == weights(long("broken"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a pod is ended, and after how many lines about its steps."""

    how: signal.Signals
    steps: int


def ran(orders: Orders, pod: Path, end: Ending | None = None) -> tuple[int, list[Answer]]:
    """A pod's exit code and what it said; it is left alone, or ended."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **orders.to_env()}
    command = [sys.executable, "-m", "training.run"]
    with subprocess.Popen(command, cwd=pod, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said: list[Answer] = []
        for answer in map(json.loads, process.stdout):
            said.append(answer)
            if end and end.steps == len([each for each in said if each["type"] == "step"]):
                process.send_signal(end.how)
    return process.returncode, said


def curve(said: list[Answer]) -> dict[int, Answer]:
    """What was learned, by epoch; whatever was told twice was told alike."""
    by_epoch: dict[int, Answer] = {}
    for answer in said:
        if answer["type"] == "epoch":
            told = {name: value for name, value in answer.items() if name not in PACE}
            assert by_epoch.setdefault(answer["epoch"], told) == told
    return by_epoch


def weights(orders: Orders) -> str:
    """The digest of the final model."""
    published: Answer = json.loads(Folder(orders.output).read("model.json"))
    assert published["final"]
    return str(published["sha256"])
