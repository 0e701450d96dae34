"""The simulated account as a customer sees it: by boto3, and by nothing else."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloud import Cloud
from rehearsal.clock import Clock
from rehearsal.faults import Enrolment, enroll
from rehearsal.node.instance import Instance

SCALE = 1200.0
"""A simulated minute takes 50 milliseconds."""


@dataclass
class Yard:
    """Machines that only remember what they were told."""

    booted: list[Instance] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def boot(self, instance: Instance) -> None:
        """It has launched."""
        self.booted.append(instance)

    def terminate(self, instance_id: str) -> None:
        """It ends."""
        self.ended.append(instance_id)


@dataclass(frozen=True, slots=True)
class Stopwatch(Clock):
    """A clock that can be stopped: what is under way stays so."""

    stopped: list[float] = field(default_factory=list)

    def now(self) -> float:
        """Where it was stopped, or where it is."""
        return self.stopped[0] if self.stopped else Clock.now(self)


@dataclass(frozen=True)
class Customer:
    """An account, and short words for what is asked of it."""

    cloud: Cloud
    clock: Stopwatch
    yard: Yard
    folder: Path

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return self.cloud.client(service)

    def create(self, name: str, run_id: str, **other: Any) -> dict[str, Any]:
        """A node group as the product makes it, for one zone."""
        cluster = self.client("eks").describe_cluster(name="mig")["cluster"]
        role = self.client("iam").get_role(RoleName="mig-node")["Role"]["Arn"]
        tags = [{"ResourceType": kind, "Tags": [tag(run_id)]} for kind in ("instance", "volume", "network-interface")]
        disk = {"VolumeSize": 200, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
        template = self.client("ec2").create_launch_template(
            LaunchTemplateName=name,
            LaunchTemplateData={
                "TagSpecifications": tags,
                "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": disk}],
                **other.pop("data", {}),
            },
        )["LaunchTemplate"]["LaunchTemplateId"]
        request = {
            "clusterName": "mig",
            "nodegroupName": name,
            "subnets": cluster["resourcesVpcConfig"]["subnetIds"][:1],
            "nodeRole": role,
            "instanceTypes": ["p4d.24xlarge"],
            "amiType": "AL2023_x86_64_NVIDIA",
            "scalingConfig": {"minSize": 0, "maxSize": 4, "desiredSize": 0},
            "launchTemplate": {"id": template, "version": "1"},
            "labels": {"mig-pipeline/run": run_id},
            "taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}],
            "tags": {"mig-pipeline:run": run_id},
            **other,
        }
        made: dict[str, Any] = self.client("eks").create_nodegroup(**request)["nodegroup"]
        return made

    def group(self, name: str) -> dict[str, Any]:
        """What EKS says of it."""
        named = {"clusterName": "mig", "nodegroupName": name}
        found: dict[str, Any] = self.client("eks").describe_nodegroup(**named)["nodegroup"]
        return found

    def ready(self, name: str, run_id: str, **other: Any) -> str:
        """A node group that is active; the name of its Auto Scaling group."""
        made = self.create(name, run_id, **other)
        eventually(lambda: self.group(name)["status"] == "ACTIVE")
        scaling: str = made["resources"]["autoScalingGroups"][0]["name"]
        return scaling

    def resize(self, name: str, nodes: int) -> None:
        """Ask for so many nodes."""
        eventually(lambda: self.group(name)["status"] == "ACTIVE")
        self.client("eks").update_nodegroup_config(
            clusterName="mig", nodegroupName=name, scalingConfig={"desiredSize": nodes}
        )

    def activities(self, scaling: str, status: str) -> list[dict[str, Any]]:
        """The scaling activities that have come so far."""
        told = self.client("autoscaling").describe_scaling_activities(AutoScalingGroupName=scaling)["Activities"]
        return [activity for activity in told if activity["StatusCode"] == status]

    def running(self, run_id: str) -> list[dict[str, Any]]:
        """The instances that carry the run's tag and are not gone."""
        found = self.client("ec2").describe_instances(
            Filters=[
                {"Name": "tag:mig-pipeline:run", "Values": [run_id]},
                {"Name": "instance-state-name", "Values": ["pending", "running", "shutting-down"]},
            ]
        )
        return [instance for reservation in found["Reservations"] for instance in reservation["Instances"]]

    def machines(self, run_id: str) -> list[Instance]:
        """What has been booted for the run."""
        return [instance for instance in self.yard.booted if instance.run_id == run_id]


def tag(run_id: str) -> dict[str, str]:
    """The run's tag, as EC2 writes it."""
    return {"Key": "mig-pipeline:run", "Value": run_id}


def eventually(look: Callable[[], Any]) -> Any:
    """What is seen at last; the test's time limit is the deadline."""
    while not (seen := look()):
        time.sleep(0.01)
    return seen


@pytest.fixture(scope="module")
def customer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    """One account for all: each test has a run and a node group of its own."""
    folder, yard = tmp_path_factory.mktemp("world"), Yard()
    clock = Stopwatch(SCALE)
    cloud = Cloud(folder=folder, clock=clock)
    cloud.start(yard)
    yield Customer(cloud=cloud, clock=clock, yard=yard, folder=folder)
    cloud.stop()


def test_the_cluster_is_there(customer: Customer) -> None:
    """The account has a cluster of a supported version, over three zones, from the start."""
    cluster = customer.client("eks").describe_cluster(name="mig")["cluster"]
    subnets = customer.client("ec2").describe_subnets(SubnetIds=cluster["resourcesVpcConfig"]["subnetIds"])["Subnets"]

    assert ("1.35", "ACTIVE") == (cluster["version"], cluster["status"])
    assert ["us-east-1a", "us-east-1b", "us-east-1c"] == sorted(subnet["AvailabilityZone"] for subnet in subnets)
    assert {cluster["resourcesVpcConfig"]["vpcId"]} == {subnet["VpcId"] for subnet in subnets}


def test_capacity_is_given(customer: Customer) -> None:
    """Asked for two nodes, two tagged instances of the type launch in the group's zone, and two machines boot."""
    scaling = customer.ready("given", "given")
    customer.resize("given", 2)
    eventually(lambda: len(customer.machines("given")) == 2)
    instances, machines = customer.running("given"), customer.machines("given")

    assert {"p4d.24xlarge"} == {instance["InstanceType"] for instance in instances}
    assert {"us-east-1a"} == {instance["Placement"]["AvailabilityZone"] for instance in instances}
    assert {i["PrivateDnsName"] for i in instances} == {machine.name for machine in machines}
    assert 2 == len(customer.activities(scaling, "Successful"))


def test_a_machine_knows_what_it_is(customer: Customer) -> None:
    """A machine has its group's labels and taints, its market, and what its run enrolled."""
    asked = Enrolment(run_id="known", seed=5, faults=({"kind": "mig_failed"},))
    enroll(customer.folder, asked)
    customer.ready("known", "known", capacityType="SPOT")
    customer.resize("known", 1)
    (machine,) = eventually(lambda: customer.machines("known"))

    assert asked == machine.enrolment
    assert ("spot", "us-east-1a", "p4d.24xlarge") == (machine.market, machine.zone, machine.instance_type)
    assert [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}] == machine.taints
    assert {
        "mig-pipeline/run": "known",
        "eks.amazonaws.com/nodegroup": "known",
        "eks.amazonaws.com/capacityType": "SPOT",
    }.items() <= machine.labels.items()


def test_capacity_is_refused(customer: Customer) -> None:
    """A scripted shortage fails the activity with Auto Scaling's words, and nothing launches."""
    fault = {"kind": "no_capacity", "market": "on-demand", "zone": "us-east-1a"}
    enroll(customer.folder, Enrolment(run_id="refused", seed=1, faults=(fault,)))
    scaling = customer.ready("refused", "refused")
    customer.resize("refused", 1)
    failed = eventually(lambda: customer.activities(scaling, "Failed"))[0]
    customer.resize("refused", 0)

    assert failed["StatusMessage"].startswith(
        "Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have sufficient"
        " p4d.24xlarge capacity"
    )
    assert ([], []) == (customer.running("refused"), customer.machines("refused"))


def test_it_keeps_trying(customer: Customer) -> None:
    """As long as a node is wanted, a refused group asks again, and gets one when there is one."""
    fault = {"kind": "no_capacity"}
    enroll(customer.folder, Enrolment(run_id="again", seed=1, faults=(fault,)))
    scaling = customer.ready("again", "again")
    customer.resize("again", 1)
    eventually(lambda: len(customer.activities(scaling, "Failed")) >= 2)
    enroll(customer.folder, Enrolment(run_id="again", seed=1, faults=()))

    assert eventually(lambda: customer.machines("again"))


def test_reservation_rung(customer: Customer) -> None:
    """A launch that may only go into a reservation is refused: the account has none."""
    only = {"CapacityReservationSpecification": {"CapacityReservationPreference": "capacity-reservations-only"}}
    scaling = customer.ready("reserved", "reserved", data=only)
    customer.resize("reserved", 1)
    failed = eventually(lambda: customer.activities(scaling, "Failed"))[0]

    assert "ReservationCapacityExceeded" in failed["StatusMessage"]
    assert [] == customer.client("ec2").describe_capacity_reservations()["CapacityReservations"]


def test_deletion_leaves_nothing(customer: Customer) -> None:
    """A deleted group is there until its machines have ended; then nothing that carries the run's tag is billed."""
    customer.ready("deleted", "deleted")
    customer.resize("deleted", 1)
    (machine,) = eventually(lambda: customer.machines("deleted"))
    deleting = customer.client("eks").delete_nodegroup(clusterName="mig", nodegroupName="deleted")["nodegroup"]
    eventually(lambda: "deleted" not in customer.client("eks").list_nodegroups(clusterName="mig")["nodegroups"])
    found = customer.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "mig-pipeline:run", "Values": ["deleted"]}]
    )["ResourceTagMappingList"]

    assert "DELETING" == deleting["status"]
    assert [] == customer.running("deleted")
    assert machine.id in customer.yard.ended
    assert [machine.id] == [resource["ResourceARN"].rsplit("/")[-1] for resource in found]  # EC2 shows it, terminated


def test_the_tag_finds_all(customer: Customer) -> None:
    """Group, instance, disk and interface of a run are found by its tag."""
    customer.ready("tagged", "tagged")
    customer.resize("tagged", 1)
    eventually(lambda: customer.machines("tagged"))
    found = customer.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "mig-pipeline:run", "Values": ["tagged"]}]
    )["ResourceTagMappingList"]

    assert ["instance", "network-interface", "nodegroup", "volume"] == sorted(
        resource["ResourceARN"].split(":")[5].split("/")[0] for resource in found
    )


def test_an_ended_instance_is_replaced(customer: Customer) -> None:
    """An instance that somebody ends takes its machine with it, and the group launches another."""
    customer.ready("lost", "lost")
    customer.resize("lost", 1)
    (first,) = eventually(lambda: customer.machines("lost"))
    customer.client("ec2").terminate_instances(InstanceIds=[first.id])
    eventually(lambda: len(customer.machines("lost")) == 2)

    assert first.id in customer.yard.ended
    assert 1 == len(customer.running("lost"))


def test_the_bill(customer: Customer) -> None:
    """Every instance is on the bill with its run, until when it ran, and what it cost."""
    customer.ready("billed", "billed")
    customer.resize("billed", 1)
    (machine,) = eventually(lambda: customer.machines("billed"))
    (running,) = [billed for billed in customer.cloud.billed() if billed.item.instance_id == machine.id]
    customer.resize("billed", 0)
    eventually(lambda: not customer.running("billed"))
    (ended,) = eventually(
        lambda: [b for b in customer.cloud.billed() if b.item.instance_id == machine.id and b.item.until is not None]
    )

    assert ("billed", None) == (running.item.run_id, running.item.until)
    assert 0 < (running.usd or 0) < (ended.usd or 0)


def test_nothing_changes_while_it_is_created(customer: Customer) -> None:
    """A group that is not active yet refuses to be resized."""
    customer.clock.stopped.append(customer.clock.now())
    customer.create("early", "early")
    with pytest.raises(ClientError, match="not in Active State") as refused:
        customer.client("eks").update_nodegroup_config(
            clusterName="mig", nodegroupName="early", scalingConfig={"desiredSize": 1}
        )
    customer.clock.stopped.clear()

    assert "ResourceInUseException" == refused.value.response["Error"]["Code"]


def test_created_with_nodes_that_do_not_come(customer: Customer) -> None:
    """A group that was created with a node, and does not get one, fails as a whole after a long time."""
    fault = {"kind": "no_capacity"}
    enroll(customer.folder, Enrolment(run_id="failed", seed=1, faults=(fault,)))
    customer.create("failed", "failed", scalingConfig={"minSize": 0, "maxSize": 1, "desiredSize": 1})
    group = eventually(lambda: (g := customer.group("failed"))["status"] != "CREATING" and g)

    assert "CREATE_FAILED" == group["status"]
    assert "AsgInstanceLaunchFailures" == group["health"]["issues"][0]["code"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        pytest.param({"diskSize": 20}, "InvalidParameterException", id="by the rules of EKS"),
        pytest.param({"capacityType": "CHEAP"}, "InvalidParameterException", id="by AWS's model"),
        pytest.param({"clusterName": "nowhere"}, "ResourceNotFoundException", id="by what there is"),
    ],
)
def test_refused_requests(customer: Customer, wrong: dict[str, Any], code: str) -> None:
    """A wrong request is refused with EKS's code, and makes nothing."""
    name = f"wrong-{next(iter(wrong)).lower()}"
    with pytest.raises(ClientError) as refused:
        customer.create(name, "wrong", **wrong)

    assert code == refused.value.response["Error"]["Code"]
    assert name not in customer.client("eks").list_nodegroups(clusterName="mig")["nodegroups"]


def test_pod_identity(customer: Customer) -> None:
    """The pods of a service account have the role that is associated with them, as long as it is."""
    eks = customer.client("eks")
    role = customer.client("iam").get_role(RoleName="mig-workload")["Role"]["Arn"]
    who = {"namespace": "demo-1f", "serviceAccount": "workload"}
    made = eks.create_pod_identity_association(clusterName="mig", roleArn=role, **who)["association"]
    listed = eks.list_pod_identity_associations(clusterName="mig", namespace="demo-1f")["associations"]
    with pytest.raises(ClientError) as again:
        eks.create_pod_identity_association(clusterName="mig", roleArn=role, **who)
    before = customer.cloud.role_of("demo-1f", "workload")
    eks.delete_pod_identity_association(clusterName="mig", associationId=made["associationId"])

    assert [made["associationId"]] == [tie["associationId"] for tie in listed]
    assert "ResourceInUseException" == again.value.response["Error"]["Code"]
    assert (role, None) == (before, customer.cloud.role_of("demo-1f", "workload"))
