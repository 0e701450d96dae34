"""
A cluster of the simulated EKS: moto's, with what moto drops of a request, with time, add-ons and access entries.

An add-on that is a Deployment becomes active when there is a node, and a node joins when there is a network: the order
in which a program asks for them matters here as it does on AWS.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.eks.models import Cluster

from rehearsal.clock import Clock

CREATING_SECONDS = 540.0
"""Simulated: EKS takes about nine minutes for a control plane."""

_ADDON_SECONDS = 30.0
_GIVING_UP_SECONDS = 1200.0
_NEED_NODES = frozenset({"aws-ebs-csi-driver", "coredns", "metrics-server"})
KNOWN_ADDONS = _NEED_NODES | {"eks-node-monitoring-agent", "eks-pod-identity-agent", "kube-proxy", "vpc-cni"}
_DEFAULTS: Mapping[str, Any] = {
    "accessConfig": {"authenticationMode": "CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": True},
    "upgradePolicy": {"supportType": "EXTENDED"},
}
"""What EKS takes when a request does not say."""


class SimulatedCluster(Cluster):  # type: ignore[misc]  # moto has no types
    """One cluster; `settled` is for one that was there before its World was opened."""

    def __init__(
        self,
        request: Mapping[str, Any],
        network: Mapping[str, Any],
        clock: Clock,
        *,
        reached: "Reached | None" = None,
        **place: str,
    ) -> None:
        self._clock = clock
        self._created = clock.now()
        self.addons: dict[str, Addon] = {}
        self.access_entries: dict[str, AccessEntry] = {}
        super().__init__(
            name=request["name"],
            role_arn=request["roleArn"],
            resources_vpc_config={"endpointPublicAccess": True, "endpointPrivateAccess": False, **network},
            version=request["version"],
            kubernetes_network_config=request.get("kubernetesNetworkConfig"),
            logging=request.get("logging"),
            tags=request.get("tags"),
            encryption_config=request.get("encryptionConfig"),
            **place,
        )
        asked = {**_DEFAULTS, **request}
        self.access_config, self.upgrade_policy = asked["accessConfig"], asked["upgradePolicy"]
        if reached is not None:
            self.endpoint, self.certificate_authority = reached.endpoint, {"data": reached.authority}
        self._brings_network: bool = request.get("bootstrapSelfManagedAddons", True)

    @property
    def status(self) -> str:
        """By the clock."""
        return "ACTIVE" if self._clock.now() - self._created >= CREATING_SECONDS else "CREATING"

    @status.setter
    def status(self, value: str) -> None:
        """What moto would set at once, and settles nothing here."""

    def settle(self) -> None:
        """It has been there for long."""
        self._created = self._clock.now() - CREATING_SECONDS

    def takes_entries(self) -> bool:
        """Whether access is given by entries."""
        return str(self.access_config.get("authenticationMode", "")).startswith("API")

    def joined(self) -> bool:
        """Whether a node that boots becomes ready: without a network it never does."""
        return self._brings_network or "vpc-cni" in self.addons

    def has_nodes(self) -> bool:
        """Whether anything can run there."""
        return self.joined() and any(group.scaling.instance_states for group in self.nodegroups.values())

    def add(self, request: Mapping[str, Any], associations: tuple[str, ...]) -> "Addon":
        """Install an add-on; it becomes active by itself."""
        name = request["addonName"]
        made = Addon(
            addon_name=name,
            cluster_name=self.name,
            addon_version=request.get("addonVersion") or f"v{self.version}.0-eksbuild.1",
            addon_arn=f"{self.arn.replace(':cluster/', ':addon/')}/{name}/{uuid.uuid4()}",
            tags=request.get("tags", {}),
            configuration_values=request.get("configurationValues"),
            pod_identity_associations=associations,
            born=self._clock.now(),
            now=self._clock.now,
            runs=self.has_nodes if name in _NEED_NODES else self.joined,
        )
        self.addons[name] = made
        return made

    def brings_creator(self) -> bool:
        """Whether whoever creates it is let in unsaid."""
        return self.takes_entries() and self.access_config.get("bootstrapClusterCreatorAdminPermissions", True)

    def admit(self, request: Mapping[str, Any]) -> "AccessEntry":
        """Let a principal in."""
        principal = request["principalArn"]
        made = AccessEntry(
            cluster_name=self.name,
            principal_arn=principal,
            kubernetes_groups=tuple(request.get("kubernetesGroups", ())),
            access_entry_arn=f"{self.arn.replace(':cluster/', ':access-entry/')}/{uuid.uuid4()}",
            tags=request.get("tags", {}),
            username=request.get("username", principal),
            type=request.get("type", "STANDARD"),
        )
        self.access_entries[principal] = made
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where the API server is that stands for every cluster of the account: there is one in a World."""

    endpoint: str
    authority: str
    """Its certificate's, as EKS tells it: base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addon:
    """One add-on; its fields are those of EKS's API."""

    addon_name: str
    cluster_name: str
    addon_version: str
    addon_arn: str
    tags: dict[str, str]
    configuration_values: str | None
    pod_identity_associations: tuple[str, ...]
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    born: float
    """Simulated seconds."""
    now: Callable[[], float]
    runs: Callable[[], bool]
    """Whether its pods have a place to run."""

    @property
    def status(self) -> str:
        """By the clock, and by what there is to run on."""
        age = self.now() - self.born
        if age < _ADDON_SECONDS:
            return "CREATING"
        return "ACTIVE" if self.runs() else "DEGRADED" if age > _GIVING_UP_SECONDS else "CREATING"

    @property
    def health(self) -> dict[str, Any]:
        """Why it does not become active, once EKS has given up on it."""
        if self.status != "DEGRADED":
            return {"issues": []}
        message = "The add-on is unhealthy because it doesn't have the desired number of replicas."
        return {"issues": [{"code": "InsufficientNumberOfReplicas", "message": message, "resourceIds": []}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEntry:
    """Who may use Kubernetes; its fields are those of EKS's API."""

    cluster_name: str
    principal_arn: str
    kubernetes_groups: tuple[str, ...]
    access_entry_arn: str
    tags: dict[str, str]
    username: str
    type: str
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Access policies with their scope, by ARN."""
