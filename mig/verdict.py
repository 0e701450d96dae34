"""What a judge answers: keep waiting, settled, or broken. A judge sees observations only; it does no I/O."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not there yet."""

    why: str
    """What is waited for, in words a person reads while waiting."""


@dataclass(frozen=True, slots=True)
class Settled(Generic[T_co]):
    """It has happened, and this is what came of it."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Broken:
    """It will not happen any more."""

    why: str


Verdict = Waiting | Settled[T_co] | Broken
