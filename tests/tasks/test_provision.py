"""Promises of making node groups and taking them away: nothing unnamed, nothing left behind unsaid."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra import stacks
from infra.backend import Backend
from mig.errors import Failed, Refused, Temporary
from mig.ladder import rank
from mig.ledger import Lease, Released
from mig.notice import Notice
from mig.offer import Offer
from mig.plan import draw
from mig.spec import read
from tasks import aws, kube, provision
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
BACKEND = Backend(url="file:///s", home="", passphrase="", pulumi_root="", environment={})
SPEC = read({
    "name": "r",
    "workloads": [{"name": "small", "kind": "train", "model": "mlp", "slice": "small"}],
    "lease": {"minutes": 15},
    "capacity": {"markets": ["spot"], "zones": ["us-east-1a", "us-east-1f"]},
})  # fmt: skip
PLAN = draw(SPEC, "r-1")
HERE, ELSEWHERE = rank(PLAN, SPEC)


GROUP_ARN = "arn:aws:resource-groups:us-east-1:1:group/mig-reservations"


class FakeClock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        """The time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.time += seconds


class World:
    """AWS, Pulumi's state and the cluster in one, with what they hold; it notes every change in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.groups: list[str] = []
        self.templates: list[str] = []
        self.instances: list[str] = []
        self.associations: list[str] = []
        self.stacks: list[str] = []
        self.pods: list[str] = []
        self.namespaces: list[str] = []
        self.leaving: list[str] = []
        self.troubles: dict[str, list[Exception]] = {}
        self.lease = ""
        self.packs: tuple[str, ...] = ()
        """The policy packs that the engine asked."""

    def __getattr__(self, operation: str) -> Any:
        """An AWS call by boto3's name: a list of what there is, or a change that is noted."""

        def call(**told: Any) -> dict[str, Any]:
            self._fail(operation)
            listed = self._listed(operation, **told)
            if listed is None:
                self._change(operation, told)
            return listed or {}

        return call

    def names(self, _: object) -> tuple[str, ...]:
        """Pulumi's stacks."""
        self._fail("names")
        return tuple(self.stacks)

    def raise_stack(self, backend: Backend, name: str, *_: object, **__: object) -> None:
        """Make a stack's resources."""
        self.done.append(f"raise {name}")
        self.packs = tuple(Path(pack).read_text(encoding="utf-8") for pack in backend.policy_packs)

    def destroy(self, _: object, name: str, **__: object) -> None:
        """Destroy a stack."""
        self._fail("destroy")
        self.done.append(f"destroy {name}")
        self.stacks.remove(name)

    def items(self, _: object, path: str, **__: object) -> list[dict[str, Any]]:
        """The run's pods, or its namespaces; one that is to go is still seen once."""
        if path.endswith("/pods"):
            return [{"metadata": {"name": name}} for name in self.pods]
        seen, self.leaving = [*self.namespaces, *self.leaving], []
        return [{"metadata": {"name": name}} for name in seen]

    def delete(self, _: object, path: str) -> bool:
        """Delete Jobs with their pods, or a namespace, which goes in its own time."""
        self._fail("delete")
        name = path.rpartition("/")[2]
        if name == "jobs":
            self.pods = []
            self.done.append("end the pods")
            return True
        there = name in self.namespaces
        self.namespaces = [each for each in self.namespaces if each != name]
        self.leaving += [name] if there else []
        self.done += [f"delete {name}"] if there else []
        return there

    def _fail(self, operation: str) -> None:
        if self.troubles.get(operation):
            raise self.troubles[operation].pop(0)

    def _listed(self, operation: str, **told: Any) -> dict[str, Any] | None:
        named = [{"AvailabilityZone": f"us-east-1{each[-1]}", "SubnetId": each} for each in told.get("SubnetIds", ())]
        answers: dict[str, dict[str, Any]] = {
            "list_nodegroups": {"nodegroups": self.groups},
            "describe_launch_templates": {"LaunchTemplates": [{"LaunchTemplateName": n} for n in self.templates]},
            "describe_instances": {
                "Reservations": [
                    {"Instances": [{"InstanceId": each, "InstanceType": "p4d.24xlarge"}]} for each in self.instances
                ]
            },
            "list_pod_identity_associations": {"associations": [{"associationId": n} for n in self.associations]},
            "get_group": {"Group": {"GroupArn": GROUP_ARN}},
            "get_role": {"Role": {"Arn": "arn:aws:iam::1:role/mig-node"}},
            "describe_cluster": {"cluster": {"resourcesVpcConfig": {"subnetIds": ["subnet-a"]}}},
            "describe_subnets": {"Subnets": named},
        }
        return answers.get(operation)

    def _change(self, operation: str, told: dict[str, Any]) -> None:
        match operation:
            case "put_object":
                self.lease = told["Body"].decode()
                self.done.append(f"write {told['Key']}")
            case "update_nodegroup_config":
                self.done.append(f"scale {told['nodegroupName']} to {told['scalingConfig']['desiredSize']}")
            case "delete_nodegroup":
                self.groups.remove(told["nodegroupName"])
                self.done.append(f"delete {told['nodegroupName']}")
            case "delete_launch_template":
                self.templates.remove(told["LaunchTemplateName"])
                self.done.append(f"delete {told['LaunchTemplateName']}")
            case "delete_pod_identity_association":
                self.associations.remove(told["associationId"])
                self.done.append(f"delete {told['associationId']}")
            case unknown:
                raise AssertionError(unknown)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Everything outside, on a clock that costs nothing."""
    made, clock = World(), FakeClock()
    monkeypatch.setattr(aws, "aws", lambda *_: made)
    for verb in ("raise_stack", "names", "destroy"):
        monkeypatch.setattr(stacks, verb, getattr(made, verb))
    monkeypatch.setattr(provision, "backend", lambda _: BACKEND)
    monkeypatch.setattr(provision, "kubernetes", lambda _: made)
    monkeypatch.setattr(kube, "delete", made.delete)
    monkeypatch.setattr(kube, "items", made.items)
    monkeypatch.setattr(provision, "clock", lambda _: clock)
    monkeypatch.setattr(provision, "PacedClock", lambda: clock)
    return made


def make(offer: Offer = HERE) -> tuple[str, ...]:
    """The groups of the second attempt."""
    return provision.make_groups(SITE, SPEC, PLAN, offer, 2)


def release() -> Released:
    """Take the run down."""
    released: Released = provision.release.fn(SITE, "r-1")
    return released


def refusing(code: str) -> ClientError:
    """AWS's answer with a code."""
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


def test_the_lease_is_written_before_anything_is_made(world: World) -> None:
    """There is no moment in which something exists that no record names."""
    make()

    assert ["write runs/r-1/leases/r-1-2.json", "raise r-1-2"] == world.done
    assert ("r-1", "r-1-2") == ((lease := Lease.from_json(world.lease)).run_id, lease.stack)


def test_the_engine_asks_the_rule_how_far_the_groups_may_grow(world: World) -> None:
    """It is told the plan's nodes: a group that could grow further is refused before it is made."""
    make()

    assert [True] == [f"infra.guardrail {len(PLAN.nodes)} " in pack for pack in world.packs]


@pytest.mark.usefixtures("world")
def test_groups_carry_the_runs_name() -> None:
    """A teardown finds the groups of a run by their names alone."""
    assert all(name.startswith("gpu-r-1-") for name in make())


def test_a_zone_without_a_subnet_is_refused_before_anything_is_written(world: World) -> None:
    """The sentence names the zone and those that can be had."""
    with pytest.raises(Refused, match="no subnet in us-east-1f; accepted: us-east-1a$"):
        make(ELSEWHERE)

    assert [] == world.done


def test_subnets_that_a_request_names_are_used(world: World) -> None:
    """On EKS they take the place of the cluster's; a rehearsal of the same request has its own."""
    named = read({**SPEC.model_dump(), "target": "eks", "eks": {"subnets": ["subnet-0f"]}})
    provision.make_groups(replace(SITE, target="eks"), named, PLAN, ELSEWHERE, 2)
    with pytest.raises(Refused, match="none of eks.subnets is in us-east-1a; accepted: us-east-1f$"):
        provision.make_groups(replace(SITE, target="eks"), named, PLAN, HERE, 2)

    assert ["write runs/r-1/leases/r-1-2.json", "raise r-1-2"] == world.done
    assert make()


@pytest.mark.usefixtures("world")
def test_reservations_are_known_by_their_group() -> None:
    """On-demand nodes name the cluster's group, so that a reservation bought later is used."""
    assert GROUP_ARN == provision.reservations(SITE)


def test_a_cluster_without_reservations_is_no_trouble(world: World) -> None:
    """A cluster that somebody else made keeps no such group."""
    world.troubles["get_group"] = [refusing("NotFoundException")]

    assert "" == provision.reservations(SITE)


def test_a_teardown_goes_from_pods_to_stacks(world: World) -> None:
    """Pods end before their nodes go, nodes before their groups, and other runs are left alone."""
    world.pods, world.namespaces, world.associations = ["small-0"], ["r-1"], ["a-1"]
    world.groups, world.stacks = ["gpu-r-1-2", "gpu-r-10-1", "gpu-r-1-01234567-1"], ["r-1-1", "r-10-1"]

    release()

    assert [
        "end the pods",
        "delete r-1",
        "delete a-1",
        "scale gpu-r-1-2 to 0",
        "destroy r-1-1",
        "delete gpu-r-1-2",
    ] == world.done


def test_a_namespace_goes_while_the_nodes_do_and_is_waited_for(world: World) -> None:
    """Kubernetes takes its time for it: it is there for a while, and is not taken for left behind."""
    world.namespaces = ["r-1"]

    assert Released(verified=True, left=()) == release()


@pytest.mark.usefixtures("world")
def test_a_teardown_of_nothing_is_verified() -> None:
    """It can be repeated as often as one likes."""
    assert [Released(verified=True, left=())] * 2 == [release(), release()]


def test_what_no_stack_knows_is_swept_by_name(world: World) -> None:
    """Groups and templates that an engine had only begun are deleted, and then nothing is left."""
    world.groups, world.templates = ["gpu-r-1-2"], ["lt-r-1"]

    assert Released(verified=True, left=()) == release()
    assert ["delete gpu-r-1-2", "delete lt-r-1"] == world.done[-2:]


def test_what_is_left_is_named(world: World) -> None:
    """A teardown that could not finish says what may still be billed."""
    world.instances, world.groups = ["i-1"], ["gpu-r-1-2"]
    world.troubles = {"delete_nodegroup": [refusing("AccessDenied")]}

    assert Released(verified=False, left=("p4d.24xlarge i-1", "node group gpu-r-1-2")) == release()


def test_what_is_left_is_announced_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes down tells everybody what may still be billed; a teardown that is verified tells nobody."""
    told: list[Notice] = []
    monkeypatch.setattr(provision, "announce", lambda notice, **_: told.append(notice))

    release()
    world.instances = ["i-1"]
    release()

    assert [("mig.teardown.unverified", "r-1", "p4d.24xlarge i-1")] == [
        (each.event, each.run_id, each.payload["left"]) for each in told
    ]


def test_a_busy_group_is_asked_again(world: World) -> None:
    """A group that is being changed takes the next change a little later."""
    world.groups = ["gpu-r-1-2"]
    world.troubles = {"update_nodegroup_config": [refusing("ResourceInUseException")] * 3}

    release()

    assert "scale gpu-r-1-2 to 0" == world.done[0]


@pytest.mark.parametrize(
    ("operation", "trouble"),
    [
        pytest.param("delete", Temporary("the API server is away", delay=1), id="the API server is away"),
        pytest.param("list_pod_identity_associations", refusing("AccessDenied"), id="a right is missing"),
        pytest.param("list_nodegroups", refusing("ServerException"), id="EKS has trouble of its own"),
        pytest.param("update_nodegroup_config", refusing("InvalidRequestException"), id="a group cannot be resized"),
    ],
)
def test_trouble_on_the_way_does_not_stop_a_teardown(world: World, operation: str, trouble: Exception) -> None:
    """Whatever one step meets, the stacks are destroyed."""
    world.groups, world.stacks, world.troubles = ["gpu-r-1-2"], ["r-1-1"], {operation: [trouble]}

    release()

    assert "destroy r-1-1" in world.done


def test_a_stack_that_resists_does_not_stop_the_sweep(world: World) -> None:
    """What the engine cannot destroy is deleted by name where it can be."""
    world.groups, world.stacks = ["gpu-r-1-2"], ["r-1-1"]
    world.troubles = {"destroy": [Failed("teardown", "the engine has crashed")]}

    release()

    assert "delete gpu-r-1-2" == world.done[-1]
