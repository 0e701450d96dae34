"""What outlives runs is lowered from the top down, emptied before it goes, and verified by asking AWS."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra import stacks
from infra.backend import Backend
from mig.errors import Failed
from mig.ledger import Released
from tasks import aws, kube, lowering, platform
from tasks.connect import Site
from tests.tasks.test_provision import FakeClock

SITE = Site(target="eks", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=1, simulated=())
BACKEND = Backend(url="file:///s", home="", passphrase="", pulumi_root="", environment={})
UPWARDS = ("cluster-mig", "platform-mig")


def thing(name: str, **spec: str) -> dict[str, Any]:
    """An object of Kubernetes."""
    return {"metadata": {"name": name, "namespace": "team"}, "spec": spec}


class Account:
    """AWS, Kubernetes and Pulumi's state, as far as a lowering sees them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.forgetful = False
        self.clusters = ["mig", "another"]
        self.stacks = list(UPWARDS)
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.found: dict[str, Any] = {}
        self.trouble: list[Exception] = []

    def describe_cluster(self, *, name: str) -> dict[str, Any]:
        """One that is there."""
        if name not in self.clusters:
            missing = {"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}
            raise ClientError(missing, "DescribeCluster")
        return {"cluster": {"name": name}}

    def __getattr__(self, operation: str) -> Any:
        """A list of what there is."""
        key = {
            "describe_instances": "Reservations",
            "describe_nat_gateways": "NatGateways",
            "describe_addresses": "Addresses",
            "describe_volumes": "Volumes",
            "describe_vpcs": "Vpcs",
        }[operation]
        return lambda **_: {key: self.found.get(key, [])}

    def items(self, _: object, path: str, **__: object) -> list[dict[str, Any]]:
        """A collection."""
        return list(self.objects.get(path.rpartition("/")[2], []))

    def delete(self, _: object, path: str) -> bool:
        """A claim's volume goes with it."""
        collection, name = path.split("/")[-2:]
        self.done.append(f"delete {collection} {name}")
        self.objects[collection] = [each for each in self.objects[collection] if each["metadata"]["name"] != name]
        if collection == "persistentvolumeclaims":
            self.objects["persistentvolumes"] = []
        return True

    def destroy(self, backend: Backend, name: str, **__: object) -> None:
        """A stack, and with the lowest one the cluster."""
        self.forgetful = "PULUMI_K8S_DELETE_UNREACHABLE" in backend.environment
        if self.trouble:
            raise self.trouble.pop()
        self.done.append(f"destroy {name}")
        self.stacks = [each for each in self.stacks if each != name]
        if name == "cluster-mig":
            self.clusters = ["another"]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """A cluster that stands, on a clock that costs nothing."""
    made, clock = Account(), FakeClock()
    monkeypatch.setattr(aws, "aws", lambda *_: made)
    monkeypatch.setattr(lowering, "kubernetes", lambda _: made)
    monkeypatch.setattr(lowering, "clock", lambda _: clock)
    for module in (lowering, platform):
        monkeypatch.setattr(module, "PacedClock", lambda: clock)
        monkeypatch.setattr(module, "state", lambda _: BACKEND)
    monkeypatch.setattr(kube, "items", made.items)
    monkeypatch.setattr(kube, "delete", made.delete)
    monkeypatch.setattr(stacks, "destroy", made.destroy)
    monkeypatch.setattr(stacks, "names", lambda _: tuple(made.stacks))
    monkeypatch.setattr(stacks, "recover", lambda *_, **__: None)
    return made


def lowered() -> Released:
    """Lower it all."""
    released: Released = lowering.lower.fn(SITE, UPWARDS)
    return released


def test_a_cluster_is_emptied_before_it_goes(account: Account) -> None:
    """Balancers go while their controllers are there, claims when nobody uses them any more, the cluster last."""
    account.objects = {
        "services": [thing("web", type="LoadBalancer"), thing("inside", type="ClusterIP")],
        "persistentvolumeclaims": [thing("data")],
        "persistentvolumes": [thing("pv-1", persistentVolumeReclaimPolicy="Delete")],
    }

    assert Released(verified=True, left=()) == lowered()
    assert [
        "delete services web",
        "destroy platform-mig",
        "delete persistentvolumeclaims data",
        "destroy cluster-mig",
    ] == account.done


def test_a_cluster_of_somebody_else_is_not_emptied(account: Account) -> None:
    """Only what a stack of ours put there goes: their balancers, their claims and the cluster itself stay."""
    account.stacks = ["platform-mig"]
    account.objects = {
        "services": [thing("theirs", type="LoadBalancer")],
        "persistentvolumeclaims": [thing("theirs")],
        "persistentvolumes": [thing("pv-1", persistentVolumeReclaimPolicy="Delete")],
    }

    assert Released(verified=True, left=()) == lowered()
    assert ["destroy platform-mig"] == account.done


def test_what_resists_in_a_cluster_of_somebody_else_is_named(account: Account) -> None:
    """Of it nothing but our own stack is asked for."""
    account.stacks = ["platform-mig"]
    account.trouble = [Failed("lower", "the API server has crashed")]

    assert Released(verified=False, left=("stack platform-mig",)) == lowered()


def test_a_lowering_of_nothing_is_verified(account: Account) -> None:
    """Without a cluster no API server is asked; it can be repeated as often as one likes."""
    account.clusters = ["another"]

    assert [Released(verified=True, left=())] * 2 == [lowered(), lowered()]


@pytest.mark.parametrize("clusters", [["mig"], []], ids=["it stands", "it is gone"])
def test_what_stood_in_a_cluster_that_is_gone_is_forgotten(account: Account, clusters: list[str]) -> None:
    """No provider could delete it any more; while the cluster stands, nothing is forgotten."""
    account.clusters = clusters

    lowering._destroy(SITE, "platform-mig")

    assert (not clusters) == account.forgetful


def test_what_is_left_is_named(account: Account) -> None:
    """A gateway that is deleted is still listed for an hour; what is not, is billed."""
    account.found = {
        "NatGateways": [{"NatGatewayId": "nat-1", "State": "deleted"}, {"NatGatewayId": "nat-2", "State": "available"}],
        "Volumes": [{"VolumeId": "vol-1"}],
    }

    assert Released(verified=False, left=("NAT gateway nat-2", "volume vol-1")) == lowered()


def test_trouble_on_the_way_does_not_stop_it(account: Account) -> None:
    """A layer that resists is said, and what is below it is tried all the same."""
    account.trouble = [Failed("lower", "the API server has crashed")]

    lowered()

    assert ["destroy cluster-mig"] == account.done
