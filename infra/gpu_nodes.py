"""
The GPU nodes of one attempt at capacity: a launch template, and a managed node group for each way its nodes are cut.

The program knows one offer: one market, one zone, one instance type. It makes the groups empty, so that nothing billed
exists yet and no shortage can hang the engine; asking for the instances is a call of its own (tasks.capacity). MIG
Manager reads its config from a label of the node, and a node group gives all its nodes the same labels: nodes that are
cut differently are therefore different groups.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.user_data import encoded, user_data
from mig import labels
from mig.offer import Market

if TYPE_CHECKING:
    from pulumi_aws import ec2

ROOT_DEVICE = "/dev/xvda"
"""Root device of Amazon Linux 2023."""

_AMI = "AL2023_x86_64_NVIDIA"
"""Driver, container toolkit and fabric manager inside; neither device plugin nor DRA driver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """So many nodes that MIG Manager cuts the same way."""

    config_name: str
    """The entry of MIG Manager's config file."""
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGroup:
    """One managed node group of an attempt."""

    name: str
    """EKS's name, the same each time it is computed: who sweeps finds it without any state."""
    config_name: str
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuNodesArgs:
    """One attempt at capacity for one run."""

    run_id: str
    attempt: int
    """Counts from 1; each attempt has names of its own, so that a stuck one is in nobody's way."""
    cluster: str
    node_role_arn: str
    subnet_id: str
    """One subnet, hence one zone: with more, Auto Scaling would move instances between zones to balance them."""
    market: Market
    instance_type: str
    cuts: tuple[Cut, ...]
    """One for each distinct config name of the plan."""
    lease: str
    """Until when the run answers for what carries its tags, ISO 8601 UTC."""
    owner: str
    volume_gib: int = 200
    """Root volume: the PyTorch image alone unpacks to more than 20 GiB."""
    local_disks: bool = True
    """Whether images and pods go to the instance's own NVMe disks: every type that is planned for has some."""
    mig_mode: bool = True
    """Whether MIG mode is set before the node joins; else MIG Manager sets it, and stops the kubelet to do so."""
    reservations: str = ""
    """ARN of a group of capacity reservations that on-demand launches use before they pay; empty: none."""


def stack_name(run_id: str, attempt: int) -> str:
    """The Pulumi stack of one attempt."""
    return f"{run_id}-{attempt}"


def node_groups(args: GpuNodesArgs) -> tuple[NodeGroup, ...]:
    """The node groups of one attempt: `gpu-RUN-ATTEMPT`, and `-2`, `-3` behind it for further ways of cutting."""
    base = f"gpu-{args.run_id}-{args.attempt}"
    return tuple(
        NodeGroup(name=base if place == 1 else f"{base}-{place}", config_name=cut.config_name, nodes=cut.nodes)
        for place, cut in enumerate(args.cuts, start=1)
    )


def resources(args: GpuNodesArgs) -> int:
    """How many resources the program declares: the launch template, and the groups."""
    return 1 + len(node_groups(args))


def is_group_of(run_id: str, name: str) -> bool:
    """Whether a node group is one of this run's, by its name: no run's name makes another's begin with it."""
    return re.fullmatch(rf"gpu-{re.escape(run_id)}-\d{{1,6}}(-\d{{1,6}})?", name) is not None


def tags(args: GpuNodesArgs) -> dict[str, str]:
    """What everything of this attempt carries in AWS."""
    return {labels.TAG_RUN: args.run_id, labels.TAG_LEASE: args.lease, labels.TAG_OWNER: args.owner}


def program(args: GpuNodesArgs) -> Callable[[], None]:
    """The Pulumi program that declares them."""

    def declare() -> None:
        template = _launch_template(args)
        for group in node_groups(args):
            _node_group(args, group, template)

    return declare


def _launch_template(args: GpuNodesArgs) -> "ec2.LaunchTemplate":
    from pulumi_aws import ec2

    carried = tags(args)
    told = user_data(local_disks=args.local_disks, mig_mode=args.mig_mode)
    reserved = _reserved(args)
    return ec2.LaunchTemplate(
        "gpu",
        name=f"gpu-{args.run_id}-{args.attempt}",
        block_device_mappings=[{"device_name": ROOT_DEVICE, "ebs": _root_volume(args.volume_gib)}],
        # A pod must not reach the node's own credentials: tokens are required, and do not survive a second hop.
        metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
        # A node group's tags stay on the group: instances, disks and interfaces get theirs from here only.
        tag_specifications=[
            {"resource_type": kind, "tags": {"Name": f"gpu-{args.run_id}", **carried}}
            for kind in ("instance", "volume", "network-interface")
        ],
        tags=carried,
        **({"user_data": encoded(told)} if told else {}),
        **({"capacity_reservation_specification": reserved} if reserved else {}),
    )


def _root_volume(gib: int) -> dict[str, Any]:
    return {"volume_size": gib, "volume_type": "gp3", "encrypted": "true", "delete_on_termination": "true"}


def _reserved(args: GpuNodesArgs) -> dict[str, Any]:
    """
    How the launches deal with capacity reservations; a template may say which, or how, and not both.

    The reservation rung launches into an open one of the account or not at all. An instance on demand that names a
    group takes a reservation of it where one is free, and is paid on demand where none is (EC2 user guide, capacity
    reservation groups).
    """
    if args.market == "reservation":
        return {"capacity_reservation_preference": "capacity-reservations-only"}
    if args.market == "on-demand" and args.reservations:
        return {"capacity_reservation_target": {"capacity_reservation_resource_group_arn": args.reservations}}
    return {}


def _node_group(args: GpuNodesArgs, group: NodeGroup, template: "ec2.LaunchTemplate") -> None:
    import pulumi
    from pulumi_aws import eks

    eks.NodeGroup(
        group.name,
        cluster_name=args.cluster,
        node_group_name=group.name,
        node_role_arn=args.node_role_arn,
        subnet_ids=[args.subnet_id],
        ami_type=_AMI,
        capacity_type="SPOT" if args.market == "spot" else "ON_DEMAND",
        instance_types=[args.instance_type],
        launch_template={"id": template.id, "version": template.latest_version.apply(str)},
        scaling_config={"desired_size": 0, "min_size": 0, "max_size": group.nodes},
        labels={
            labels.NODE_ROLE: "gpu",
            labels.RUN: args.run_id,
            labels.MIG_CONFIG: group.config_name,
        },
        taints=[{"key": labels.GPU_TAINT, "value": "present", "effect": "NO_SCHEDULE"}],
        tags=tags(args),
        opts=pulumi.ResourceOptions(
            # Its size is asked for and given back outside the engine.
            ignore_changes=["scalingConfig.desiredSize"],
            custom_timeouts=pulumi.CustomTimeouts(create="15m", delete="30m"),
        ),
    )
