"""The input pipeline: images/s that are ready for the network, where it computes, against the article's."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from bench import article, ours
from bench.pace import beside
from bench.promise import Promise

SIZES = ((32, article.MEDIUM, 10.0, 1.5), (224, article.LARGE, 20.0, 4.0))
"""Pixels, whose they are in the article, what is promised, and the seconds of a turn: large batches are few."""


def measure() -> Iterator[Promise]:
    """As the article has it, without augmenting; and with it, as our trainings do by default."""
    for size, program, least, seconds in SIZES:
        on = ours.device()
        theirs, workers = article.at_its_best(partial(article.batches, program, on.torch), seconds=seconds)
        orders = replace(ours.TRAINING, image_size=size, batch=program.batch, augment=False)
        for augment in (False, True):
            mine = partial(ours.batches, replace(orders, augment=augment))
            paces = beside(mine, theirs, seconds=seconds)
            what = f"{size} px{', augmented' if augment else ''}, {ours.manner(on)}: ours / theirs ({workers}): {paces}"
            yield Promise(what=what, measured=paces.ratio, unit="x", **({} if augment else {"least": least}))
