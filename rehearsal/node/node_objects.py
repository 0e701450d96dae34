"""
What the programs on one node ask of the API server: its labels, the pods on it, its ResourceSlice, the MIG config file.

Each call is one request or two, made now; nothing is kept. What it all means is for the programs.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import yaml

from mig import labels
from rehearsal.api_server import ApiError, ApiServer, Object

_SLICES = "/apis/resource.k8s.io/v1/resourceslices"
_DAEMON_SETS = "/apis/apps/v1/daemonsets"


class NodeObjects:
    """One node's objects."""

    def __init__(self, api: ApiServer, node: str) -> None:
        self._api = api
        self._node = node
        self._path = f"/api/v1/nodes/{node}"

    def uid(self) -> str:
        """Of the Node: what owns its slices."""
        return str(self._api.get(self._path)["metadata"]["uid"])

    def labels(self) -> Mapping[str, str]:
        """All labels of the Node, now."""
        found: Mapping[str, str] = self._api.get(self._path)["metadata"].get("labels", {})
        return found

    def label(self, changes: Mapping[str, str | None]) -> None:
        """Set labels of the Node; None removes one."""
        self._api.patch(self._path, {"metadata": {"labels": dict(changes)}})

    def offer(self, resources: Mapping[str, int]) -> None:
        """Say how much of these resources the node has, as the kubelet does for a device plugin."""
        amounts = {name: str(count) for name, count in resources.items()}
        self._api.patch(f"{self._path}/status", {"status": {"capacity": amounts, "allocatable": amounts}})

    def pods(self, namespace: str, app: str) -> int:
        """How many pods of this label `app` a namespace has on the node, those that end included."""
        return len(self._api.get(_pods(namespace), **self._here(app))["items"])

    def client_pods(self) -> int:
        """How many pods on the node belong to a DaemonSet, anywhere, that selects by the client label."""
        clients = {
            (each["metadata"]["namespace"], each["metadata"]["name"])
            for each in self._api.get(_DAEMON_SETS)["items"]
            if labels.DEPLOY_CLIENT in each["spec"]["template"]["spec"].get("nodeSelector", {})
        }
        pods = self._api.get("/api/v1/pods", fieldSelector=f"spec.nodeName={self._node}")["items"]
        return sum(bool(clients & _daemon_sets(pod)) for pod in pods)

    def delete_pods(self, namespace: str, app: str) -> None:
        """Delete those pods, as `kubectl delete pod -l` does."""
        self._api.delete(_pods(namespace), None, **self._here(app))

    def publish(self, manifest: Object) -> None:
        """The node's ResourceSlice: changed in place where there is one, under the generation that it had."""
        found = self._slices()
        if not found:
            self._api.create(_SLICES, manifest)
            return
        self._api.patch(f"{_SLICES}/{found[0]['metadata']['name']}", {"spec": {"devices": manifest["spec"]["devices"]}})

    def wipe(self) -> None:
        """Delete the node's slices, as the kubelet does when their plugin is gone."""
        for found in self._slices():
            self._api.delete(f"{_SLICES}/{found['metadata']['name']}")

    def config_file(self, namespace: str, name: str) -> object:
        """What a ConfigMap holds as MIG Manager's file; None: there is no such file, or it is no YAML."""
        path = f"/api/v1/namespaces/{namespace}/configmaps/{name}"
        try:
            return yaml.safe_load(self._api.get(path).get("data", {}).get("config.yaml", ""))
        except yaml.YAMLError:
            return None
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None

    def _slices(self) -> list[dict[str, Any]]:
        """By client side: the API server can select slices by one of the two fields only."""
        found = self._api.get(_SLICES, fieldSelector=f"spec.nodeName={self._node}")["items"]
        return [one for one in found if one["spec"]["driver"] == labels.DRIVER]

    def _here(self, app: str) -> dict[str, str]:
        return {"labelSelector": f"app={app}", "fieldSelector": f"spec.nodeName={self._node}"}


def _pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def _daemon_sets(pod: Object) -> set[tuple[str, str]]:
    meta = pod["metadata"]
    return {
        (meta["namespace"], owner["name"]) for owner in meta.get("ownerReferences", ()) if owner["kind"] == "DaemonSet"
    }
