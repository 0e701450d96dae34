"""A simulated node's objects."""

from dataclasses import replace

from rehearsal.faults import Enrolment
from rehearsal.node import node_manifest
from rehearsal.node.instance import Instance
from rehearsal.node.node_manifest import Boot

INSTANCE = Instance(
    id="i-1",
    name="ip-10-0-1-23.ec2.internal",
    instance_type="p4d.24xlarge",
    zone="us-east-1a",
    market="spot",
    labels={"node-role": "gpu"},
    taints=({"key": "nvidia.com/gpu", "effect": "NoSchedule"},),
    run_id="r",
    enrolment=Enrolment(run_id="r", seed=1, faults=()),
)
BOOT = Boot(id="boot-1", at=0, kubelet_port=10250)


def test_labels() -> None:
    """A node carries what the cloud knows of it, and what its node group adds."""
    found = node_manifest.node(INSTANCE, BOOT)["metadata"]["labels"]

    assert found == {
        "kubernetes.io/hostname": "ip-10-0-1-23.ec2.internal",
        "node.kubernetes.io/instance-type": "p4d.24xlarge",
        "topology.kubernetes.io/zone": "us-east-1a",
        "topology.kubernetes.io/region": "us-east-1",
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "node-role": "gpu",
    }


def test_spec() -> None:
    """A node names its instance, and keeps off whoever does not ask for GPUs."""
    assert node_manifest.node(INSTANCE, BOOT)["spec"] == {
        "providerID": "aws:///us-east-1a/i-1",
        "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
    }


def test_resources() -> None:
    """A p4d has 96 processors and 1152 GiB, less what EKS keeps for the kubelet."""
    status = node_manifest.up(INSTANCE, BOOT, now=0)

    assert (status["capacity"]["cpu"], status["capacity"]["memory"]) == ("96", "1152Gi")
    assert (status["allocatable"]["cpu"], status["allocatable"]["memory"]) == ("95690m", "1178083Mi")


def test_a_system_node() -> None:
    """A machine without GPUs is as large as AWS's, and keeps less for the kubelet."""
    status = node_manifest.up(replace(INSTANCE, instance_type="m6i.large"), BOOT, now=0)

    assert (status["capacity"]["cpu"], status["capacity"]["memory"]) == ("2", "8Gi")
    assert status["allocatable"]["cpu"] == "1930m"


def test_where_its_kubelet_listens() -> None:
    """The API server finds the log endpoint by the node's address and port, and only on loopback."""
    status = node_manifest.up(INSTANCE, BOOT, now=0)

    assert {"type": "InternalIP", "address": "127.0.0.1"} in status["addresses"]
    assert status["daemonEndpoints"] == {"kubeletEndpoint": {"Port": 10250}}


def test_it_says_that_it_is_simulated() -> None:
    """Nobody who looks at a node takes it for a real one."""
    info = node_manifest.up(INSTANCE, BOOT, now=0)["nodeInfo"]

    assert info["osImage"] == "Amazon Linux 2023 (simulated)"
    assert info["kubeletVersion"] == "v1.35.4"


def test_each_boot_has_an_identity() -> None:
    """Two boots of one machine differ in their boot ID and in nothing that names the machine."""
    one = node_manifest.up(INSTANCE, node_manifest.boot(0, 1), now=0)["nodeInfo"]
    other = node_manifest.up(INSTANCE, node_manifest.boot(0, 1), now=0)["nodeInfo"]

    assert one["bootID"] != other["bootID"]
    assert one["systemUUID"] == other["systemUUID"]


def test_silence() -> None:
    """Of a node that is not heard nothing is known."""
    conditions = node_manifest.silent(now=0)["conditions"]

    assert {"Unknown"} == {c["status"] for c in conditions}
    assert "Ready" in {c["type"] for c in conditions}


def test_lease_goes_with_its_node() -> None:
    """A Lease is owned by its Node, so that nothing is left when that is deleted."""
    (owner,) = node_manifest.lease({"metadata": {"name": "n", "uid": "u"}}, now=0)["metadata"]["ownerReferences"]

    assert (owner["kind"], owner["uid"]) == ("Node", "u")
