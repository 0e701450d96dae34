"""Promises of the allotment: every slice has its row, and whoever had it is named."""

from mig.allotment import table
from mig.outcome import PodResult, Result
from mig.readiness import Device, ReadySlices


def device(name: str, gpu: str = "GPU-1") -> Device:
    """A slice of a node."""
    return Device(name=name, node="n", profile="1g.5gb", uuid=f"MIG-{name}", parent_uuid=gpu)


def result(*pods: tuple[str, str, int | None]) -> Result:
    """A workload whose pods, by name, had these slices and ended so."""
    return Result(
        workload="w",
        kind="train",
        slice="small",
        profile="1g.5gb",
        status="succeeded",
        why="",
        pods=tuple(
            PodResult(
                name=name,
                index=0,
                node="n",
                device=had,
                parent_uuid="GPU-1",
                exit_code=code,
                started="",
                finished="",
            )
            for name, had, code in pods
        ),
        metrics={},
        curve=(),
        artifacts=(),
    )


READY = ReadySlices(nodes=(), devices=(device("b", "GPU-2"), device("c"), device("a")))


def test_before_anything_runs_every_slice_is_free() -> None:
    """GPU by GPU, with profile and node."""
    rows = table(READY)

    assert {"profile": "1g.5gb", "node": "n", "GPU": "GPU-1", "slice": "a", "pod": "", "state": "free"} == rows[0]
    assert ["a", "c", "b"] == [row["slice"] for row in rows]
    assert {"free"} == {row["state"] for row in rows}


def test_afterwards_those_that_were_used_stand_first() -> None:
    """With their pods and how each ended, also where one slice had several in turn."""
    rows = table(READY, [result(("p-1", "b", 0), ("p-2", "c", 1)), result(("p-3", "c", None))])

    assert [
        ("c", "p-2, p-3", "exit 1, lost"),
        ("b", "p-1", "finished"),
        ("a", "", "free"),
    ] == [(row["slice"], row["pod"], row["state"]) for row in rows]
