"""Where batches come from, and where their answers go."""

from dataclasses import replace

import pytest
import torch

from training.images import Images
from training.inbox import Answer, Inbox, Request
from training.published import Published
from training.sources import Clients, HeldOut

MODEL = Published(key="k", sha256="a", model="mlp", image_size=2, accuracy=0.5, epoch=3, final=False)
IMAGES = Images(torch.arange(7, dtype=torch.uint8).view(7, 1, 1, 1).expand(7, 1, 2, 2), torch.arange(7))


def shown(source: HeldOut, *sizes: int) -> list[list[int]]:
    """Which images are in the next batches."""
    return [source.take(size, patience=0).pixels[:, 0, 0, 0].tolist() for size in sizes]


def test_the_test_images_go_round() -> None:
    """In their order, and a round ends with what is left of it."""
    assert [[0, 1, 2], [3, 4, 5], [6], [0, 1, 2]] == shown(HeldOut(IMAGES), 3, 3, 3, 3)


def test_a_newer_model_begins_with_the_first_image() -> None:
    """So that each is asked the same."""
    source = HeldOut(IMAGES)
    shown(source, 3)
    source.open()

    assert [[0, 1, 2]] == shown(source, 3)


def test_no_more_test_images_than_were_ordered() -> None:
    """The last batch is as small as it must be."""
    assert [[0, 1, 2], [3, 4]] == shown(HeldOut(IMAGES, number=5), 3, 3)


def test_test_images_know_what_is_right() -> None:
    """Each batch is one request, and its answers are compared."""
    batch = HeldOut(IMAGES).take(4, patience=0)

    assert (1, 4) == (len(batch.arrived), batch.known)
    assert 3 == batch.hand_back(torch.tensor([0, 1, 2, 9]), MODEL)


class FakeInbox(Inbox):
    """Holds what the test puts there."""

    def __init__(self, *requests: Request) -> None:
        super().__init__()
        self.closed = False
        self._requests = list(requests)

    def take(self, most: int, *, patience: float) -> list[Request]:  # noqa: ARG002 - as the real one's
        """All of it."""
        taken, self._requests = self._requests, []
        return taken

    def close(self) -> None:
        """Remember."""
        self.closed = True


class FakeDoor:
    """Says what it was asked."""

    def __init__(self) -> None:
        self.closed = False

    def close_door(self) -> None:
        """Remember."""
        self.closed = True

    def quiet(self) -> bool:
        """When it has been closed."""
        return self.closed


def test_clients_images_are_one_batch() -> None:
    """Those of several requests, one after the other, in the form that networks know."""
    requests = [Request(pixels=bytes([1] * 4), images=1), Request(pixels=bytes([2] * 4 + [3] * 4), images=2)]
    batch = Clients(FakeInbox(*requests), FakeDoor(), like=IMAGES.pixels).take(9, patience=0)

    assert batch is not None
    assert [1, 2, 3] == batch.pixels[:, 0, 0, 0].tolist()
    assert [request.arrived for request in requests] == batch.arrived


def test_each_client_gets_its_own_classes() -> None:
    """With the model that told them; which of them are right nobody knows."""
    requests = [Request(pixels=bytes(4), images=1), Request(pixels=bytes(8), images=2)]
    batch = Clients(FakeInbox(*requests), FakeDoor(), like=IMAGES.pixels).take(9, patience=0)

    assert batch is not None
    assert (0, 0) == (batch.known, batch.hand_back(torch.tensor([7, 8, 9]), replace(MODEL, sha256="x")))
    assert [
        Answer(classes=[7], model_sha256="x", epoch=3),
        Answer(classes=[8, 9], model_sha256="x", epoch=3),
    ] == [request.answer.result(0) for request in requests]


def test_nobody_asks() -> None:
    """There is no batch then."""
    assert Clients(FakeInbox(), FakeDoor(), like=IMAGES.pixels).take(9, patience=0) is None


@pytest.mark.parametrize("served", [True, False], ids=["with a model", "without any"])
def test_the_door_closes(*, served: bool) -> None:
    """Whoever is inside is answered still, unless there never was a model."""
    inbox, door = FakeInbox(), FakeDoor()
    clients = Clients(inbox, door, like=IMAGES.pixels)
    if served:
        clients.open()
    before = clients.quiet()
    clients.close_door()

    assert (False, True, served) == (before, clients.quiet(), not inbox.closed)
