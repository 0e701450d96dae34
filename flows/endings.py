"""How a flow ends: in a state named for what happened, where that says more than Completed or Failed."""

from typing import TypeVar

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from mig.errors import LeftBehind, NoCapacity, Refused
from mig.ledger import Released

Value = TypeVar("Value")

NAMES: dict[type[BaseException], str] = {
    NoCapacity: "CapacityUnavailable",
    Refused: "Refused",
    LeftBehind: "LeftBehind",
}


def broken(error: BaseException, data: Value | None = None) -> State[Value]:
    """The state of a flow that an error ended, with the error's sentence."""
    return Failed(name=NAMES.get(type(error)), message=str(error), data=data)


def taken_down(released: Released) -> State[Released]:
    """The state of a flow that took a run down: `Released` when verified, else `LeftBehind` with the list."""
    if not released.verified:
        return broken(LeftBehind(released.left), released)
    return Completed(name="Released", message="verified: nothing is left", data=released)
