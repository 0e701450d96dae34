"""The simulated EKS cluster: what is refused of it, and what waits for what."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from rehearsal.aws.eks_cluster import Reached, SimulatedCluster
from rehearsal.aws.eks_cluster_rules import addon_refusal, cluster_refusal, entry_refusal
from rehearsal.clock import Clock

ROLE = "arn:aws:iam::123456789012:role/lab-cluster"
ZONES = {"subnet-a": "us-east-1a", "subnet-b": "us-east-1b", "subnet-a2": "us-east-1a"}
REQUEST: dict[str, Any] = {
    "name": "lab",
    "version": "1.35",
    "roleArn": ROLE,
    "resourcesVpcConfig": {"subnetIds": ["subnet-a", "subnet-b"]},
    "upgradePolicy": {"supportType": "STANDARD"},
    "accessConfig": {"authenticationMode": "API"},
    "bootstrapSelfManagedAddons": False,
}


@dataclass(frozen=True, slots=True)
class Hand(Clock):
    """A clock that is set by hand."""

    at: list[float] = field(default_factory=lambda: [0.0])

    def now(self) -> float:
        """Where it stands."""
        return self.at[0]


def cluster(clock: Clock, **different: object) -> SimulatedCluster:
    """One that has just been asked for."""
    place = {"account_id": "123456789012", "region_name": "us-east-1", "aws_partition": "aws"}
    return SimulatedCluster({**REQUEST, **different}, {"subnetIds": ["subnet-a", "subnet-b"]}, clock, **place)


@pytest.mark.parametrize(
    ("different", "sentence"),
    [
        pytest.param({}, None, id="a good one"),
        pytest.param({"name": "taken"}, "Cluster already exists with name: taken", id="a name that is taken"),
        pytest.param({"version": "1.20"}, "unsupported Kubernetes version", id="a version that EKS has no more"),
        pytest.param({"version": "1.33"}, "not in standard support", id="standard support of an old version"),
        pytest.param({"version": "1.33", "upgradePolicy": {}}, None, id="extended support is EKS's default"),
        pytest.param(
            {"resourcesVpcConfig": {"subnetIds": ["subnet-a", "subnet-a2"]}}, "two different AZs", id="all in one zone"
        ),
        pytest.param({"resourcesVpcConfig": {"subnetIds": ["subnet-x"]}}, "'subnet-x' does not", id="no such subnet"),
        pytest.param({"roleArn": "arn:aws:iam::1:role/x"}, "could not be assumed", id="no such role"),
    ],
)  # fmt: skip
def test_refused_clusters(different: dict[str, Any], sentence: str | None) -> None:
    """EKS refuses a cluster by the first of its rules that is broken."""
    found = cluster_refusal({**REQUEST, **different}, frozenset({"taken"}), zones=ZONES, roles=frozenset({ROLE}))

    assert (found is None) if sentence is None else sentence in getattr(found, "message", "")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("coredns", None, id="one that EKS has"),
        pytest.param("core-dns", "InvalidParameterException", id="one that it has not"),
        pytest.param("vpc-cni", "ResourceInUseException", id="one that is there"),
    ],
)
def test_refused_addons(name: str, code: str | None) -> None:
    """An add-on is known, and there once."""
    assert code == getattr(addon_refusal({"addonName": name}, frozenset({"vpc-cni"})), "code", None)


@pytest.mark.parametrize(
    ("principal", "takes_entries", "code"),
    [
        pytest.param(ROLE, True, None, id="a role of the account"),
        pytest.param("arn:aws:iam::1:role/x", True, "InvalidParameterException", id="one that is not there"),
        pytest.param("arn:aws:iam::1:role/in", True, "ResourceInUseException", id="one that is in already"),
        pytest.param(ROLE, False, "InvalidRequestException", id="a cluster that reads its ConfigMap alone"),
    ],
)
def test_refused_entries(principal: str, *, takes_entries: bool, code: str | None) -> None:
    """Who is let in exists, and is let in once, where entries count at all."""
    found = entry_refusal(
        {"principalArn": principal},
        frozenset({"arn:aws:iam::1:role/in"}),
        principals=frozenset({ROLE}),
        takes_entries=takes_entries,
    )

    assert code == getattr(found, "code", None)


@pytest.mark.parametrize(
    ("access", "brings"),
    [
        pytest.param({"authenticationMode": "API"}, True, id="unsaid"),
        pytest.param(
            {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}, False, id="not wanted"
        ),
        pytest.param({"authenticationMode": "CONFIG_MAP"}, False, id="entries do not count"),
    ],
)
def test_who_creates_a_cluster_is_let_in(access: dict[str, Any], *, brings: bool) -> None:
    """Unless the request says otherwise, where access entries count at all."""
    assert brings == cluster(Hand(1), accessConfig=access).brings_creator()


def test_a_cluster_is_reached_where_its_api_server_is() -> None:
    """What EKS tells of a cluster leads to the World's own control plane."""
    reached = Reached(endpoint="https://127.0.0.1:1", authority="QQ==")
    place = {"account_id": "123456789012", "region_name": "us-east-1", "aws_partition": "aws"}
    made = SimulatedCluster(REQUEST, {"subnetIds": ["subnet-a"]}, Hand(1), reached=reached, **place)

    assert ("https://127.0.0.1:1", {"data": "QQ=="}) == (made.endpoint, made.certificate_authority)


def test_a_control_plane_takes_its_time() -> None:
    """A cluster is being created for nine minutes, and is active then."""
    clock = Hand(1)
    made = cluster(clock)
    early = made.status
    clock.at[0] = 540

    assert ("CREATING", "ACTIVE") == (early, made.status)


def test_nodes_need_a_network() -> None:
    """A node joins only where something gives its pods addresses."""
    made = cluster(Hand(1))
    bare = made.joined()
    made.add({"addonName": "vpc-cni"}, ())

    assert (False, True) == (bare, made.joined())
    assert cluster(Hand(1), bootstrapSelfManagedAddons=True).joined()


def test_deployments_need_nodes() -> None:
    """An add-on that runs on nodes is not active without one, and after twenty minutes EKS says why."""
    clock = Hand(1)
    made = cluster(clock)
    network, names = made.add({"addonName": "vpc-cni"}, ()), made.add({"addonName": "coredns"}, ())
    clock.at[0] = 60
    waiting = (network.status, names.status)
    clock.at[0] = 1500

    assert ("ACTIVE", "CREATING") == waiting
    assert ("DEGRADED", "InsufficientNumberOfReplicas") == (names.status, names.health["issues"][0]["code"])
