"""What EKS refuses although the request is well formed, rule by rule."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from rehearsal.aws.eks_rules import Account, InstanceType, Refusal, refusal, scaling_refusal

ROLE = "arn:aws:iam::123456789012:role/mig-node"
ACCOUNT = Account(
    vpc="vpc-1",
    node_groups=frozenset({"taken"}),
    subnets={"subnet-a": "vpc-1", "subnet-x": "vpc-2"},
    roles=frozenset({ROLE}),
    template={},
    instance_types={
        "p4d.24xlarge": InstanceType(gpus=True, architectures=("x86_64",)),
        "m6i.large": InstanceType(gpus=False, architectures=("x86_64",)),
        "g5g.xlarge": InstanceType(gpus=True, architectures=("arm64",)),
    },
)
REQUEST: Mapping[str, Any] = {
    "clusterName": "mig",
    "nodegroupName": "gpu-demo-1",
    "subnets": ["subnet-a"],
    "nodeRole": ROLE,
    "instanceTypes": ["p4d.24xlarge"],
    "amiType": "AL2023_x86_64_NVIDIA",
    "scalingConfig": {"minSize": 0, "maxSize": 1, "desiredSize": 0},
    "launchTemplate": {"id": "lt-1", "version": "1"},
    "labels": {"node-role": "gpu"},
}
BLOCK = {
    "InstanceType": "p4d.24xlarge",
    "InstanceMarketOptions": {"MarketType": "capacity-block"},
    "CapacityReservationSpecification": {"CapacityReservationTarget": {"CapacityReservationId": "cr-1"}},
}


def without(*names: str) -> dict[str, Any]:
    """The good request without these members."""
    return {name: value for name, value in REQUEST.items() if name not in names}


def test_a_good_request() -> None:
    """What EKS accepts is not refused here."""
    assert refusal(REQUEST, ACCOUNT) is None


def test_a_capacity_block() -> None:
    """A capacity block is accepted with all that it needs."""
    request = {**without("instanceTypes"), "capacityType": "CAPACITY_BLOCK"}

    assert refusal(request, replace(ACCOUNT, template=BLOCK)) is None


@pytest.mark.parametrize(
    ("wrong", "code", "sentence"),
    [
        pytest.param(
            {"nodegroupName": "taken"},
            "ResourceInUseException",
            "NodeGroup already exists with name taken and cluster name mig",
            id="a name that is taken",
        ),
        pytest.param(
            {"nodegroupName": "n" * 64}, "InvalidParameterException", "63 characters", id="a name that is too long"
        ),
        pytest.param(
            {"diskSize": 20},
            "InvalidParameterException",
            "Disk size must be specified within the launch template.",
            id="a disk beside a launch template",
        ),
        pytest.param(
            {"remoteAccess": {"ec2SshKey": "mine"}},
            "InvalidParameterException",
            "Remote access configuration cannot be specified with a launch template.",
            id="remote access beside a launch template",
        ),
        pytest.param(
            {"launchTemplate": {"id": "lt-1", "name": "gpu"}}, "InvalidParameterException", "not both", id="id and name"
        ),
        pytest.param({"launchTemplate": {}}, "InvalidParameterException", "not both", id="neither id nor name"),
        pytest.param(
            {"instanceTypes": ["p9.large"]},
            "InvalidParameterException",
            "The following supplied instance types do not exist: [p9.large]",
            id="an instance type that there is not",
        ),
        pytest.param(
            {"instanceTypes": ["m6i.large"]},
            "InvalidParameterException",
            "[m6i.large] is not a valid instance type for requested amiType AL2023_x86_64_NVIDIA",
            id="NVIDIA's image without a GPU",
        ),
        pytest.param(
            {"instanceTypes": ["g5g.xlarge"]},
            "InvalidParameterException",
            "[g5g.xlarge] is not a valid instance type",
            id="another architecture",
        ),
        pytest.param(
            {"scalingConfig": {"minSize": 2, "maxSize": 1, "desiredSize": 1}},
            "InvalidParameterException",
            "Minimum capacity 2 can't be greater than maximum size 1",
            id="a minimum above the maximum",
        ),
        pytest.param(
            {"scalingConfig": {"minSize": 0, "maxSize": 1, "desiredSize": 2}},
            "InvalidParameterException",
            "Desired capacity 2 can't be greater than max size 1",
            id="more desired than allowed",
        ),
        pytest.param(
            {"subnets": ["subnet-0"]},
            "InvalidRequestException",
            "The subnet ID 'subnet-0' does not exist",
            id="a subnet that there is not",
        ),
        pytest.param(
            {"subnets": ["subnet-x"]}, "InvalidParameterException", "not in the VPC", id="a subnet of another network"
        ),
        pytest.param(
            {"nodeRole": "arn:aws:iam::1:role/x"},
            "InvalidParameterException",
            "could not be assumed because it does not exist",
            id="a role that there is not",
        ),
        pytest.param(
            {"labels": {"kubernetes.io/role": "gpu"}},
            "InvalidParameterException",
            "Label cannot contain reserved prefixes [kubernetes.io/, k8s.io/, eks.amazonaws.com/]",
            id="a label of Kubernetes' own",
        ),
        pytest.param(
            {"capacityType": "CAPACITY_BLOCK"},
            "InvalidParameterException",
            "CAPACITY_BLOCK needs",
            id="a capacity block that the template does not name",
        ),
    ],
)
def test_refused(wrong: dict[str, Any], code: str, sentence: str) -> None:
    """Each rule refuses with EKS's code."""
    found = refusal({**REQUEST, **wrong}, ACCOUNT)

    assert found is not None
    assert code == found.code
    assert sentence in found.message


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        pytest.param(None, "does not exist", id="no such template"),
        pytest.param(
            {"InstanceType": "p4d.24xlarge"},
            "Cannot specify instance types in launch template and API Request",
            id="instance types in both",
        ),
        pytest.param({"ImageId": "ami-1"}, "an image when the request has an AMI type", id="an image in both"),
        pytest.param({"NetworkInterfaces": [{"SubnetId": "subnet-a"}]}, "a subnet", id="a subnet in the template"),
        pytest.param({"IamInstanceProfile": {"Name": "x"}}, "an IAM instance profile", id="an instance profile"),
        pytest.param({"InstanceInitiatedShutdownBehavior": "stop"}, "a shutdown behavior", id="a shutdown behavior"),
        pytest.param({"HibernationOptions": {"Configured": True}}, "hibernation", id="hibernation"),
        pytest.param({"InstanceMarketOptions": {"MarketType": "spot"}}, "capacity type", id="spot in the template"),
    ],
)
def test_launch_template(template: dict[str, Any] | None, sentence: str) -> None:
    """What EKS prohibits in a node group's launch template is refused."""
    found = refusal(REQUEST, replace(ACCOUNT, template=template))

    assert found is not None
    assert sentence in found.message


def test_unknown_cluster() -> None:
    """Nothing is created in a cluster that there is not."""
    expected = Refusal(code="ResourceNotFoundException", message="No cluster found for name: mig.")

    assert expected == refusal(REQUEST, replace(ACCOUNT, vpc=None))


def test_resizing() -> None:
    """A change of size is judged together with what stays."""
    current = {"minSize": 0, "maxSize": 2, "desiredSize": 0}

    assert scaling_refusal(current, {"desiredSize": 2}) is None
    assert scaling_refusal(current, {"desiredSize": 3}) is not None
