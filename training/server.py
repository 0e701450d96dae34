"""
Answers with one model at a time, and keeps count.

A newer model is made ready beside the one that answers, a batch of each in turn, so that nobody waits for it. A latency
is from a request's arrival to its classes in the host's memory; requests that waited for the first model have none.
"""

import time
from dataclasses import asdict
from itertools import islice

from torch import nn

from training.classifier import Classifier
from training.contract import Orders, say
from training.device import Device
from training.images import Images
from training.models import parameters
from training.published import Published
from training.sources import Source
from training.tally import Served, Tally

WARM_UP_BATCHES = 3
"""A new network's first batches are slow; they are nobody's."""


class Server:
    """One service: a source has what is asked, published models have the answers."""

    def __init__(self, orders: Orders, source: Source, test: Images, device: Device) -> None:
        self.device = device
        self.tally = Tally()
        self.orders = orders
        self._source = source
        self._test = test
        self._most = orders.micro_batch or orders.batch
        self._classifier: Classifier | None = None
        self._newcomer: _Newcomer | None = None
        self._opened = 0.0
        """When the first model began to answer."""
        self._counted = 0.0
        """Until when time is in the tally: clients are served by the wall clock."""

    @property
    def has_model(self) -> bool:
        """Whether one answers."""
        return self._classifier is not None

    @property
    def final(self) -> bool:
        """Whether no model will come after the one that answers."""
        return self._classifier is not None and self._classifier.published.final

    @property
    def readying(self) -> bool:
        """Whether a newer model is being made ready."""
        return self._newcomer is not None

    def take(self, published: Published, network: nn.Module) -> None:
        """Begin to make this model ready, which `ready` goes on with."""
        classifier = Classifier(published, network, self.device, compiled=self.orders.compile)
        self._newcomer = _Newcomer(classifier, self._test, self._most, proven=self.orders.http)

    def ready(self) -> None:
        """Spend a batch's time on the model that is being made ready, if there is one; once it is, it answers."""
        newcomer = self._newcomer
        if newcomer is not None and newcomer.ready():
            self._newcomer = None
            self._begin(newcomer)

    def answer(self, *, patience: float) -> None:
        """Answer one batch, if there is a model. When nobody asks, wait for so many seconds at most."""
        if self._classifier is None:
            return
        batch = self._source.take(self._most, patience=patience)
        if batch is not None:
            classes = self._classifier.classes(batch.pixels, self._most)
            now = time.perf_counter()
            right = batch.hand_back(classes, self._classifier.published)
            self.tally.answered(len(classes), known=batch.known, right=right)
            for arrived in batch.arrived:
                if arrived >= self._opened:
                    self.tally.latencies.add(now - arrived)
            if not self.orders.http:
                self.tally.served(now - batch.arrived[0])
        self._count_wall()

    def figures(self) -> dict[str, object]:
        """What the service came to."""
        there = self._classifier
        return {
            "model": there.published.model if there else self.orders.model,
            "parameters": parameters(there.network) if there else None,
            "batch": self._most,
            **self.tally.figures(),
            **self.device.facts(),
        }

    def _begin(self, newcomer: "_Newcomer") -> None:
        self._count_wall()
        self._counted = time.perf_counter()
        self._opened = self._opened or self._counted
        self._classifier = newcomer.classifier
        self.tally.models.append(newcomer.served)
        self._source.open()
        say("event", event="serving", **asdict(newcomer.served.published))

    def _count_wall(self) -> None:
        if self.orders.http and self.tally.models:
            now = time.perf_counter()
            self.tally.served(now - self._counted)
            self._counted = now


class _Newcomer:
    """A model that warms up on test images; for clients, who send no labels, it is proven on all of them."""

    def __init__(self, classifier: Classifier, test: Images, most: int, *, proven: bool) -> None:
        self.classifier = classifier
        self.served = Served(classifier.published)
        self._most = most
        self._proven = proven
        batches = test.batches(most)
        self._left = batches if proven else islice(batches, WARM_UP_BATCHES)

    def ready(self) -> bool:
        """Take one batch more; True when there is none."""
        for pixels, labels in self._left:
            classes = self.classifier.classes(pixels, self._most)
            if self._proven:
                self.served.known += len(labels)
                self.served.right += int((classes == labels.cpu()).sum())
            return False
        return True
