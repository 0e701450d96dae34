"""What a checkpoint costs of the time between two: as much as the training stands still for it."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from bench import ours
from bench.bucket import bucket
from bench.promise import Promise
from training.checkpoint import Checkpoints
from training.contract import Model
from training.learner import Learner
from training.store import Folder

TIMES = 5
MODELS: tuple[Model, ...] = ("cnn", "resnet18")
"""Those that the article trains; the larger one's checkpoint has 134 MB."""


def measure() -> Iterator[Promise]:
    """The median of several, to an S3 server on this machine."""
    with bucket() as address:
        for model in MODELS:
            orders = replace(ours.TRAINING, model=model, batch=8, output=f"{address}/{model}")
            seconds = statistics.median(_kept(ours.learner(orders)))
            what = f"{model}: {seconds:.2f} s of {orders.checkpoint_minutes:g} minutes"
            yield Promise(what=what, measured=100 * seconds / (60 * orders.checkpoint_minutes), unit="%", most=2)


def _kept(learner: Learner) -> Iterator[float]:
    """Seconds of each checkpoint, after another step each."""
    checkpoints = Checkpoints(Folder(learner.orders.folder), learner.orders)
    for _ in islice(ours.train(learner), TIMES):
        began = time.perf_counter()
        learner.check()
        checkpoints.save({"learner": learner.state()}, epoch=learner.epoch, step=len(learner.seen))
        yield time.perf_counter() - began
