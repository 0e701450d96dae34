"""An interrupted creation is found by its name or its tags, and by nothing else."""

from typing import Any

import pytest

from infra.recovery import Pending
from tasks import aws
from tasks.connect import Site
from tasks.pending import identify

SITE = Site(target="eks", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=1, simulated=())
OURS = {"Name": "mig-nat", "mig-pipeline:cluster": "mig"}


class Ec2:
    """Tags of what exists: resource, type, key, value."""

    def __init__(self, *tags: tuple[str, str, str, str]) -> None:
        self.tags = tags

    def describe_tags(self, **asked: Any) -> dict[str, Any]:
        """By type, key and value, all three."""
        wanted = {each["Name"]: each["Values"][0] for each in asked["Filters"]}
        sought = (wanted["resource-type"], wanted["key"], wanted["value"])
        return {"Tags": [{"ResourceId": tag[0]} for tag in self.tags if tag[1:] == sought]}


def found(monkeypatch: pytest.MonkeyPatch, kind: str, inputs: dict[str, Any], ec2: Ec2 | None = None) -> str:
    """Under which id it is looked for."""
    monkeypatch.setattr(aws, "aws", lambda *_: ec2)
    return identify(SITE, Pending(kind=kind, name="n", inputs=inputs))


@pytest.mark.parametrize(
    ("kind", "inputs", "identity"),
    [
        pytest.param("aws:eks/cluster:Cluster", {"name": "mig"}, "mig", id="a cluster"),
        pytest.param(
            "aws:eks/nodeGroup:NodeGroup", {"clusterName": "mig", "nodeGroupName": "system"}, "mig:system", id="a group"
        ),
        pytest.param("aws:eks/addon:Addon", {"clusterName": "mig", "addonName": "vpc-cni"}, "mig:vpc-cni", id="add-on"),
        pytest.param("aws:iam/rolePolicy:RolePolicy", {"role": "mig-node"}, "", id="nobody knows"),
    ],
)
def test_by_name(monkeypatch: pytest.MonkeyPatch, kind: str, inputs: dict[str, Any], identity: str) -> None:
    """Where AWS's id follows from what was declared, nobody has to be asked."""
    assert identity == found(monkeypatch, kind, inputs)


@pytest.mark.parametrize(
    ("ids", "identity"),
    [
        pytest.param(["nat-1"], "nat-1", id="the one that carries our tag and its name"),
        pytest.param([], "", id="it was never made"),
        pytest.param(["nat-1", "nat-2"], "", id="of two none can be told from the other"),
    ],
)
def test_by_tags(monkeypatch: pytest.MonkeyPatch, ids: list[str], identity: str) -> None:
    """What EC2 names itself is found by what it was tagged with at birth."""
    ec2 = Ec2(*((each, "natgateway", key, value) for each in ids for key, value in OURS.items()))

    assert identity == found(monkeypatch, "aws:ec2/natGateway:NatGateway", {"tags": OURS}, ec2)


def test_what_is_not_ours_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same name without our tag is somebody else's."""
    ec2 = Ec2(("nat-1", "natgateway", "Name", "mig-nat"))

    assert "" == found(monkeypatch, "aws:ec2/natGateway:NatGateway", {"tags": {"Name": "mig-nat"}}, ec2)
