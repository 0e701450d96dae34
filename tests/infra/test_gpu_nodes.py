"""What the program of one attempt declares, seen through Pulumi's mocks: no engine runs here."""

import base64
from dataclasses import replace

import pytest

from infra.gpu_nodes import Cut, GpuNodesArgs, NodeGroup, node_groups, program, stack_name
from mig.offer import Market
from tests.infra.conftest import Declared, recorded

pytestmark = pytest.mark.filterwarnings("ignore:aws\\.:DeprecationWarning")  # importing pulumi_aws.ec2 warns of itself

TEMPLATE, GROUP = "aws:ec2/launchTemplate:LaunchTemplate", "aws:eks/nodeGroup:NodeGroup"
ARGS = GpuNodesArgs(
    run_id="demo-1f",
    attempt=2,
    cluster="mig",
    node_role_arn="arn:aws:iam::123456789012:role/mig-node",
    subnet_id="subnet-a",
    market="on-demand",
    instance_type="p4d.24xlarge",
    cuts=(Cut(config_name="all-balanced", nodes=3),),
    lease="2026-11-23T20:00:00Z",
    owner="ada",
)
TAGS = {
    "mig-pipeline:run": "demo-1f",
    "mig-pipeline:lease": "2026-11-23T20:00:00Z",
    "mig-pipeline:owner": "ada",
}


def declared(args: GpuNodesArgs) -> Declared:
    """What the program declares for these arguments."""
    return recorded(program(args)).declared


def test_group_is_empty() -> None:
    """Nothing billed is made with the group: it may grow to the plan's size, and no further."""
    (group,) = declared(ARGS)[GROUP]

    assert {"desiredSize": 0, "minSize": 0, "maxSize": 3} == group["scalingConfig"]


def test_group_stays_in_one_zone() -> None:
    """With one subnet there is no zone to balance with."""
    (group,) = declared(ARGS)[GROUP]

    assert ["subnet-a"] == group["subnetIds"]


def test_nodes_are_labelled() -> None:
    """Nodes say whose they are and how they shall be cut, and leave to NVIDIA's software what is NVIDIA's to say."""
    (group,) = declared(ARGS)[GROUP]

    assert {
        "node-role": "gpu",
        "mig-pipeline/run": "demo-1f",
        "nvidia.com/mig.config": "all-balanced",
    } == group["labels"]


def test_nodes_are_tainted() -> None:
    """Only what tolerates GPUs is scheduled there."""
    (group,) = declared(ARGS)[GROUP]

    assert [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}] == group["taints"]


@pytest.mark.parametrize(
    ("market", "capacity_type"),
    [
        pytest.param("spot", "SPOT", id="spot is EKS's capacity type"),
        pytest.param("on-demand", "ON_DEMAND", id="on demand"),
        pytest.param("reservation", "ON_DEMAND", id="a reservation is filled by on-demand launches"),
    ],
)
def test_market(market: Market, capacity_type: str) -> None:
    """Each market has its capacity type."""
    (group,) = declared(replace(ARGS, market=market))[GROUP]

    assert capacity_type == group["capacityType"]


GROUP_ARN = "arn:aws:resource-groups:us-east-1:123456789012:group/mig-reservations"


@pytest.mark.parametrize(
    ("market", "reserved"),
    [
        pytest.param("reservation", {"capacityReservationPreference": "capacity-reservations-only"}, id="only one"),
        pytest.param(
            "on-demand",
            {"capacityReservationTarget": {"capacityReservationResourceGroupArn": GROUP_ARN}},
            id="on demand, what was bought later is used first",
        ),
        pytest.param("spot", None, id="spot has none"),
    ],
)
def test_reservation(market: Market, reserved: dict[str, object] | None) -> None:
    """The reservation rung launches into a reservation or not at all, on-demand instances into one of the group's."""
    (template,) = declared(replace(ARGS, market=market, reservations=GROUP_ARN))[TEMPLATE]

    assert reserved == template.get("capacityReservationSpecification")


def test_no_group_of_reservations() -> None:
    """Where nobody keeps such a group, on-demand launches say nothing of reservations."""
    (template,) = declared(ARGS)[TEMPLATE]

    assert "capacityReservationSpecification" not in template


def test_node_is_told_how_to_boot() -> None:
    """Its own disks carry images and pods, and MIG mode is set before it joins."""
    (template,) = declared(ARGS)[TEMPLATE]
    told = base64.b64decode(template["userData"]).decode()

    assert ("RAID0" in told, "mig-mode" in told) == (True, True)


def test_mig_mode_can_be_left_to_mig_manager() -> None:
    """Off by an argument, the node is told nothing of MIG."""
    (template,) = declared(replace(ARGS, mig_mode=False))[TEMPLATE]

    assert "mig" not in base64.b64decode(template["userData"]).decode().replace("mig-pipeline", "")


def test_metadata_is_out_of_reach() -> None:
    """A pod cannot take the node's credentials: tokens are required, and end at the node."""
    (template,) = declared(ARGS)[TEMPLATE]

    assert {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    } == template["metadataOptions"]


def test_everything_billed_is_tagged() -> None:
    """Instances, disks and interfaces carry run, lease and owner: a node group's own tags do not reach them."""
    (template,) = declared(ARGS)[TEMPLATE]
    tags = {spec["resourceType"]: spec["tags"] for spec in template["tagSpecifications"]}

    assert {kind: {"Name": "gpu-demo-1f", **TAGS} for kind in ("instance", "volume", "network-interface")} == tags


def test_resources_are_tagged() -> None:
    """So do the template and the group themselves."""
    made = declared(ARGS)

    assert [TAGS, TAGS] == [made[TEMPLATE][0]["tags"], made[GROUP][0]["tags"]]


def test_disk_goes_with_its_instance() -> None:
    """The root disk is encrypted and is not left behind."""
    (template,) = declared(ARGS)[TEMPLATE]
    (disk,) = template["blockDeviceMappings"]

    assert {
        "volumeSize": 200,
        "volumeType": "gp3",
        "encrypted": "true",
        "deleteOnTermination": "true",
    } == disk["ebs"]


def test_group_uses_the_template() -> None:
    """The template is named by its id and version, and its fields are not repeated in the group."""
    (group,) = declared(ARGS)[GROUP]

    assert {"id": "gpu-id", "version": "7"} == group["launchTemplate"]
    assert not {"diskSize", "remoteAccess"} & group.keys()


def test_a_group_for_each_way_of_cutting() -> None:
    """All nodes of a group have the same labels: another config is another group."""
    cuts = (Cut(config_name="all-balanced", nodes=2), Cut(config_name="mig-0ab1", nodes=1))
    made = declared(replace(ARGS, cuts=cuts))[GROUP]

    assert {("all-balanced", 2), ("mig-0ab1", 1)} == {
        (group["labels"]["nvidia.com/mig.config"], group["scalingConfig"]["maxSize"]) for group in made
    }


def test_names_can_be_computed_again() -> None:
    """Who sweeps finds the groups of an attempt without its state."""
    cuts = (Cut(config_name="all-balanced", nodes=2), Cut(config_name="mig-0ab1", nodes=1))

    assert (
        NodeGroup(name="gpu-demo-1f-2", config_name="all-balanced", nodes=2),
        NodeGroup(name="gpu-demo-1f-2-2", config_name="mig-0ab1", nodes=1),
    ) == node_groups(replace(ARGS, cuts=cuts))


def test_stack_of_an_attempt() -> None:
    """A stack is an attempt."""
    assert stack_name("demo-1f", 2) == "demo-1f-2"
