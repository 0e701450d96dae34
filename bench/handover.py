"""
The same rehearsal by `mig run` and by a deployment, with the same server and World: what server and worker add to it.

In turns, so that a machine whose speed drifts is fair to both.
"""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from bench.parts import FILE, Parts, ask, ended, parts
from bench.promise import Promise
from flows.documents import mapping

TURNS = 2
SPEC = FILE.parent / "deployments/specs/tiny.yaml"


def measure() -> Iterator[Promise]:
    """From the word to the end of the run, seen from outside."""
    with parts() as on:
        pairs = [(_deployed(on), _in_a_shell(on, SPEC)) for _ in range(TURNS)]
        theirs = " and ".join(f"{shell:.1f} s" for _, shell in pairs)
        ours = " and ".join(f"{deployed:.1f} s" for deployed, _ in pairs)
        more = statistics.mean(deployed - shell for deployed, shell in pairs)
        what = f"{SPEC.name} by `mig run`: {theirs}; by server and worker: {ours}; more"
        yield Promise(what=what, measured=more, most=20, unit="s")


def _deployed(on: Parts) -> float:
    request = mapping(SPEC, named="SPEC", accepted="a request")
    with on.client() as prefect:
        began = time.monotonic()
        run = ended(prefect, ask(prefect, request))
        seconds = time.monotonic() - began
    assert run.state_name == "Completed", run.state
    return seconds


def _in_a_shell(on: Parts, spec: Path) -> float:
    began = time.monotonic()
    on.shell("mig", "run", str(spec))
    return time.monotonic() - began
