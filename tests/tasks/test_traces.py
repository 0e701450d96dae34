"""Promises of looking for what runs left: found by what they wrote and by what still exists, and nothing is touched."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mig import labels
from tasks import aws, kube, traces
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


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


class Account:
    """AWS with runs at each of their stages, besides what is nobody's."""

    def describe_instances(self, **_: object) -> dict[str, Any]:
        """One instance of a run."""
        return {"Reservations": [{"Instances": [{"Tags": tag("of-an-instance")}]}]}

    def describe_launch_templates(self, **_: object) -> dict[str, Any]:
        """One template of a run."""
        return {"LaunchTemplates": [{"Tags": tag("of-a-template")}]}

    def list_nodegroups(self, **_: object) -> dict[str, Any]:
        """One group of a run, one of other people's, one that is just being deleted."""
        return {"nodegroups": ["ours", "theirs", "gone"]}

    def describe_nodegroup(self, nodegroupName: str, **_: object) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        """One group."""
        if nodegroupName == "gone":
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "DescribeNodegroup")
        return {"nodegroup": {"tags": {labels.TAG_RUN: "of-a-group"} if nodegroupName == "ours" else {}}}


def tag(run_id: str) -> list[dict[str, str]]:
    """EC2's tags of what belongs to a run."""
    return [{"Key": "Name", "Value": "gpu"}, {"Key": labels.TAG_RUN, "Value": run_id}]


def test_runs_are_found_by_whatever_is_left_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thing alone is enough, and what is not ours is nobody's run."""
    namespaces = [{"metadata": {"labels": {labels.RUN: "of-a-namespace"}}}]
    monkeypatch.setattr(aws, "aws", lambda *_: Account())
    monkeypatch.setattr(traces, "backend", lambda _: None)
    monkeypatch.setattr(traces, "kubernetes", lambda _: None)
    monkeypatch.setattr(traces.stacks, "names", lambda _: ("of-a-stack-1", "of-a-stack-2"))
    monkeypatch.setattr(kube, "items", lambda *_, **__: namespaces)

    assert ("of-a-group", "of-a-namespace", "of-a-stack", "of-a-template", "of-an-instance") == traces.runs(SITE)


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        pytest.param([], False, id="no pod"),
        pytest.param(["Pending", "Succeeded"], False, id="none runs"),
        pytest.param(["Pending", "Running"], True, id="one runs"),
    ],
)
def test_somebody_works_where_a_pod_runs(
    monkeypatch: pytest.MonkeyPatch,
    phases: list[str],
    expected: bool,  # noqa: FBT001 (a table's column)
) -> None:
    """Pods that wait or have ended are no work."""

    def items(_: object, path: str, *, fieldSelector: str) -> list[str]:  # noqa: N803 (Kubernetes' name)
        assert "/api/v1/namespaces/r-1/pods" == path
        return [phase for phase in phases if fieldSelector == f"status.phase={phase}"]

    monkeypatch.setattr(traces, "kubernetes", lambda _: None)
    monkeypatch.setattr(kube, "items", items)

    assert expected == traces.working(SITE, "r-1")
