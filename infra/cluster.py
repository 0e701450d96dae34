"""
The long-lived cluster: network, roles, EKS with its add-ons, two small nodes for what is not a workload, a registry.

It knows nothing of GPUs or runs: their nodes come and go in stacks of their own (infra.gpu_nodes), and what runs on
Kubernetes is another program's (infra.platform). What costs while nobody uses it is told by docs/eks.md.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra import network, registry, roles
from infra.gpu_nodes import ROOT_DEVICE
from infra.network import Network, NetworkArgs
from infra.permissions import Scope
from infra.roles import Roles
from mig import labels

if TYPE_CHECKING:
    import pulumi
    from pulumi_aws import eks

WORKER_NAMESPACE, WORKER_ACCOUNT = "mig-pipeline", "worker"
"""Where the flow's own pods run, and the service account that has their role."""

_ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_BEFORE_NODES = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
"""A node is not ready without the first, and nothing on it reaches a Service or has a role without the others."""

_AFTER_NODES = ("coredns", "metrics-server")
"""Deployments: they are active only when there is a node to run on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterArgs:
    """One cluster of one account and region."""

    name: str
    """EKS's name; every other name begins with it."""
    region: str
    account: str
    """Twelve digits."""
    zones: tuple[str, ...]
    """By infra.network.choose."""
    bucket: str
    """Of state and results; bootstrap's, not this stack's."""
    owner: str
    administrators: tuple[str, ...]
    """ARNs of IAM roles and users that administer Kubernetes; nobody else does, not even who creates the cluster."""
    reached_from: tuple[str, ...] = ()
    """CIDRs from which the API server is reached over the internet. None: from inside the VPC only."""
    kubernetes: str = "1.35"
    """In standard support until 2027-03-27 (DescribeClusterVersions); extended support would cost six times as much."""
    log_days: int = 30
    """For how long the control plane's logs are kept: they are paid by the GB."""
    system_nodes: tuple[int, int, int] = (1, 2, 4)
    """Smallest, wanted and largest number of the nodes that carry operators and monitoring."""
    system_type: str = "m6i.large"


def stack_name(cluster: str) -> str:
    """The Pulumi stack of one cluster."""
    return f"cluster-{cluster}"


def tags(args: ClusterArgs) -> dict[str, str]:
    """What everything of the cluster carries in AWS."""
    return {labels.TAG_CLUSTER: args.name, labels.TAG_OWNER: args.owner}


def program(args: ClusterArgs) -> Callable[[], None]:
    """The Pulumi program that declares it."""

    def declare() -> None:
        import pulumi

        scope = Scope(region=args.region, account=args.account, cluster=args.name, bucket=args.bucket)
        within = network.declare(NetworkArgs(cluster=args.name, region=args.region, zones=args.zones, tags=tags(args)))
        allowed = roles.declare(scope, tags(args))
        made = _cluster(args, within, allowed)
        _access(args, made, allowed)
        nodes = _system_nodes(args, made, within, allowed, after=_addons(args, made, _BEFORE_NODES, after=[]))
        _addons(args, made, _AFTER_NODES, after=[nodes])
        _volumes(args, made, allowed, after=[nodes])
        _worker_identity(args, made, allowed)
        outputs = {
            "cluster": made.name,
            "endpoint": made.endpoint,
            "certificate_authority": made.certificate_authority.data,
            "node_role_arn": allowed.role["node"].arn,
            "workload_role_arn": allowed.role["workload"].arn,
            "reaper_role_arn": allowed.role["reaper"].arn,
            "subnets": {zone: subnet.id for zone, subnet in within.private.items()},
            "repository": registry.images(args.name, tags(args)).repository_url,
            "reservations": registry.reservations(args.name, tags(args)).arn,
        }
        for name, value in outputs.items():
            pulumi.export(name, value)

    return declare


def _cluster(args: ClusterArgs, within: Network, allowed: Roles) -> "eks.Cluster":
    import pulumi
    from pulumi_aws import cloudwatch, eks, kms

    key = kms.Key(
        "secrets",
        description=f"Secrets of the EKS cluster {args.name}",
        enable_key_rotation=True,
        deletion_window_in_days=7,  # AWS's shortest: a key that waits for its deletion costs nothing
        tags=tags(args),
    )
    kms.Alias("secrets", name=f"alias/{args.name}-secrets", target_key_id=key.key_id)
    # EKS would make this group itself, to keep logs for ever, and leave it behind.
    logs = cloudwatch.LogGroup(
        "control-plane", name=f"/aws/eks/{args.name}/cluster", retention_in_days=args.log_days, tags=tags(args)
    )
    return eks.Cluster(
        "cluster",
        name=args.name,
        version=args.kubernetes,
        role_arn=allowed.role["cluster"].arn,
        vpc_config=_endpoint(args, within),
        access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
        bootstrap_self_managed_addons=False,
        upgrade_policy={"support_type": "STANDARD"},
        enabled_cluster_log_types=list(_LOGS),
        encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
        tags=tags(args),
        opts=pulumi.ResourceOptions(depends_on=[logs, *allowed.policies["cluster"]]),
    )


def _endpoint(args: ClusterArgs, within: Network) -> dict[str, Any]:
    """The machines reach it inside the VPC; the internet only from the addresses that are listed."""
    listed = {"public_access_cidrs": list(args.reached_from)} if args.reached_from else {}
    return {
        "subnet_ids": [subnet.id for subnet in within.private.values()],
        "endpoint_private_access": True,
        "endpoint_public_access": bool(args.reached_from),
        **listed,
    }


def _access(args: ClusterArgs, cluster: "eks.Cluster", allowed: Roles) -> None:
    """Who may use Kubernetes. The worker is among them: it makes namespaces, quotas and device classes for its runs."""
    from pulumi_aws import eks

    administrators: dict[str, Any] = {f"administrator-{n}": arn for n, arn in enumerate(args.administrators, start=1)}
    for name, principal in {**administrators, "worker": allowed.role["worker"].arn}.items():
        entry = eks.AccessEntry(name, cluster_name=cluster.name, principal_arn=principal, tags=tags(args))
        eks.AccessPolicyAssociation(
            name,
            cluster_name=cluster.name,
            principal_arn=entry.principal_arn,
            policy_arn=_ADMIN,
            access_scope={"type": "cluster"},
        )


def _addons(
    args: ClusterArgs, cluster: "eks.Cluster", names: Sequence[str], *, after: "list[pulumi.Resource]"
) -> "list[pulumi.Resource]":
    """Add-ons at the version that EKS has as its default for this Kubernetes: a pinned one belongs to one minor."""
    return [_addon(args, cluster, name, after=after) for name in names]


def _addon(
    args: ClusterArgs,
    cluster: "eks.Cluster",
    name: str,
    *,
    after: "list[pulumi.Resource]",
    **more: Any,  # noqa: ANN401 (what the add-on takes)
) -> "eks.Addon":
    import pulumi
    from pulumi_aws import eks

    return eks.Addon(
        name,
        cluster_name=cluster.name,
        addon_name=name,
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        tags=tags(args),
        opts=pulumi.ResourceOptions(depends_on=after),
        **more,
    )


def _volumes(args: ClusterArgs, cluster: "eks.Cluster", allowed: Roles, *, after: "list[pulumi.Resource]") -> None:
    """Disks for what keeps its data; its default storage class is gp3, as the driver's is."""
    _addon(
        args,
        cluster,
        "aws-ebs-csi-driver",
        after=[*after, *allowed.policies["ebs-csi"]],
        pod_identity_associations=[
            {"role_arn": allowed.role["ebs-csi"].arn, "service_account": "ebs-csi-controller-sa"}
        ],
        configuration_values=json.dumps({"defaultStorageClass": {"enabled": True}}),
    )


def _system_nodes(
    args: ClusterArgs, cluster: "eks.Cluster", within: Network, allowed: Roles, *, after: "list[pulumi.Resource]"
) -> "eks.NodeGroup":
    import pulumi
    from pulumi_aws import ec2, eks

    template = ec2.LaunchTemplate(
        "system",
        name=f"{args.name}-system",
        block_device_mappings=[{"device_name": ROOT_DEVICE, "ebs": _root_volume()}],
        metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
        tag_specifications=[
            {"resource_type": kind, "tags": {"Name": f"{args.name}-system", **tags(args)}}
            for kind in ("instance", "volume", "network-interface")
        ],
        tags=tags(args),
    )
    least, wanted, most = args.system_nodes
    return eks.NodeGroup(
        "system",
        cluster_name=cluster.name,
        node_group_name="system",
        node_role_arn=allowed.role["node"].arn,
        subnet_ids=[subnet.id for subnet in within.private.values()],
        ami_type="AL2023_x86_64_STANDARD",
        instance_types=[args.system_type],
        launch_template={"id": template.id, "version": template.latest_version.apply(str)},
        scaling_config={"min_size": least, "desired_size": wanted, "max_size": most},
        labels={labels.NODE_ROLE: "system"},
        node_repair_config={"enabled": True},
        tags=tags(args),
        opts=pulumi.ResourceOptions(
            depends_on=[*after, *within.ways_out, *allowed.policies["node"]],
            ignore_changes=["scalingConfig.desiredSize"],  # an autoscaler's, or a person's
        ),
    )


def _root_volume() -> dict[str, Any]:
    return {"volume_size": 50, "volume_type": "gp3", "encrypted": "true", "delete_on_termination": "true"}


def _worker_identity(args: ClusterArgs, cluster: "eks.Cluster", allowed: Roles) -> None:
    from pulumi_aws import eks

    eks.PodIdentityAssociation(
        "worker",
        cluster_name=cluster.name,
        namespace=WORKER_NAMESPACE,
        service_account=WORKER_ACCOUNT,
        role_arn=allowed.role["worker"].arn,
        tags=tags(args),
    )
