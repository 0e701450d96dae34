"""
Packing: which ways of cutting GPUs, each how often, together offer what is wanted. Exact.

What is easy is decided here, one kind of way for all places; the rest by CP-SAT, which is imported here alone and only
when it is needed. What a way stands for, a GPU or a node, is not known here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mig.layout import Geometry

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpModel, IntVar

ENOUGH_STEPS = 0.25
"""CP-SAT's own measure of work, about seconds but alike on every machine, after which the least waste found will do."""


Least = Callable[[Geometry], int]
"""A bound that is easily told: so many places are needed for a geometry at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to cut some GPUs."""

    gpus: tuple[Geometry, ...]
    offers: Geometry
    """All of them together."""
    slices: int
    """Compute and memory slices that it cuts, added up: what of these nobody asked for is waste."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which ways, each as often as it is used, equal ones together."""

    ways: tuple[Way, ...]
    proven: bool = True
    """Whether it is proven that none wastes less."""


def fewest(ways: Sequence[Way], wanted: Geometry, *, at_least: int) -> int:
    """How few ways offer what is wanted; the bound itself where so many of one kind do."""
    if any(way.offers.times(at_least).contains(wanted) for way in ways):
        return at_least
    program, used = _program(_biggest(ways), wanted, most=wanted.total)
    program.minimize(sum(used))
    counts, _ = _solved(program, used)
    return max(at_least, sum(counts))


def choose(ways: Sequence[Way], wanted: Geometry, places: int, least: Least) -> Choice | None:
    """So many ways that offer what is wanted: the fewest different ones, then the least waste; None: there are none."""
    alone = [way for way in ways if way.offers.times(places).contains(wanted)]
    if alone:
        return Choice(ways=(min(alone, key=lambda way: (way.slices, way.offers.counts)),) * places)
    return _mixed(ways, wanted, places, least) if places > 1 else None


def _mixed(ways: Sequence[Way], wanted: Geometry, places: int, least: Least) -> Choice | None:
    """How few kinds will do is found among the biggest ways, and then, from there, which of all ways waste least."""
    biggest = _biggest(ways)
    program, used = _program(biggest, wanted, most=places)
    program.add(sum(used) == places)
    program.minimize(sum(_is_used(program, used, [places] * len(used))))
    start, _ = _solved(program, used)
    if not start:
        return None
    often = dict(zip((way.offers for way in biggest), start, strict=True))
    first = [often.get(way.offers, 0) for way in ways]

    program, used = _program(ways, wanted, most=places)
    program.add(sum(used) == places)
    # A way leaves at least the places that are needed for what it does not offer: without that the proof takes long.
    most = [places - least(_without(wanted, way.offers)) for way in ways]
    program.add(sum(_is_used(program, used, most)) <= sum(count > 0 for count in start))
    program.minimize(sum(way.slices * n for way, n in zip(ways, used, strict=True)))
    for count, n in zip(first, used, strict=True):
        program.add_hint(n, count)
    counts, proven = _solved(program, used, steps=ENOUGH_STEPS)
    chosen = sorted(zip(counts or first, ways, strict=True), key=lambda each: (-each[0], each[1].offers.counts))
    return Choice(ways=tuple(way for count, way in chosen for _ in range(count)), proven=proven)


def _without(wanted: Geometry, offers: Geometry) -> Geometry:
    """What of the wanted profiles is not offered at all."""
    offered = offers.as_dict()
    return Geometry.of({name: count for name, count in wanted.counts if name not in offered})


def _biggest(ways: Sequence[Way]) -> list[Way]:
    """Those of which no other offers more."""
    return [
        way
        for way in ways
        if not any(other.offers != way.offers and other.offers.contains(way.offers) for other in ways)
    ]


def _program(ways: Sequence[Way], wanted: Geometry, *, most: int) -> tuple["CpModel", list["IntVar"]]:
    """An integer program, and its variables: how often each way is used, so that all together offer what is wanted."""
    from ortools.sat.python import cp_model

    program = cp_model.CpModel()
    used = [program.new_int_var(0, most, "") for _ in ways]
    for profile, count in wanted.counts:
        offered = [way.offers.as_dict().get(profile, 0) for way in ways]
        program.add(sum(each * n for each, n in zip(offered, used, strict=True)) >= count)
    return program, used


def _is_used(program: "CpModel", used: Sequence["IntVar"], most: Sequence[int]) -> list["IntVar"]:
    """For each way, whether it is used at all; if so, then so often at most."""
    some = [program.new_bool_var("") for _ in used]
    for n, any_of_it, limit in zip(used, some, most, strict=True):
        program.add(n <= limit * any_of_it)
    return some


def _solved(program: "CpModel", used: Sequence["IntVar"], *, steps: float = float("inf")) -> tuple[list[int], bool]:
    """How often each way is used, empty if nothing will do, and whether nothing better exists. The same every time."""
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.linearization_level = 2
    solver.parameters.max_deterministic_time = steps
    status = solver.solve(program)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return [], status == cp_model.INFEASIBLE
    return [solver.value(n) for n in used], status == cp_model.OPTIMAL
