"""
A managed node group of the simulated EKS: moto's, with a status that takes its time and a health that tells why not.

It knows its Auto Scaling group, and how EKS makes one from a request: one subnet's zone, one instance type, EKS's own
copy of the launch template.
"""

from collections.abc import Callable, Mapping
from typing import Any

from moto.eks.models import Nodegroup

from mig.offer import Market
from rehearsal.aws.launch import AMI, Recipe, run_of
from rehearsal.aws.scaling import ScalingGroup
from rehearsal.clock import Clock

_CREATING_SECONDS = 30.0
"""Simulated: an empty node group is there within a minute."""

_GIVING_UP_SECONDS = 1200.0
"""Simulated: for so long EKS waits for the instances of a group that was created with some."""

_UPDATING_SECONDS = 5.0
_UNJOINED = "Instances failed to join the kubernetes cluster"
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}


class NodeGroup(Nodegroup):  # type: ignore[misc]  # moto has no types
    """One node group."""

    def __init__(
        self, request: Mapping[str, Any], scaling: ScalingGroup, clock: Clock, joins: Callable[[], bool], **names: str
    ) -> None:
        self._clock = clock
        self._created = clock.now()
        self._joins = joins
        self._busy_until = 0.0
        self._settled = ""
        self.scaling = scaling
        super().__init__(**_as_moto_names(request), **names)
        self.resources = {"autoScalingGroups": [{"name": scaling.name}]}
        self.release_version = f"{self.version}.4-20260714"
        self.remote_access = request.get("remoteAccess")
        if self.launch_template:
            self.disk_size = None

    @property
    def status(self) -> str:
        """By the clock: nobody has to come by for it to change."""
        if self._settled == "DELETING":
            return "DELETING"
        if not self._settled:
            self._settled = self._outcome()
        return "UPDATING" if self._clock.now() < self._busy_until else self._settled or "CREATING"

    @status.setter
    def status(self, value: str) -> None:
        """What moto would set, and settles nothing here."""

    @property
    def health(self) -> dict[str, Any]:
        """Why its instances do not come, once EKS has given up on them."""
        if self.status != "CREATE_FAILED":
            return {"issues": []}
        if self.scaling.complete:
            return {
                "issues": [{"code": "NodeCreationFailure", "message": _UNJOINED, "resourceIds": [self.scaling.name]}]
            }
        message = next((a.status_message for a in self.scaling.activities if a.status_message), "")
        return {
            "issues": [{"code": "AsgInstanceLaunchFailures", "message": message, "resourceIds": [self.scaling.name]}]
        }

    @health.setter
    def health(self, value: dict[str, Any]) -> None:
        """What moto would set, the same dictionary for all groups."""

    def resize(self) -> None:
        """Its scaling configuration has changed."""
        self._busy_until = self._clock.now() + _UPDATING_SECONDS
        self.scaling.resize(self.scaling_config)

    def retire(self, then: Callable[[], None]) -> None:
        """It is being deleted: its instances end first, `then` it is gone."""
        self._settled = "DELETING"
        self.scaling.retire(then)

    def _outcome(self) -> str:
        age = self._clock.now() - self._created
        if age < _CREATING_SECONDS:
            return ""
        if self.scaling.complete and (self.scaling.desired_capacity == 0 or self._joins()):
            return "ACTIVE"
        return "CREATE_FAILED" if age > _GIVING_UP_SECONDS else ""


def recipe(request: Mapping[str, Any], template: Any, zone: str) -> Recipe:  # noqa: ANN401 (moto has no types)
    """What such a group launches, by EKS's own copy of the template."""
    data = template.default_version().data
    name = request["nodegroupName"]
    kinds = [*request.get("instanceTypes", []), data.get("InstanceType"), "t3.medium"]
    market = _market(request, data)
    return Recipe(
        group=template.name.replace("eks-", f"eks-{name}-", 1),
        instance_type=next(kind for kind in kinds if kind),
        market=market,
        subnet=request["subnets"][0],
        zone=zone,
        template_id=template.id,
        run_id=run_of(data),
        node_labels={
            **request.get("labels", {}),
            "eks.amazonaws.com/nodegroup": name,
            "eks.amazonaws.com/nodegroup-image": AMI,
            "eks.amazonaws.com/capacityType": request.get("capacityType", "ON_DEMAND"),
        },
        node_taints=tuple({**taint, "effect": _EFFECTS[taint["effect"]]} for taint in request.get("taints", [])),
    )


def template_data(request: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """EKS's own launch template: the given one, and EKS's tags on what it launches."""
    own = [
        {"Key": "eks:cluster-name", "Value": request["clusterName"]},
        {"Key": "eks:nodegroup-name", "Value": request["nodegroupName"]},
        {"Key": f"kubernetes.io/cluster/{request['clusterName']}", "Value": "owned"},
    ]
    specifications = [{"ResourceType": kind, "Tags": own} for kind in ("instance", "volume", "network-interface")]
    return {**given, "TagSpecifications": [*given.get("TagSpecifications", []), *specifications]}


def _market(request: Mapping[str, Any], data: Mapping[str, Any]) -> Market:
    if request.get("capacityType") == "SPOT":
        return "spot"
    reserved = data.get("CapacityReservationSpecification", {})
    only = reserved.get("CapacityReservationPreference") == "capacity-reservations-only"
    block = request.get("capacityType") == "CAPACITY_BLOCK"
    return "reservation" if only or block else "on-demand"  # a target alone falls back to on-demand


def _as_moto_names(request: Mapping[str, Any]) -> dict[str, Any]:
    """`nodegroupName` is moto's `nodegroup_name`."""
    return {"".join(f"_{c.lower()}" if c.isupper() else c for c in key): value for key, value in request.items()}
