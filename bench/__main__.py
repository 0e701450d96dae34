"""
The benchmarks, each a ratio or a bound taken in one run: `python -m bench [NAME ...]`, a benchmark's or a group's.

Each prints what it measured beside what it promises; the exit code says whether every promise was kept.
"""

import sys
from collections.abc import Mapping
from importlib import import_module

GROUPS: Mapping[str, tuple[str, ...]] = {
    "pipeline": ("imports", "planning", "fan-out", "story"),
    "training": ("batches", "steps", "answers", "checkpoints", "service"),
}
"""A benchmark is a module of that name; one is imported when its turn has come, with the heavy libraries it needs."""


def main(names: list[str]) -> int:
    """Measure what is named, or everything."""
    chosen = [each for name in names or GROUPS for each in GROUPS.get(name, (name,))]
    known = {each for group in GROUPS.values() for each in group}
    if unknown := set(chosen) - known:
        sys.exit(f"{', '.join(sorted(unknown))}: none of {', '.join((*GROUPS, *sorted(known)))}")
    kept = True
    for name in chosen:
        for promise in import_module(f"bench.{name.replace('-', '_')}").measure():
            print(f"{name:11} {promise}", flush=True)
            kept = kept and promise.kept
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
