"""Promises of telling the stage what a run has asked of it: its faults, as long as they last."""

import json
from pathlib import Path

import pytest

from mig.spec import read
from tasks import connect, world

FAULTS = [{"kind": "no_capacity", "market": "spot", "tries": 2}, {"kind": "mig_stuck"}]
SPEC = read({"name": "r", "rehearsal": {"faults": FAULTS}})
WORLD = {
    "environment": {"AWS_REGION": "us-east-1", "MIG_BUCKET": "b", "MIG_CLUSTER": "mig"},
    "time_scale": 60,
    "simulated": [],
}


@pytest.mark.parametrize(
    ("nth", "expected"),
    [
        pytest.param(1, ["no_capacity", "mig_stuck"], id="the first meets both"),
        pytest.param(2, ["no_capacity", "mig_stuck"], id="the second too"),
        pytest.param(3, ["mig_stuck"], id="the third is spared what lasts two tries"),
    ],
)
def test_a_fault_lasts_so_many_tries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int, expected: list[str]
) -> None:
    """The stage, to which each try is a run of its own, is told of those that this one meets."""
    file = tmp_path / "world.json"
    file.write_text(json.dumps(WORLD), encoding="utf-8")
    asked: list[str] = []
    monkeypatch.setattr(world, "given", lambda: str(file))
    monkeypatch.setattr(world, "ask", lambda *_, told: asked.append(told))

    with connect.site(SPEC, "r-1", tell=print, nth=nth):
        pass

    (enrolment,) = map(json.loads, asked)
    assert expected == [fault["kind"] for fault in enrolment["faults"]]
    assert all("tries" not in fault for fault in enrolment["faults"])
