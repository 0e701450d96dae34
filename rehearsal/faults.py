"""
What a run has asked the stage to do to it: its seed and its faults, enrolled by the run's name.

Whatever is simulated looks its orders up here by the run that its tag or label names, so that many runs share one World
and a fault hits the resources of its own run only. The part that a fault is for knows what its fields mean; nothing
here does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal import private

Fault = Mapping[str, Any]
"""One scripted fault: its `kind`, and what narrows it. A field that is absent or empty narrows nothing."""

_FOLDER = "enrolled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What one run asked for."""

    run_id: str
    seed: int
    """Where the stage rolls dice for this run, it starts here."""
    faults: tuple[Fault, ...]

    def of(self, kind: str) -> tuple[Fault, ...]:
        """The faults of one kind, in the order they were written."""
        return tuple(fault for fault in self.faults if fault["kind"] == kind)


def enroll(folder: Path, enrolment: Enrolment) -> Path:
    """Keep what a run asked for, in the World's folder. Enrolling a run again replaces what it asked before."""
    content = {
        "run_id": enrolment.run_id,
        "seed": enrolment.seed,
        "faults": [dict(fault) for fault in enrolment.faults],
    }
    return private.write(_file(private.folder(folder / _FOLDER).parent, enrolment.run_id), json.dumps(content).encode())


def enrolled(folder: Path, run_id: str) -> Enrolment:
    """What a run asked for; a run that never enrolled meets no faults."""
    try:
        content = json.loads(_file(folder, run_id).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Enrolment(run_id=run_id, seed=0, faults=())
    return Enrolment(**{**content, "faults": tuple(content["faults"])})


def applies(fault: Fault, **facts: str) -> bool:
    """Whether a fault hits something with these facts: every fact that the fault names must be as it says."""
    return all(fault.get(name) in (None, "", value) for name, value in facts.items())


def _file(folder: Path, run_id: str) -> Path:
    if Path(run_id).name != run_id:
        raise ValueError(f"{run_id!r} is no name of a run")
    return folder / _FOLDER / f"{run_id}.json"
