"""What AWS's own model of a request allows, and how Pulumi's spelling becomes AWS's."""

from typing import Any

import pytest

from rehearsal.aws.model import operation, request, violations
from rehearsal.provider import UNKNOWN

GROUP: dict[str, Any] = {
    "clusterName": "mig",
    "nodegroupName": "gpu-demo-1",
    "subnets": ["subnet-a"],
    "nodeRole": "arn:aws:iam::123456789012:role/mig-node",
}


def test_a_good_request() -> None:
    """What AWS accepts, it accepts."""
    assert () == violations("eks", "CreateNodegroup", GROUP)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        pytest.param({"nodeRole": None}, "Invalid type for parameter nodeRole", id="another type"),
        pytest.param({"shape": "round"}, 'Unknown parameter in input: "shape"', id="a member that there is not"),
        pytest.param(
            {"capacityType": "RESERVED"},
            "Value 'RESERVED' at 'capacityType' failed to satisfy constraint: Member must satisfy enum value set:"
            " [ON_DEMAND, SPOT, CAPACITY_BLOCK]",
            id="a value that is not in the list",
        ),
        pytest.param(
            {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]},
            "Value 'NoSchedule' at 'taints.1.member.effect' failed to satisfy constraint: Member must satisfy enum"
            " value set: [NO_SCHEDULE, NO_EXECUTE, PREFER_NO_SCHEDULE]",
            id="Kubernetes' spelling of an effect",
        ),
        pytest.param({"scalingConfig": {"maxSize": 0}}, "value: 0, valid min value: 1", id="below a minimum"),
        pytest.param(
            {"updateConfig": {"maxUnavailablePercentage": 101}},
            "Member must have value less than or equal to 100",
            id="above a maximum",
        ),
        pytest.param(
            {"tags": {"k" * 129: "v"}}, "Member must have length less than or equal to 128", id="a key that is too long"
        ),
    ],
)
def test_violations(wrong: dict[str, Any], sentence: str) -> None:
    """What AWS refuses at the door is refused in its words."""
    (violation,) = violations("eks", "CreateNodegroup", {**GROUP, **wrong})

    assert sentence in violation


def test_a_pattern() -> None:
    """A name that does not match AWS's pattern is refused."""
    named = {"name": "no spaces please", "roleArn": "arn", "resourcesVpcConfig": {}}
    (violation,) = violations("eks", "CreateCluster", named)

    assert "satisfy regular expression pattern" in violation


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            {"metadataOptions": {"httpPutResponseHopLimit": 1.0}},
            {"MetadataOptions": {"HttpPutResponseHopLimit": 1}},
            id="capital letters, and whole numbers",
        ),
        pytest.param(
            {"tagSpecifications": [{"resourceType": "volume", "tags": {"a": "b"}}]},
            {"TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "a", "Value": "b"}]}]},
            id="tags as a list",
        ),
        pytest.param({"ebsOptimized": "true"}, {"EbsOptimized": True}, id="booleans that came as text"),
        pytest.param({"colour": "blue"}, {"colour": "blue"}, id="what the model does not know stays, to be refused"),
        pytest.param(
            {"metadataOptions": {"httpPutResponseHopLimit": UNKNOWN}},
            {"MetadataOptions": {"HttpPutResponseHopLimit": 1}},
            id="a number that is not known yet",
        ),
    ],
)
def test_request(given: dict[str, Any], expected: dict[str, Any]) -> None:
    """Pulumi's spelling becomes AWS's by AWS's model alone."""
    shape = operation("ec2", "CreateLaunchTemplate").input_shape.members["LaunchTemplateData"]

    assert expected == request(given, shape)
