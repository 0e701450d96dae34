"""The benchmarks by name, in groups: each is a module here, imported when its turn has come, with what it needs."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module

from bench.promise import Promise

GROUPS: Mapping[str, tuple[str, ...]] = {
    "pipeline": ("imports", "planning", "preview", "first-node", "fan-out", "story"),
    "prefect": ("serve-start", "handover", "ladder", "death", "silence", "chatter", "history", "turns", "alive"),
    "training": ("batches", "steps", "answers", "checkpoints", "service"),
}


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The benchmarks that are meant by the names of benchmarks and groups; no names mean all. Raises ValueError."""
    known = [benchmark for group in GROUPS.values() for benchmark in group]
    for name in names:
        if name not in GROUPS and name not in known:
            raise ValueError(f"{name}: is none of {', '.join((*GROUPS, *known))}")
    return tuple(benchmark for name in names or GROUPS for benchmark in GROUPS.get(name, (name,)))


def measured(names: Sequence[str]) -> Iterator[tuple[str, Promise]]:
    """One promise after the other, with its benchmark's name, each as soon as it is measured."""
    for name in chosen(names):
        for promise in import_module(f"bench.{name.replace('-', '_')}").measure():
            yield name, promise
