"""EKS's calls that moto lacks or answers too simply: from the wire to the account, and back."""

from typing import Any

import moto.eks.urls
from moto.core.responses import ActionResult, EmptyResult
from moto.eks.responses import EKSResponse

from rehearsal.aws.model import operation

_CLUSTER = "{0}/clusters/(?P<name>[^/]+)"
PATHS = tuple(
    f"{_CLUSTER}/{path}$"
    for path in (
        "pod-identity-associations",
        "pod-identity-associations/(?P<associationId>[^/]+)",
        "addons",
        "addons/(?P<addonName>[^/]+)",
        "access-entries",
        "access-entries/(?P<principalArn>.+)",  # and all below: an ARN has slashes of its own
    )
)


class EksCalls(EKSResponse):  # type: ignore[misc]  # moto has no types
    """EKS's calls."""

    def create_cluster(self) -> ActionResult:
        """With every member of the request: moto drops some."""
        return ActionResult({"cluster": self.eks_backend.make_cluster(self._request("CreateCluster"))})

    def create_nodegroup(self) -> ActionResult:
        """With every member of the request: moto drops some."""
        return ActionResult({"nodegroup": self.eks_backend.create_node_group(self._request("CreateNodegroup"))})

    def create_addon(self) -> ActionResult:
        """By name, which a cluster can have once only."""
        return ActionResult({"addon": self.eks_backend.add_addon(self._request("CreateAddon"))})

    def describe_addon(self) -> ActionResult:
        """By name."""
        return ActionResult({"addon": self.eks_backend.addon(self._get_param("name"), self._get_param("addonName"))})

    def delete_addon(self) -> ActionResult:
        """By name; it is gone at once."""
        gone = self.eks_backend.remove_addon(self._get_param("name"), self._get_param("addonName"))
        return ActionResult({"addon": gone})

    def list_addons(self) -> ActionResult:
        """Their names."""
        return ActionResult({"addons": list(self.eks_backend.describe_cluster(self._get_param("name")).addons)})

    def create_access_entry(self) -> ActionResult:
        """For one principal."""
        return ActionResult({"accessEntry": self.eks_backend.add_entry(self._request("CreateAccessEntry"))})

    def describe_access_entry(self) -> ActionResult:
        """That of one principal."""
        return ActionResult({"accessEntry": self._entry()})

    def delete_access_entry(self) -> EmptyResult:
        """That of one principal, with its policies."""
        principal = self._entry().principal_arn
        del self.eks_backend.describe_cluster(self._get_param("name")).access_entries[principal]
        return EmptyResult()

    def list_access_entries(self) -> ActionResult:
        """Their principals."""
        entries = self.eks_backend.describe_cluster(self._get_param("name")).access_entries
        return ActionResult({"accessEntries": list(entries)})

    def associate_access_policy(self) -> ActionResult:
        """What a principal may do in Kubernetes."""
        entry, policy = self._entry(), self._get_param("policyArn")
        entry.policies[policy] = self._get_param("accessScope")
        tie = {"policyArn": policy, "accessScope": entry.policies[policy]}
        return ActionResult({**self._whose(), "associatedAccessPolicy": tie})

    def disassociate_access_policy(self) -> EmptyResult:
        """It may not any more."""
        self._entry().policies.pop(self._get_param("policyArn"), None)
        return EmptyResult()

    def list_associated_access_policies(self) -> ActionResult:
        """All that a principal may do."""
        ties = [{"policyArn": arn, "accessScope": scope} for arn, scope in self._entry().policies.items()]
        return ActionResult({**self._whose(), "associatedAccessPolicies": ties})

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

    def _entry(self) -> Any:  # noqa: ANN401 (moto has no types)
        return self.eks_backend.entry(self._get_param("name"), self._get_param("principalArn"))

    def _whose(self) -> dict[str, str]:
        return {"clusterName": self._get_param("name"), "principalArn": self._get_param("principalArn")}

    def _request(self, name: str) -> dict[str, Any]:
        """The request as AWS's model spells it; where it hangs on a cluster, the cluster's name came in the URL."""
        members = operation("eks", name).input_shape.members
        values = {member: self._get_param("name" if member == "clusterName" else member) for member in members}
        return {member: value for member, value in values.items() if value is not None}


def install() -> None:
    """From now on moto's server answers with these."""
    moto.eks.urls.url_paths = dict.fromkeys([*moto.eks.urls.url_paths, *PATHS], EksCalls.dispatch)
