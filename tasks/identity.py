"""
What a run's pods are to AWS: one association of their service account with the workloads' role.

The role's policy opens the run's own part of the bucket by the namespace in the session, so that one role serves all
runs and none reads another's.
"""

from mig.job import SERVICE_ACCOUNT
from mig.manifest import namespace
from tasks.aws import call
from tasks.connect import Site


def associate(site: Site, run_id: str) -> None:
    """Give the run's pods their role, unless they have it."""
    if _associations(site, run_id):
        return
    role = call(site, "iam", "get_role", RoleName=f"{site.cluster}-workload")["Role"]["Arn"]
    whose = {"namespace": namespace(run_id), "serviceAccount": SERVICE_ACCOUNT}
    call(site, "eks", "create_pod_identity_association", clusterName=site.cluster, roleArn=role, **whose)


def dissociate(site: Site, run_id: str) -> None:
    """Take the role away again."""
    for association in _associations(site, run_id):
        call(site, "eks", "delete_pod_identity_association", clusterName=site.cluster, associationId=association)


def _associations(site: Site, run_id: str) -> list[str]:
    found = call(site, "eks", "list_pod_identity_associations", clusterName=site.cluster, namespace=namespace(run_id))
    return [association["associationId"] for association in found["associations"]]
