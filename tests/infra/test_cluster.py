"""What the cluster's program declares, seen through Pulumi's mocks: no engine runs here."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from infra.cluster import ClusterArgs, program, stack_name
from tests.infra.conftest import Declared, Recorder, recorded

pytestmark = pytest.mark.filterwarnings("ignore:aws\\.:DeprecationWarning")  # importing pulumi_aws.ec2 warns of itself

ARGS = ClusterArgs(
    name="lab",
    region="us-east-1",
    account="123456789012",
    zones=("us-east-1a", "us-east-1b", "us-east-1c"),
    bucket="lab-state",
    owner="ada",
    administrators=("arn:aws:iam::123456789012:role/ops",),
)
UNTAGGED = {
    "aws:ec2/route:Route",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:kms/alias:Alias",
}
"""What AWS has no tags for."""


@pytest.fixture(scope="module")
def seen() -> Recorder:
    """The program, run once."""
    return recorded(program(ARGS))


@pytest.fixture(scope="module")
def made(seen: Recorder) -> Declared:
    """What it declares, by type."""
    return seen.declared


def only(made: Declared, kind: str) -> dict[str, Any]:
    """The one resource of a type: `eks/cluster:Cluster`."""
    (found,) = made[f"aws:{kind}"]
    return found


def policies(made: Declared) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement of each role's own policy, with the role's purpose."""
    for policy in made["aws:iam/rolePolicy:RolePolicy"]:
        for statement in json.loads(policy["policy"])["Statement"]:
            yield policy["name"], statement


def test_everything_is_tagged(made: Declared) -> None:
    """Whatever AWS lets carry a tag says of which cluster it is, and whose."""
    ours = {"mig-pipeline:cluster": "lab", "mig-pipeline:owner": "ada"}
    bare = [
        kind
        for kind, found in made.items()
        for inputs in found
        if kind.startswith("aws:") and kind not in UNTAGGED and not ours.items() <= inputs.get("tags", {}).items()
    ]

    assert [] == bare


def test_three_zones(made: Declared) -> None:
    """Each zone has a private and a public subnet of its own addresses, marked for the balancers that belong there."""
    subnets = {
        (subnet["availabilityZone"], next(key for key in subnet["tags"] if "role/" in key)): subnet["cidrBlock"]
        for subnet in made["aws:ec2/subnet:Subnet"]
    }
    inner, outer = "kubernetes.io/role/internal-elb", "kubernetes.io/role/elb"

    assert {
        ("us-east-1a", inner): "10.0.0.0/19",
        ("us-east-1b", inner): "10.0.32.0/19",
        ("us-east-1c", inner): "10.0.64.0/19",
        ("us-east-1a", outer): "10.0.96.0/24",
        ("us-east-1b", outer): "10.0.97.0/24",
        ("us-east-1c", outer): "10.0.98.0/24",
    } == subnets


def test_nodes_have_no_public_address(made: Declared) -> None:
    """Cluster and nodes are in private subnets, whose way out is the NAT gateway."""
    private = [f"private-us-east-1{zone}-id" for zone in "abc"]
    routes = {route.get("natGatewayId") or route.get("gatewayId") for route in made["aws:ec2/route:Route"]}

    assert private == only(made, "eks/cluster:Cluster")["vpcConfig"]["subnetIds"]
    assert private == only(made, "eks/nodeGroup:NodeGroup")["subnetIds"]
    assert {"nat-id", "internet-id"} == routes
    assert not any(subnet["mapPublicIpOnLaunch"] for subnet in made["aws:ec2/subnet:Subnet"])


def test_s3_is_reached_without_nat(made: Declared) -> None:
    """What lies in S3 goes by a gateway endpoint of the private route table, and costs nothing."""
    endpoint = only(made, "ec2/vpcEndpoint:VpcEndpoint")

    assert ("com.amazonaws.us-east-1.s3", "Gateway", ["private-id"]) == (
        endpoint["serviceName"], endpoint["vpcEndpointType"], endpoint["routeTableIds"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        pytest.param("name", "lab", id="its name is the one that was given"),
        pytest.param("version", "1.35", id="a version in standard support"),
        pytest.param("upgradePolicy", {"supportType": "STANDARD"}, id="never extended support, at six times the price"),
        pytest.param(
            "accessConfig",
            {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
            id="access by entries alone, and nobody is let in unsaid",
        ),
        pytest.param("bootstrapSelfManagedAddons", False, id="add-ons are EKS's to keep, all of them"),
        pytest.param(
            "enabledClusterLogTypes",
            ["api", "audit", "authenticator", "controllerManager", "scheduler"],
            id="all logs of the control plane",
        ),
        pytest.param(
            "encryptionConfig",
            {"provider": {"keyArn": "arn:secrets"}, "resources": ["secrets"]},
            id="secrets are encrypted by a key of its own",
        ),
    ],
)  # fmt: skip
def test_cluster(made: Declared, setting: str, value: object) -> None:
    """The cluster is made as it says here, since most of this cannot be changed later."""
    assert value == only(made, "eks/cluster:Cluster")[setting]


def test_nobody_reaches_it_from_outside(made: Declared) -> None:
    """Without a list of addresses the API server has no public endpoint."""
    reached = only(made, "eks/cluster:Cluster")["vpcConfig"]

    assert (True, False) == (reached["endpointPrivateAccess"], reached["endpointPublicAccess"])


def test_listed_addresses_reach_it() -> None:
    """With a list it has one, for these addresses and no others."""
    made = recorded(program(replace(ARGS, reached_from=("203.0.113.7/32",)))).declared
    reached = only(made, "eks/cluster:Cluster")["vpcConfig"]

    assert (True, ["203.0.113.7/32"]) == (reached["endpointPublicAccess"], reached["publicAccessCidrs"])


def test_who_administers(made: Declared) -> None:
    """Kubernetes is the named administrators' and the worker's."""
    entries = {entry["principalArn"] for entry in made["aws:eks/accessEntry:AccessEntry"]}
    granted = {tie["principalArn"] for tie in made["aws:eks/accessPolicyAssociation:AccessPolicyAssociation"]}

    assert {"arn:aws:iam::123456789012:role/ops", "arn:worker"} == entries == granted


def test_addons(made: Declared) -> None:
    """What a node needs and what needs nodes is there, at EKS's own version."""
    addons = made["aws:eks/addon:Addon"]

    assert {
        "vpc-cni", "kube-proxy", "eks-pod-identity-agent", "coredns", "metrics-server", "aws-ebs-csi-driver",
    } == {addon["addonName"] for addon in addons}  # fmt: skip
    assert not any("addonVersion" in addon for addon in addons)


def test_disks_are_gp3(made: Declared) -> None:
    """The EBS driver has its role by pod identity, and makes the default storage class."""
    (driver,) = [addon for addon in made["aws:eks/addon:Addon"] if addon["addonName"] == "aws-ebs-csi-driver"]

    assert {"defaultStorageClass": {"enabled": True}} == json.loads(driver["configurationValues"])
    assert [{"roleArn": "arn:ebs-csi", "serviceAccount": "ebs-csi-controller-sa"}] == driver["podIdentityAssociations"]


def test_system_nodes(made: Declared) -> None:
    """Two small nodes carry what is no workload, are repaired, and say their role."""
    group = only(made, "eks/nodeGroup:NodeGroup")

    assert {"minSize": 1, "desiredSize": 2, "maxSize": 4} == group["scalingConfig"]
    assert (["m6i.large"], {"node-role": "system"}, {"enabled": True}) == (
        group["instanceTypes"], group["labels"], group["nodeRepairConfig"],
    )  # fmt: skip


def test_metadata_is_out_of_reach(made: Declared) -> None:
    """A pod on a system node cannot take the node's credentials either."""
    options = only(made, "ec2/launchTemplate:LaunchTemplate")["metadataOptions"]

    assert {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1} == options


def test_names_of_roles(made: Declared) -> None:
    """The names of the roles follow from the cluster's: tasks look them up."""
    names = {role["name"] for role in made["aws:iam/role:Role"]}

    assert {"lab-cluster", "lab-node", "lab-ebs-csi", "lab-workload", "lab-worker", "lab-reaper"} == names


def test_a_run_sees_its_own_part(made: Declared) -> None:
    """What a pod may write is its own run's: the one whose namespace stands in the session."""
    written = [s["Resource"] for role, s in policies(made) if role == "workload" and "s3:PutObject" in s["Action"]]

    assert [["arn:aws:s3:::lab-state/runs/${aws:PrincipalTag/kubernetes-namespace}/workloads/*"]] == written


def test_the_reaper_makes_nothing(made: Declared) -> None:
    """The role of last resort changes and deletes node groups of runs, and cancels their reservations: nothing else."""
    allowed = {
        (action, tuple(s["Resource"])) for role, s in policies(made) if role == "reaper" for action in s["Action"]
    }
    groups = ("arn:aws:eks:us-east-1:123456789012:nodegroup/lab/gpu-*/*",)

    assert {
        ("eks:UpdateNodegroupConfig", groups),
        ("eks:DeleteNodegroup", groups),
        ("ec2:CancelCapacityReservation", ("arn:aws:ec2:us-east-1:123456789012:capacity-reservation/*",)),
    } == allowed


def test_nothing_is_allowed_on_everything(made: Declared) -> None:
    """No role of ours may do every action of a service, nor change anything whose resource is not named."""
    reads = ("Describe", "List", "Get")
    wide = [
        action
        for _, statement in policies(made)
        for action in statement["Action"]
        if "*" in action or (statement["Resource"] == "*" and not action.split(":")[1].startswith(reads))
    ]

    assert [] == wide


def test_control_plane_logs_end(made: Declared) -> None:
    """The log group has the name that EKS writes to, and is ours: it ends with the cluster, its lines after a month."""
    group = only(made, "cloudwatch/logGroup:LogGroup")

    assert ("/aws/eks/lab/cluster", 30) == (group["name"], group["retentionInDays"])


def test_stack_of_a_cluster() -> None:
    """A cluster is a stack."""
    assert "cluster-lab" == stack_name("lab")
