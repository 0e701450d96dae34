"""
The benchmarks, each a ratio or a bound taken in one run: `python -m bench [NAME ...]`.

Each prints what it measured beside what it promises; the exit code says whether every promise was kept.
"""

import sys
from collections.abc import Callable

from bench import fan_out, imports, planning, story
from bench.promise import Promise

BENCHMARKS: dict[str, Callable[[], tuple[Promise, ...]]] = {
    "imports": imports.measure,
    "planning": planning.measure,
    "fan-out": fan_out.measure,
    "story": story.measure,
}


def main(names: list[str]) -> int:
    """Measure what is named, or everything."""
    kept = True
    for name in names or BENCHMARKS:
        for promise in BENCHMARKS[name]():
            print(f"{name:10} {promise}", flush=True)
            kept = kept and promise.kept
    return 0 if kept else 1


sys.exit(main(sys.argv[1:]))
