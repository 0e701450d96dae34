"""What the guardrail refuses is not applied."""

from typing import Any, NoReturn

import pytest

from mig.errors import Failed
from mig.plan import draw
from mig.spec import RunSpec
from tasks import launch
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
SPEC = RunSpec.model_validate(
    {
        "name": "r",
        "instance_types": ["p4d.24xlarge"],
        "max_hours": 1,
        "workloads": [{"name": "a", "kind": "train", "model": "mlp", "slice": "small"}],
    }
)
GREEDY = {
    "kind": "ResourceClaimTemplate",
    "metadata": {"name": "whole"},
    "spec": {"spec": {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}}},
}


def nobody(*_: Any) -> NoReturn:
    """Nobody is asked for anything."""
    raise AssertionError


def test_guardrail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim for a whole GPU ends the run with its sentence, before the cluster or AWS hears of it."""
    monkeypatch.setattr(launch, "build", lambda *_, **__: (GREEDY,))
    monkeypatch.setattr(launch, "kubernetes", nobody)
    monkeypatch.setattr(launch, "associate", nobody)

    with pytest.raises(Failed, match="^launch: ResourceClaimTemplate whole: request gpu must name a class of MIG"):
        launch.launch.fn(SITE, SPEC, draw(SPEC, "r-1"), "s3://b/d")
