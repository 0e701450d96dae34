"""Who looks for newer models while others answer."""

import threading
import time
from dataclasses import replace
from queue import SimpleQueue

import pytest
import torch
from torch import nn

from training.contract import WorkloadError
from training.lookout import Found, Lookout, LookoutError
from training.published import BrokenModelError, Published, Shelf

SECONDS = 10.0
"""What nothing here takes, on any machine."""

EARLY = Published(key="k", sha256="a", model="mlp", image_size=8, accuracy=0.5, epoch=1, final=False)
LAST = replace(EARLY, sha256="b", epoch=2, final=True)


class FakeShelf(Shelf):
    """Has one answer after the other, then nothing new."""

    def __init__(self, *answers: Published | Exception | None) -> None:
        self.looks = 0
        self._answers = list(answers)

    def __str__(self) -> str:
        return "s3://bucket/models"

    def newer(self) -> Published | None:
        """The next one."""
        self.looks += 1
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def take(self, told: Published, device: torch.device) -> nn.Module:
        """A network that says where it is."""
        return nn.Linear(told.epoch, 1, device=device)


def looking(shelf: Shelf) -> Lookout:
    """In a hurry."""
    return Lookout(shelf, torch.device("cpu"), every=0.001)


def found(lookout: Lookout) -> Found:
    """The next model that it finds."""
    deadline = time.monotonic() + SECONDS
    while (new := lookout.newest()) is None:
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.001)
    return new


def test_each_model_is_found_once() -> None:
    """One after the other, each with its network."""
    lookout = looking(FakeShelf(None, EARLY, None, LAST))
    new = [found(lookout) for _ in range(2)]

    assert [EARLY, LAST] == [told for told, _ in new]
    assert [1, 2] == [network.in_features for _, network in new]
    assert lookout.newest() is None


def test_one_model_is_held_at_most() -> None:
    """While nobody takes it, no other is fetched: memory is for those that are used."""
    shelf = FakeShelf(EARLY, LAST)
    lookout = looking(shelf)
    time.sleep(0.02)

    assert 1 == shelf.looks
    assert [EARLY, LAST] == [found(lookout)[0] for _ in range(2)]


def test_after_the_last_model_nobody_looks() -> None:
    """None will come."""
    shelf = FakeShelf(LAST)
    found(lookout := looking(shelf))
    time.sleep(0.02)

    assert 1 == shelf.looks
    assert lookout.newest() is None


@pytest.mark.parametrize("why", [BrokenModelError("its sha256 is another"), WorkloadError("S3 is away")])
def test_what_ends_the_looking_ends_the_service(why: WorkloadError) -> None:
    """It is raised where models are asked for."""
    with pytest.raises(type(why), match=str(why)):
        found(looking(FakeShelf(why)))


def test_a_mistake_ends_the_service_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not wait for ever for models that nobody looks for; the traceback is the thread's."""
    raised: SimpleQueue[threading.ExceptHookArgs] = SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", raised.put)

    with pytest.raises(LookoutError, match="looking for models in s3://bucket/models broke off"):
        found(looking(FakeShelf(ZeroDivisionError())))
    assert ZeroDivisionError is raised.get(timeout=SECONDS).exc_type
