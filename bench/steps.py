"""The cnn's training, whole steps with their data: against the article's loop, and how much of it is spent on data."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

from bench import article, ours
from bench.pace import beside, pace
from bench.promise import Promise

THE_SAME = replace(ours.TRAINING, precision="fp32", augment=False, gradient_clip=0)
"""What the article's loop does, and no more."""


def measure() -> Iterator[Promise]:
    """At the article's precision and layout, then at ours; the batch is the article's."""
    on = ours.device()
    theirs, workers = article.at_its_best(partial(article.train, article.MEDIUM, on.torch))
    paces = beside(lambda: ours.train(ours.learner(THE_SAME, layout=torch.contiguous_format)), theirs)
    what = f"cnn, fp32, {on.threads} threads, NCHW, not augmented: ours / theirs ({workers}): {paces}"
    yield Promise(what=what, measured=paces.ratio, unit="x", least=1.1)

    paces = beside(lambda: ours.train(ours.learner(ours.TRAINING)), theirs)
    what = f"cnn, {ours.manner(on)}, channels-last, augmented: ours / theirs ({workers}): {paces}"
    yield Promise(what=what, measured=paces.ratio, unit="x", least=2)

    what = f"cnn, {ours.manner(on)}, augmented: spent on data"
    yield Promise(what=what, measured=100 * _data_share(), unit="%", most=3)


def _data_share() -> float:
    """As `Pace` tells it on the wire."""
    learner = ours.learner(ours.TRAINING)
    steps = ours.train(learner)
    next(steps)
    learner.pace.waited = 0
    learner.pace.go()
    pace(steps)
    learner.pace.rest()
    return learner.pace.data_share
