"""The stand-in provider, spoken to as the engine does; the engine itself is tried in tests/infra."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, struct_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from rehearsal.aws.account import REGION
from rehearsal.aws.cloud import Cloud
from rehearsal.aws.provider import Provider
from rehearsal.aws.resource import Aws
from rehearsal.clock import Clock
from rehearsal.faults import Enrolment, Fault, enroll
from rehearsal.node.instance import Instance
from rehearsal.provider import UNKNOWN

TEMPLATE, GROUP = "aws:ec2/launchTemplate:LaunchTemplate", "aws:eks/nodeGroup:NodeGroup"
Inputs = dict[str, Any]


class Nowhere:
    """Machines that nobody asks about."""

    def boot(self, instance: Instance) -> None:
        """It has launched."""

    def terminate(self, instance_id: str) -> None:
        """It ends."""


@dataclass(frozen=True)
class Engine:
    """The calls of an engine, with the words of a test."""

    stub: provider_pb2_grpc.ResourceProviderStub
    cloud: Cloud
    group: Inputs
    """Good inputs of a node group."""

    def check(self, kind: str, inputs: Inputs) -> tuple[Inputs, list[str]]:
        """The inputs as they are taken, and what is wrong with them."""
        answer = self.stub.Check(provider_pb2.CheckRequest(type=kind, name="gpu", news=struct(inputs)))
        return json_format.MessageToDict(answer.inputs), [failure.reason for failure in answer.failures]

    def diff(self, kind: str, old: Inputs, new: Inputs) -> provider_pb2.DiffResponse:
        """What a change of inputs means."""
        answer: provider_pb2.DiffResponse = self.stub.Diff(
            provider_pb2.DiffRequest(type=kind, old_inputs=struct(old), news=struct(new))
        )
        return answer

    def create(self, kind: str, inputs: Inputs, *, preview: bool = False) -> provider_pb2.CreateResponse:
        """Make it."""
        asked = provider_pb2.CreateRequest(type=kind, name="gpu", properties=struct(inputs), preview=preview)
        made: provider_pb2.CreateResponse = self.stub.Create(asked)
        return made

    def read(self, kind: str, identity: str, inputs: Inputs) -> provider_pb2.ReadResponse:
        """Look what is there."""
        asked = provider_pb2.ReadRequest(type=kind, id=identity, inputs=struct(inputs))
        seen: provider_pb2.ReadResponse = self.stub.Read(asked)
        return seen


def struct(values: Inputs) -> struct_pb2.Struct:
    """As the protocol carries it."""
    made = struct_pb2.Struct()
    made.update(values)
    return made


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cloud, Callable[..., None]]]:
    """One account for all tests, and how a run enrols with it."""
    folder = tmp_path_factory.mktemp("world")
    cloud = Cloud(folder=folder, clock=Clock(1200))
    cloud.start(Nowhere())

    def enrol(run_id: str, *faults: Fault) -> None:
        enroll(folder, Enrolment(run_id=run_id, seed=1, faults=faults))

    yield cloud, enrol
    cloud.stop()


@pytest.fixture(scope="module")
def engine(world: tuple[Cloud, Callable[..., None]]) -> Iterator[Engine]:
    """A channel to the provider."""
    cloud, _ = world
    closed = threading.Event()
    provider = Provider(Aws(region=REGION, client=cloud.client, clock=Clock(1200), closed=closed))
    subnets = cloud.client("eks").describe_cluster(name="mig")["cluster"]["resourcesVpcConfig"]["subnetIds"]
    group = {
        "clusterName": "mig",
        "nodeRoleArn": cloud.client("iam").get_role(RoleName="mig-node")["Role"]["Arn"],
        "subnetIds": subnets[:1],
        "instanceTypes": ["p4d.24xlarge"],
        "scalingConfig": {"minSize": 0, "maxSize": 1, "desiredSize": 0},
    }
    with grpc.insecure_channel(f"127.0.0.1:{provider.port}") as channel:
        yield Engine(stub=provider_pb2_grpc.ResourceProviderStub(channel), cloud=cloud, group=group)
    closed.set()
    provider.stop()


def test_good_inputs(engine: Engine) -> None:
    """What AWS would take is taken, with a name and a region where there is none."""
    inputs, wrong = engine.check(GROUP, engine.group)

    assert [] == wrong
    assert inputs["nodeGroupName"].startswith("gpu-")
    assert REGION == inputs["region"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        pytest.param({"colour": "blue"}, 'Unknown parameter in input: "colour"', id="an input that there is not"),
        pytest.param({"capacityType": "CHEAP"}, "Member must satisfy enum value set", id="a value that there is not"),
        pytest.param({"scalingConfig": {"maxSize": 0}}, "valid min value: 1", id="a number out of range"),
        pytest.param({"subnetIds": "subnet-1"}, "Invalid type for parameter subnets", id="another type"),
        pytest.param({"region": "eu-west-1"}, "only us-east-1 is simulated", id="another region"),
    ],
)
def test_wrong_inputs(engine: Engine, wrong: Inputs, sentence: str) -> None:
    """What AWS's model does not allow is refused before anything is created."""
    _, reasons = engine.check(GROUP, {**engine.group, **wrong})

    assert any(sentence in reason for reason in reasons)


def test_inputs_that_are_not_known_yet(engine: Engine) -> None:
    """While it previews, the engine does not know what other resources will give."""
    template = {"id": UNKNOWN, "version": UNKNOWN}
    _, wrong = engine.check(GROUP, {**engine.group, "launchTemplate": template})

    assert [] == wrong


def test_preview(engine: Engine) -> None:
    """A preview makes nothing, and says that what AWS gives is not known."""
    made = engine.create(TEMPLATE, {"name": "seen"}, preview=True)

    assert UNKNOWN == made.properties["latestVersion"]
    assert "seen" not in str(engine.cloud.client("ec2").describe_launch_templates()["LaunchTemplates"])


@pytest.mark.parametrize(
    ("change", "replaces"),
    [
        pytest.param({"capacityType": "SPOT"}, ["capacityType"], id="another market is another group"),
        pytest.param({"launchTemplate": {"id": "lt-2"}}, ["launchTemplate"], id="so is another template"),
        pytest.param({"launchTemplate": {"id": "lt-1", "version": "2"}}, [], id="but not another version of it"),
        pytest.param({"labels": {"a": "b"}}, [], id="labels can change"),
    ],
)
def test_diff(engine: Engine, change: Inputs, replaces: list[str]) -> None:
    """What cannot change in place is replaced, and the old one goes first: its name is taken."""
    old = {**engine.group, "launchTemplate": {"id": "lt-1", "version": "1"}}
    found = engine.diff(GROUP, old, {**old, **change})

    assert list(change) == list(found.diffs)
    assert replaces == list(found.replaces)
    assert found.deleteBeforeReplace


def test_life_of_a_group(engine: Engine) -> None:
    """Created, it is active; read, it shows what others changed; updated, AWS has it; deleted twice, it is gone."""
    inputs = {**engine.group, "nodeGroupName": "life"}
    made = engine.create(GROUP, inputs)
    engine.cloud.client("eks").update_nodegroup_config(
        clusterName="mig", nodegroupName="life", scalingConfig={"maxSize": 3}
    )
    seen = engine.read(GROUP, made.id, inputs)
    engine.stub.Update(
        provider_pb2.UpdateRequest(type=GROUP, id=made.id, news=struct({**inputs, "labels": {"node-role": "gpu"}}))
    )
    updated = engine.cloud.client("eks").describe_nodegroup(clusterName="mig", nodegroupName="life")["nodegroup"]
    for _ in range(2):
        engine.stub.Delete(provider_pb2.DeleteRequest(type=GROUP, id=made.id))

    assert ("mig:life", "ACTIVE") == (made.id, made.properties["status"])
    assert 3 == seen.inputs["scalingConfig"]["maxSize"]
    assert ({"node-role": "gpu"}, 1) == (updated["labels"], updated["scalingConfig"]["maxSize"])
    assert "" == engine.read(GROUP, made.id, inputs).id


def test_refused_by_the_account(engine: Engine) -> None:
    """What the account refuses ends in the sentence that the real provider makes of it."""
    with pytest.raises(grpc.RpcError) as refused:
        engine.create(GROUP, {**engine.group, "nodeGroupName": "refused", "clusterName": "nowhere"})

    assert refused.value.details().startswith(
        "1 error occurred:\n\t* creating EKS Node Group (refused): operation error EKS: CreateNodegroup, https response"
        " error StatusCode: 404, RequestID: "
    )
    assert refused.value.details().endswith("ResourceNotFoundException: No cluster found for name: nowhere.\n\n")


def test_a_group_whose_nodes_do_not_come(engine: Engine, world: tuple[Cloud, Callable[..., None]]) -> None:
    """It exists and has failed: the engine is told both, and keeps it."""
    _, enrol = world
    enrol("", {"kind": "no_capacity"})  # without a template there is no tag, hence no run
    inputs = {**engine.group, "nodeGroupName": "late"}
    inputs["scalingConfig"] = {"minSize": 0, "maxSize": 1, "desiredSize": 1}
    with pytest.raises(grpc.RpcError) as failed:
        engine.create(GROUP, inputs)
    (packed,) = [value for key, value in failed.value.trailing_metadata() if key == "grpc-status-details-bin"]
    kept = provider_pb2.ErrorResourceInitFailed()
    status_pb2.Status.FromString(packed).details[0].Unpack(kept)

    assert ("mig:late", "CREATE_FAILED") == (kept.id, kept.properties["status"])
    assert (
        "waiting for EKS Node Group (mig:late) create: unexpected state 'CREATE_FAILED', wanted target 'ACTIVE'."
        in kept.reasons[0]
    )
    assert "AsgInstanceLaunchFailures: Could not launch On-Demand Instances." in kept.reasons[0]


@pytest.mark.parametrize("kind", ["aws:s3/bucket:Bucket", "aws:rds/instance:Instance"])
def test_what_is_not_simulated(engine: Engine, kind: str) -> None:
    """A type that nobody has written is refused by name, not accepted in silence."""
    with pytest.raises(grpc.RpcError) as refused:
        engine.create(kind, {})

    assert f"{kind} is not simulated" == refused.value.details()
