"""Promises of looking for what runs left: found by what they wrote and by what still exists, and nothing is touched."""

from types import SimpleNamespace

import pytest

from tasks import aws, traces
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())


@pytest.mark.parametrize(
    ("written", "remaining", "stacks", "expected"),
    [
        pytest.param((), (), (), False, id="nothing at all"),
        pytest.param(("runs/r-1/report.json",), (), (), True, id="a report"),
        pytest.param(("runs/r-10/report.json",), (), ("r-10-1",), False, id="only another run's, whose name is longer"),
        pytest.param((), ("node group gpu-r-1-1",), (), True, id="a node group"),
        pytest.param((), (), ("r-1-1",), True, id="a stack"),
    ],
)
def test_a_run_is_known(
    monkeypatch: pytest.MonkeyPatch,
    written: tuple[str, ...],
    remaining: tuple[str, ...],
    stacks: tuple[str, ...],
    expected: bool,  # noqa: FBT001 (a table's column)
) -> None:
    """Whatever a run left tells that it has been here."""

    def list_objects(*, Prefix: str, **_: object) -> dict[str, int]:  # noqa: N803 (boto3's name)
        return {"KeyCount": sum(key.startswith(Prefix) for key in written)}

    monkeypatch.setattr(aws, "aws", lambda *_: SimpleNamespace(list_objects_v2=list_objects))
    monkeypatch.setattr(traces, "remaining", lambda *_: remaining)
    monkeypatch.setattr(traces, "backend", lambda _: None)
    monkeypatch.setattr(traces.stacks, "names", lambda _: stacks)

    assert expected == traces.known(SITE, "r-1")
