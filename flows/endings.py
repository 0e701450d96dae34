"""How a flow ends: in a state named for what happened, and with all it has told where others can read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from prefect.client.schemas.objects import State
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.states import Completed, Failed

from mig.errors import LeftBehind, NoCapacity, Refused
from mig.ledger import Released

Value = TypeVar("Value")

NAMES: dict[type[BaseException], str] = {
    NoCapacity: "CapacityUnavailable",
    Refused: "Refused",
    LeftBehind: "LeftBehind",
}

SEND_SECONDS = 20
"""For a server to take what was gathered for it: a moment, where there is one."""


def broken(error: BaseException, data: Value | None = None) -> State[Value]:
    """The state of a flow that an error ended, with the error's sentence."""
    return Failed(name=NAMES.get(type(error)), message=str(error), data=data)


def taken_down(released: Released) -> State[Released]:
    """The state of a flow that took a run down: `Released` when verified, else `LeftBehind` with the list."""
    if not released.verified:
        return broken(LeftBehind(released.left), released)
    return Completed(name="Released", message="verified: nothing is left", data=released)


@contextmanager
def delivered() -> Iterator[None]:
    """
    What was told is at the server also where this is broken off.

    Prefect sends its log every two seconds, and ends a process that was told to end by the signal itself: nothing is
    sent any more.
    """
    try:
        yield
    except Exception:
        raise
    except BaseException:
        hand_over()
        raise


def hand_over() -> None:
    """Let the server have what it is still to be told, while it is there."""
    APILogWorker.drain_all(timeout=SEND_SECONDS)
    EventsWorker.drain_all(timeout=SEND_SECONDS)
