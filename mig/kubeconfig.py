"""A kubeconfig for an EKS cluster, without a secret in it: whoever uses it asks for a token of its own."""

from typing import Any

EXEC_API = "client.authentication.k8s.io/v1"
"""Kubernetes' credential plugins: kubernetes.io/docs/reference/access-authn-authz/authentication."""


def kubeconfig(cluster: str, region: str, *, endpoint: str, certificate_authority: str) -> dict[str, Any]:
    """
    One cluster, one user, one context, all of the cluster's name.

    Args:
        cluster: EKS's name.
        region: of the cluster.
        endpoint: the URL of its API server.
        certificate_authority: as EKS tells it, base64.
    """
    credential = {
        "apiVersion": EXEC_API,
        "command": "mig",
        "args": ["token", cluster, "--region", region],
        "interactiveMode": "Never",
        "installHint": "mig-pipeline's shell is not on PATH: activate the environment that it is installed in",
    }
    reached = {"server": endpoint, "certificate-authority-data": certificate_authority}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": reached}],
        "users": [{"name": cluster, "user": {"exec": credential}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "current-context": cluster,
    }
