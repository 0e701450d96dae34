"""
EKS in the simulated account: moto's, with the node groups, refusals and pod identities that it lacks.

Every request is judged twice, as AWS does: by form, against AWS's own model of it, and by what the account allows
(eks_rules). The answers are read from moto's own objects, so that what is created is also what is described.
"""

import uuid
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, cast

import moto.eks.urls
from moto.autoscaling.models import autoscaling_backends
from moto.core.resource_tagging import TaggableResourcesMixin, TaggedResource
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.eks import exceptions
from moto.eks.models import EKSBackend
from moto.iam.models import iam_backends

from rehearsal.aws import node_group
from rehearsal.aws.account import user_arn
from rehearsal.aws.eks_cluster import AccessEntry, Addon, SimulatedCluster
from rehearsal.aws.eks_cluster_rules import addon_refusal, cluster_refusal, entry_refusal
from rehearsal.aws.eks_rules import DEFAULT_SCALING, Account, InstanceType, Refusal, refusal, scaling_refusal
from rehearsal.aws.model import violations
from rehearsal.aws.node_group import NodeGroup
from rehearsal.aws.pod_identity import Association, association
from rehearsal.aws.scaling import Ground, ScalingGroup

ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


class EksBackend(EKSBackend, TaggableResourcesMixin):  # type: ignore[misc]  # moto has no types
    """EKS of one account and region."""

    SERVICE_NAMESPACE = "eks"
    ground: Ground
    """Set once, before the first request."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.associations: dict[str, Association] = {}
        self._ec2 = ec2_backends[account_id][region_name]
        self._autoscaling = autoscaling_backends[account_id][region_name]

    def list_nodegroups(
        self, cluster_name: str, max_results: int, next_token: str | None
    ) -> tuple[list[str], str | None]:
        """Moto's, with EKS's answer where there is no such cluster."""
        self.describe_cluster(cluster_name)
        listed: tuple[list[str], str | None] = super().list_nodegroups(cluster_name, max_results, next_token)
        return listed

    def make_cluster(self, request: Mapping[str, Any]) -> SimulatedCluster:
        """Begin to create it, or raise what EKS answers."""
        _refuse_malformed("CreateCluster", request)
        subnets = {subnet.id: subnet for zone in self._ec2.subnets.values() for subnet in zone.values()}
        zones = {name: subnet.availability_zone for name, subnet in subnets.items()}
        _raise(cluster_refusal(request, frozenset(self.clusters), zones=zones, roles=self._roles()))
        wanted = request["resourcesVpcConfig"]
        made = SimulatedCluster(
            request,
            {**wanted, "vpcId": subnets[wanted["subnetIds"][0]].vpc_id, "clusterSecurityGroupId": _security_group()},
            self.ground.clock,
            reached=self.ground.reached,
            account_id=self.account_id,
            region_name=self.region_name,
            aws_partition=self.partition,
        )
        if made.brings_creator():
            entry = made.admit({"principalArn": user_arn(self.account_id)})
            entry.policies[ADMIN_POLICY] = {"type": "cluster", "namespaces": []}
        self.clusters[made.name] = made
        self.cluster_count += 1
        return made

    def create_node_group(self, request: Mapping[str, Any]) -> NodeGroup:
        """Make it, or raise what EKS answers."""
        _refuse_malformed("CreateNodegroup", request)
        if request["clusterName"] in self.clusters:
            self._active(request["clusterName"])
        _raise(refusal(request, self._account(request)))
        cluster = self.clusters[request["clusterName"]]
        sizes = {**DEFAULT_SCALING, **request.get("scalingConfig", {})}
        made = NodeGroup(
            {"version": cluster.version, **request, "scalingConfig": sizes},
            self._scaling(request, sizes),
            self.ground.clock,
            cluster.joined,
            account_id=self.account_id,
            region_name=self.region_name,
            aws_partition=self.partition,
        )
        cluster.nodegroups[made.nodegroup_name] = made
        cluster.nodegroup_count += 1
        return made

    def update_nodegroup_config(self, cluster_name: str, nodegroup_name: str, **change: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON)
        """Change labels, taints or size; refused while the group is busy."""
        group = self.describe_nodegroup(cluster_name, nodegroup_name)
        if group.status != "ACTIVE":
            message = "Nodegroup cannot be updated as it is currently not in Active State"
            _raise(Refusal(code="ResourceInUseException", message=message))
        sizes = change.get("scaling_config") or {}
        _raise(scaling_refusal(group.scaling_config, sizes))
        update: dict[str, Any] = super().update_nodegroup_config(cluster_name, nodegroup_name, **change)
        if sizes:
            group.resize()
        return update

    def delete_nodegroup(self, cluster_name: str, nodegroup_name: str) -> NodeGroup:
        """Begin to delete it; it is there until its last instance has ended."""
        group: NodeGroup = self.describe_nodegroup(cluster_name, nodegroup_name)
        if group.status != "DELETING":
            group.retire(lambda: self._remove(group))
        return group

    def add_addon(self, request: Mapping[str, Any]) -> Addon:
        """Install an add-on, with the roles that it asks for."""
        _refuse_malformed("CreateAddon", request)
        cluster = self._active(request["clusterName"])
        _raise(addon_refusal(request, frozenset(cluster.addons)))
        place = {"clusterName": cluster.name, "namespace": "kube-system"}
        ties = [self.associate({**place, **asked}) for asked in request.get("podIdentityAssociations", [])]
        return cluster.add(request, tuple(tie.association_arn for tie in ties))

    def addon(self, cluster_name: str, name: str) -> Addon:
        """The one of that name."""
        found: Addon | None = self.describe_cluster(cluster_name).addons.get(name)
        if found is None:
            _raise(
                Refusal(code="ResourceNotFoundException", message=f"No addon: {name} found in cluster: {cluster_name}")
            )
        return cast("Addon", found)

    def remove_addon(self, cluster_name: str, name: str) -> Addon:
        """Uninstall it; its roles go with it."""
        gone = self.addon(cluster_name, name)
        self.associations = {
            key: tie
            for key, tie in self.associations.items()
            if tie.association_arn not in gone.pod_identity_associations
        }
        del self.describe_cluster(cluster_name).addons[name]
        return gone

    def rights(self, cluster_name: str, principal: str) -> tuple[str, tuple[str, ...]] | None:
        """
        Kubernetes' name and groups of a principal; None: no entry lets it in.

        An authorizer of EKS's own reads access policies; here the one that gives everything is Kubernetes' own group
        for that, and the others give nothing.
        """
        entry = self.describe_cluster(cluster_name).access_entries.get(principal)
        if entry is None:
            return None
        whole = entry.policies.get(ADMIN_POLICY, {}).get("type") == "cluster"
        return entry.username, (*entry.kubernetes_groups, *(("system:masters",) if whole else ()))

    def add_entry(self, request: Mapping[str, Any]) -> AccessEntry:
        """Let a principal of the account use the cluster."""
        _refuse_malformed("CreateAccessEntry", request)
        cluster = self._active(request["clusterName"])
        taken = frozenset(cluster.access_entries)
        _raise(entry_refusal(request, taken, principals=self._principals(), takes_entries=cluster.takes_entries()))
        return cluster.admit(request)

    def entry(self, cluster_name: str, principal: str) -> AccessEntry:
        """The one of that principal."""
        found: AccessEntry | None = self.describe_cluster(cluster_name).access_entries.get(principal)
        if found is None:
            message = f"The specified principalArn could not be found: {principal}"
            _raise(Refusal(code="ResourceNotFoundException", message=message))
        return cast("AccessEntry", found)

    def associate(self, request: Mapping[str, Any]) -> Association:
        """Give the pods of one service account a role."""
        _refuse_malformed("CreatePodIdentityAssociation", request)
        cluster = self._active(request["clusterName"])
        if request["roleArn"] not in self._roles():
            message = f"Role provided in the request does not exist: {request['roleArn']}"
            _raise(Refusal(code="InvalidParameterException", message=message))
        if there := self._association_in(cluster.name, request["namespace"], request["serviceAccount"]):
            message = f"Association already exists: {there.association_id}"
            _raise(Refusal(code="ResourceInUseException", message=message))
        made = association(request, arn_prefix=cluster.arn.rsplit(":", 1)[0])
        self.associations[made.association_id] = made
        return made

    def association_of(self, namespace: str, service_account: str) -> Association | None:
        """What ties the pods of a service account to a role, in whichever cluster; None: nothing."""
        wanted = (namespace, service_account)
        return next((a for a in self.associations.values() if (a.namespace, a.service_account) == wanted), None)

    def _association_in(self, cluster: str, *whose: str) -> Association | None:
        there = (tie for tie in self.associations.values() if tie.cluster_name == cluster)
        return next((tie for tie in there if (tie.namespace, tie.service_account) == whose), None)

    def describe_association(self, identity: str) -> Association:
        """The one of that id."""
        if identity not in self.associations:
            message = f"Association with id {identity} not found"
            _raise(Refusal(code="ResourceNotFoundException", message=message))
        return self.associations[identity]

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        """What the Resource Groups Tagging API finds of EKS."""
        for cluster in self.clusters.values():
            yield TaggedResource(arn=cluster.arn, tags=cluster.tags, resource_type="eks:cluster")
            for group in cluster.nodegroups.values():
                yield TaggedResource(arn=group.arn, tags=group.tags, resource_type="eks:nodegroup")
            for addon in cluster.addons.values():
                yield TaggedResource(arn=addon.addon_arn, tags=addon.tags, resource_type="eks:addon")
            for entry in cluster.access_entries.values():
                yield TaggedResource(arn=entry.access_entry_arn, tags=entry.tags, resource_type="eks:accessentry")
        for tie in self.associations.values():
            arn, tags = tie.association_arn, dict(tie.tags)
            yield TaggedResource(arn=arn, tags=tags, resource_type="eks:podidentityassociation")

    @property
    def _url_module(self) -> ModuleType:
        """Moto would look for it beside the module of this class."""
        module: ModuleType = moto.eks.urls
        return module

    def _scaling(self, request: Mapping[str, Any], sizes: dict[str, int]) -> ScalingGroup:
        """The Auto Scaling group behind it, started, with EKS's own launch template."""
        own = node_group.template_data(request, self._template(request) or {})
        template = self._ec2.create_launch_template(f"eks-{uuid.uuid4()}", "", own, {})
        zone = self._ec2.get_subnet(request["subnets"][0]).availability_zone
        wanted = node_group.recipe(request, template, zone)
        group = ScalingGroup(wanted, sizes, backend=self._autoscaling, ground=self.ground)
        self._autoscaling.autoscaling_groups[group.name] = group
        group.start()
        return group

    def _remove(self, group: NodeGroup) -> None:
        with self.ground.lock:
            cluster = self.clusters[group.cluster_name]
            del cluster.nodegroups[group.nodegroup_name]
            cluster.nodegroup_count -= 1
            del self._autoscaling.autoscaling_groups[group.scaling.name]
            self._ec2.delete_launch_template("", group.scaling.ec2_launch_template.id)

    def _account(self, request: Mapping[str, Any]) -> Account:
        cluster = self.clusters.get(request["clusterName"])
        subnets = [subnet for zone in self._ec2.subnets.values() for subnet in zone.values()]
        kinds = {name: INSTANCE_TYPES[name] for name in request.get("instanceTypes", []) if name in INSTANCE_TYPES}
        return Account(
            vpc=cluster.resources_vpc_config["vpcId"] if cluster else None,
            node_groups=frozenset(cluster.nodegroups if cluster else ()),
            subnets={subnet.id: subnet.vpc_id for subnet in subnets},
            roles=self._roles(),
            template=self._template(request),
            instance_types={name: _instance_type(facts) for name, facts in kinds.items()},
        )

    def _template(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The data of the launch template that a request names, by id or name and version."""
        wanted = request.get("launchTemplate", {})
        try:
            find = self._ec2.get_launch_template if "id" in wanted else self._ec2.get_launch_template_by_name
            template = find(wanted.get("id") or wanted.get("name"))
            data: dict[str, Any] = template.get_version(wanted.get("version", "$Default")).data
        except EC2ClientError:
            return None
        return {name: value for name, value in data.items() if value is not None}

    def _active(self, name: str) -> SimulatedCluster:
        cluster: SimulatedCluster = self.describe_cluster(name)
        if cluster.status != "ACTIVE":
            message = f"Cluster '{name}' is not in ACTIVE status"
            _raise(Refusal(code="InvalidRequestException", message=message))
        return cluster

    def _roles(self) -> frozenset[str]:
        return frozenset(role.arn for role in iam_backends[self.account_id][self.partition].roles.values())

    def _principals(self) -> frozenset[str]:
        users = iam_backends[self.account_id][self.partition].users.values()
        return self._roles() | {user.arn for user in users}


def _security_group() -> str:
    """The one that EKS makes for a cluster and its nodes."""
    return f"sg-{uuid.uuid4().hex[:17]}"


def _refuse_malformed(operation: str, request: Mapping[str, Any]) -> None:
    for violation in violations("eks", operation, dict(request)):
        _raise(Refusal(code="InvalidParameterException", message=violation))


def _raise(refused: Refusal | None) -> None:
    if refused is not None:
        raise getattr(exceptions, refused.code)(message=refused.message)


def _instance_type(facts: Mapping[str, Any]) -> InstanceType:
    architectures = tuple(facts["ProcessorInfo"]["SupportedArchitectures"])
    return InstanceType(gpus="GpuInfo" in facts, architectures=architectures)
