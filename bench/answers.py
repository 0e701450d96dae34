"""Inference of the mlp, images/s that are answered and compared with what they are, against the article's loop."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from bench import article, ours
from bench.pace import beside
from bench.promise import Promise

AT_ONCE = 512
"""Where a processor's two cores are at their best; a GPU is with more."""


def measure() -> Iterator[Promise]:
    """With the article's batch, then with as many images at once as one would use."""
    on = ours.device()
    theirs, workers = article.at_its_best(partial(article.infer, article.SMALL, on.torch))
    for micro_batch, least in ((0, 10), (AT_ONCE, 18)):
        orders = replace(ours.SERVICE, micro_batch=micro_batch)
        paces = beside(partial(ours.infer, orders), theirs)
        what = f"mlp, {ours.manner(on)}, {micro_batch or orders.batch} at once: ours / theirs ({workers}): {paces}"
        yield Promise(what=what, measured=paces.ratio, unit="x", least=least)
