"""
The benchmarks, each a ratio or a bound taken in one run: `python -m bench [NAME ...]`, a benchmark's or a group's.

Each prints what it measured beside what it promises; the exit code says whether every promise was kept.
"""

import signal
import sys

from bench.catalogue import measured


def main(names: list[str]) -> int:
    """Measure what is named, or everything."""
    kept = True
    for name, promise in measured(names):
        print(f"{name:11} {promise}", flush=True)
        kept = kept and promise.kept
    return 0 if kept else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what a benchmark has started ends with it
    sys.exit(main(sys.argv[1:]))
