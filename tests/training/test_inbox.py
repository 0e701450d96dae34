"""What waits for an answer, and who takes it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest

from training.inbox import Answer, ClosedError, Inbox, Request

SECONDS = 10.0
"""What nothing here takes, on any machine."""

Ask = Callable[[Inbox, int], Future[Answer]]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Clients that ask for so many images and wait, each once the one before is in the inbox."""
    with ThreadPoolExecutor() as clients, ExitStack() as ends:

        def asking(inbox: Inbox, images: int) -> Future[Answer]:
            ends.callback(inbox.close)
            before = len(inbox._waiting)
            future = clients.submit(inbox.ask, bytes([images]), images)
            deadline = time.monotonic() + SECONDS
            while len(inbox._waiting) == before and not future.done():
                assert time.monotonic() < deadline, "it never came in"
                time.sleep(0.001)
            return future

        yield asking


def answer(requests: list[Request]) -> None:
    """Tell each the number of its images."""
    for request in requests:
        request.answer.set_result(Answer(classes=[request.images], model_sha256="s", epoch=1))


@pytest.mark.parametrize(
    ("waiting", "batches"),
    [
        pytest.param([1, 1, 1], [[1, 1, 1]], id="all that there are"),
        pytest.param([2, 2, 2], [[2, 2], [2]], id="as many as have room"),
        pytest.param([3, 2, 1], [[3], [2, 1]], id="whole ones, in their order"),
        pytest.param([9, 1], [[9], [1]], id="one that has more alone comes alone"),
    ],
)
def test_a_batch_is_of_whole_requests(waiting: list[int], batches: list[list[int]], ask: Ask) -> None:
    """Up to so many images go together, the oldest first, and no request is torn."""
    inbox = Inbox(gather_seconds=0)
    futures = [ask(inbox, images) for images in waiting]
    taken = [inbox.take(4, patience=SECONDS) for _ in batches]
    for batch in taken:
        answer(batch)

    assert batches == [[request.images for request in batch] for batch in taken]
    assert [[images] for images in waiting] == [future.result(SECONDS).classes for future in futures]


def test_a_full_batch_waits_for_nobody(ask: Ask) -> None:
    """However long the first might have waited for others."""
    inbox = Inbox(gather_seconds=1000)
    ask(inbox, 2)
    ask(inbox, 2)

    answer(taken := inbox.take(4, patience=SECONDS))
    assert [2, 2] == [request.images for request in taken]


def test_the_first_waits_for_others(ask: Ask) -> None:
    """Who comes a moment later is answered with it."""
    inbox = Inbox(gather_seconds=1000)
    with ThreadPoolExecutor() as server:
        ask(inbox, 2)
        taking = server.submit(inbox.take, 4, patience=SECONDS)
        assert not taking.done()
        ask(inbox, 2)

        answer(taken := taking.result(SECONDS))
    assert [2, 2] == [request.images for request in taken]


def test_who_has_waited_long_enough_waits_no_more(ask: Ask) -> None:
    """The wait for others is counted from the first one's arrival, not from when somebody looks."""
    inbox = Inbox(gather_seconds=1000)
    ask(inbox, 1)
    inbox._waiting[0] = replace(inbox._waiting[0], arrived=time.perf_counter() - 1000)

    answer(taken := inbox.take(4, patience=SECONDS))
    assert [1] == [request.images for request in taken]


def test_patience_ends() -> None:
    """Nobody asks: nothing is taken."""
    assert [] == Inbox().take(4, patience=0)


def test_the_end_is_told(ask: Ask) -> None:
    """Whoever waits when nobody will answer any more hears so, and whoever comes later at once."""
    inbox = Inbox()
    inbox.serving = True
    waiting = ask(inbox, 1)
    inbox.close()

    for future in (waiting, ask(inbox, 1)):
        with pytest.raises(ClosedError):
            future.result(SECONDS)
    assert not inbox.serving
    assert [] == inbox.take(4, patience=0)
