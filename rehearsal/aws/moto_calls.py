"""
The calls that moto lacks or answers too simply, put where its server looks them up.

moto routes by module tables: one backend class and one table of URLs for each service. Both are replaced here, once per
process.
"""

from typing import Any

import moto.autoscaling.urls
import moto.ec2.urls
import moto.eks.urls
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response
from moto.eks.models import eks_backends
from moto.eks.responses import EKSResponse

from rehearsal.aws.eks import EksBackend
from rehearsal.aws.model import operation

_ASSOCIATIONS = "{0}/clusters/(?P<name>[^/]+)/pod-identity-associations"


class EksCalls(EKSResponse):  # type: ignore[misc]  # moto has no types
    """EKS's calls."""

    def create_nodegroup(self) -> ActionResult:
        """With every member of the request: moto drops some."""
        return ActionResult({"nodegroup": self.eks_backend.create_node_group(self._request("CreateNodegroup"))})

    def create_pod_identity_association(self) -> ActionResult:
        """By the name of a service account, which can have one only."""
        request = self._request("CreatePodIdentityAssociation")
        return ActionResult({"association": self.eks_backend.associate(request)})

    def describe_pod_identity_association(self) -> ActionResult:
        """By id."""
        return ActionResult({"association": self.eks_backend.describe_association(self._get_param("associationId"))})

    def delete_pod_identity_association(self) -> ActionResult:
        """By id."""
        gone = self.eks_backend.describe_association(self._get_param("associationId"))
        del self.eks_backend.associations[gone.association_id]
        return ActionResult({"association": gone})

    def list_pod_identity_associations(self) -> ActionResult:
        """All, or those of a namespace or service account."""
        wanted = {
            "cluster_name": self._get_param("name"),
            "namespace": self._get_param("namespace"),
            "service_account": self._get_param("serviceAccount"),
        }
        self.eks_backend.describe_cluster(wanted["cluster_name"])
        found = [
            tie
            for tie in self.eks_backend.associations.values()
            if all(value in {None, getattr(tie, name)} for name, value in wanted.items())
        ]
        return ActionResult({"associations": found})

    def _request(self, name: str) -> dict[str, Any]:
        """The request as AWS's model spells it; the cluster's name came in the URL."""
        members = operation("eks", name).input_shape.members
        values = {member: self._get_param(member) for member in members if member != "clusterName"}
        given = {member: value for member, value in values.items() if value is not None}
        return {"clusterName": self._get_param("name"), **given}


class AutoScalingCalls(AutoScalingResponse):  # type: ignore[misc]  # moto has no types
    """Auto Scaling's calls."""

    def describe_scaling_activities(self) -> ActionResult:
        """What the groups tell; moto always says nothing."""
        wanted = self._get_param("AutoScalingGroupName")
        groups = self.autoscaling_backend.describe_auto_scaling_groups([wanted] if wanted else [])
        return ActionResult({"Activities": [told for group in groups for told in getattr(group, "activities", ())]})


class Ec2Calls(EC2Response):  # type: ignore[misc]  # moto has no types
    """EC2's calls."""

    def describe_capacity_reservations(self) -> ActionResult:
        """The simulated account has none."""
        return ActionResult({"CapacityReservations": []})


def install() -> None:
    """From now on moto's server answers with these."""
    eks_backends.backend = EksBackend
    paths = [*moto.eks.urls.url_paths, f"{_ASSOCIATIONS}$", f"{_ASSOCIATIONS}/(?P<associationId>[^/]+)$"]
    moto.eks.urls.url_paths = dict.fromkeys(paths, EksCalls.dispatch)
    moto.autoscaling.urls.url_paths = {"{0}/$": AutoScalingCalls.dispatch}
    moto.ec2.urls.url_paths = {"{0}/": Ec2Calls.dispatch}
