"""The cluster's program on the real Pulumi engine, against the simulated account: what stands, fails, and is left."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from infra import stacks
from infra.backend import Backend
from infra.cluster import ClusterArgs, program, stack_name
from mig.errors import Failed
from rehearsal.aws.account import REGION
from rehearsal.aws.cloud import Cloud
from rehearsal.clock import Clock

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:aws\\.:DeprecationWarning"),  # importing pulumi_aws.ec2 warns of itself
    # What the SDK leaves behind complains when it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ARGS = ClusterArgs(
    name="lab",
    region=REGION,
    account="123456789012",
    zones=("us-east-1a", "us-east-1b", "us-east-1c"),
    bucket="lab-state",
    owner="ada",
    administrators=("arn:aws:iam::123456789012:role/mig-cluster",),
)
STACK = stack_name("lab")


@pytest.fixture
def clock() -> Clock:
    """A control plane takes nine minutes: here a sixth of a second."""
    return Clock(3000)


def quiet(_: str) -> None:
    """Nobody watches."""


def standing(cloud: Cloud) -> Counter[str]:
    """How much of each kind the account holds, whoever made it."""
    return Counter(kind for kind, there in _everything(cloud) if there)


def _everything(cloud: Cloud) -> Iterator[tuple[str, bool]]:
    """Each thing that AWS lists, and whether it is more than a memory."""
    ec2, kms = cloud.client("ec2"), cloud.client("kms")
    listed = {
        "network": (*ec2.describe_vpcs()["Vpcs"], *ec2.describe_subnets()["Subnets"]),
        "gateway": ec2.describe_internet_gateways()["InternetGateways"],
        "table": ec2.describe_route_tables()["RouteTables"],
        "template": ec2.describe_launch_templates()["LaunchTemplates"],
        "disk": ec2.describe_volumes()["Volumes"],
        "interface": ec2.describe_network_interfaces()["NetworkInterfaces"],
        "address": ec2.describe_addresses()["Addresses"],
        "cluster": cloud.client("eks").list_clusters()["clusters"],
        "role": cloud.client("iam").list_roles()["Roles"],
        "log": cloud.client("logs").describe_log_groups()["logGroups"],
        "repository": cloud.client("ecr").describe_repositories()["repositories"],
        "group": cloud.client("resource-groups").list_groups()["GroupIdentifiers"],
    }
    yield from ((kind, True) for kind, found in listed.items() for _ in found)
    yield from (("nat", nat["State"] != "deleted") for nat in ec2.describe_nat_gateways()["NatGateways"])
    yield from (("endpoint", end["State"] != "deleted") for end in ec2.describe_vpc_endpoints()["VpcEndpoints"])
    for reservation in ec2.describe_instances()["Reservations"]:
        yield from (("instance", i["State"]["Name"] != "terminated") for i in reservation["Instances"])
    aws_owned = {a["TargetKeyId"] for a in kms.list_aliases()["Aliases"] if a["AliasName"].startswith("alias/aws/")}
    for key in kms.list_keys()["Keys"]:
        if key["KeyId"] not in aws_owned:
            yield "key", kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled"


def described(cloud: Cloud) -> dict[str, Any]:
    """The cluster, as EKS shows it."""
    cluster: dict[str, Any] = cloud.client("eks").describe_cluster(name="lab")["cluster"]
    return cluster


def test_preview(backend: Backend, cloud: Cloud) -> None:
    """It names all that would be created, and creates nothing."""
    before = standing(cloud)
    changes = stacks.preview(backend, STACK, program(ARGS), region=REGION)
    kinds = Counter(change.kind.rsplit(":", 1)[-1] for change in changes.changes)

    assert before == standing(cloud)
    assert {"Cluster": 1, "NatGateway": 1, "Subnet": 6, "Addon": 6, "Role": 6, "NodeGroup": 1}.items() <= kinds.items()


def test_life_of_a_cluster(backend: Backend, cloud: Cloud) -> None:
    """Raised it is whole, raised again nothing changes, and destroyed it leaves the account as it was."""
    before, again = standing(cloud), list[str]()
    outputs = stacks.raise_stack(backend, STACK, program(ARGS), region=REGION, tell=quiet)
    up, cluster = standing(cloud) - before, described(cloud)
    addons = cloud.client("eks").list_addons(clusterName="lab")["addons"]
    stacks.raise_stack(backend, STACK, program(ARGS), region=REGION, tell=again.append)
    stacks.destroy(backend, STACK, tell=quiet)

    assert ("ACTIVE", "1.35", 2) == (cluster["status"], cluster["version"], up["instance"])
    assert [
        "aws-ebs-csi-driver",
        "coredns",
        "eks-pod-identity-agent",
        "kube-proxy",
        "metrics-server",
        "vpc-cni",
    ] == sorted(addons)
    assert ("lab", set(ARGS.zones)) == (outputs["cluster"], outputs["subnets"].keys())
    assert set(cluster["resourcesVpcConfig"]["subnetIds"]) == set(outputs["subnets"].values())
    assert [] == [line for line in again if line.startswith(("creating", "updating", "deleting", "replacing"))]
    assert before == standing(cloud)


def test_refused_on_the_way(backend: Backend, cloud: Cloud) -> None:
    """What AWS refuses half-way is one sentence, and what was made until then can be taken away."""
    before, stranger = standing(cloud), "arn:aws:iam::123456789012:role/nobody"
    with pytest.raises(Failed, match="AccessEntry administrator-1: InvalidParameterException: .*invalid principal"):
        stacks.raise_stack(
            backend, STACK, program(replace(ARGS, administrators=(stranger,))), region=REGION, tell=quiet
        )
    half_way = standing(cloud)
    stacks.destroy(backend, STACK, tell=quiet)

    assert {"cluster": 1, "network": 7}.items() <= (half_way - before).items()
    assert before == standing(cloud)
