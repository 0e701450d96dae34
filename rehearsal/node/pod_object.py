"""A pod's object in the API server, as its kubelet sees and writes it."""

import logging
import time
from collections.abc import Callable
from http import HTTPStatus

from rehearsal.api_server import ApiError, ApiServer, Object, timestamp
from rehearsal.node import pod_status
from rehearsal.node.pod_address import address
from rehearsal.node.pod_status import Report

_LOG = logging.getLogger(__name__)


class PodObject:
    """One pod's object: what it says, and what it has been told."""

    def __init__(self, content: Object, api: ApiServer) -> None:
        self.content = content
        """As it was last seen."""
        self.since = pod_status.since(content, time.time())
        """When a kubelet first saw it, in Unix seconds."""
        self._api = api
        self._conditions = {c["type"]: c for c in content.get("status", {}).get("conditions", [])}
        self._told: Report | None = None
        self._removed = False

    @property
    def uid(self) -> str:
        """What tells it from every other pod that had, or will have, its name."""
        return str(self.content["metadata"]["uid"])

    @property
    def deleted(self) -> bool:
        """Whether somebody has deleted it, and it is left to the kubelet to end it."""
        return "deletionTimestamp" in self.content["metadata"]

    def tell(self, report: Report) -> bool:
        """Bring its status to this; False when the API server could not be told."""
        if report == self._told:
            return True
        own = address(self.content)
        status = pod_status.status(report, self._conditions, address=own, now=time.time())
        body = {"metadata": {"uid": self.uid}, "status": status}
        said = self._ask(lambda: self._api.patch(f"{self._path}/status", body))
        if said:
            self._told = report
            self._conditions = {c["type"]: c for c in status["conditions"]}
        return said

    def remove(self) -> bool:
        """Say, of a deleted pod, that nothing of it runs any more; False when the API server could not be told."""
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        self._removed = self._removed or self._ask(lambda: self._api.delete(self._path, options))
        return self._removed

    def warn(self, reason: str, message: str) -> None:
        """Leave an event, which `kubectl describe` shows with the pod."""
        metadata, now = self.content["metadata"], timestamp(time.time())
        about = {"kind": "Pod", "apiVersion": "v1", **{key: metadata[key] for key in ("namespace", "name", "uid")}}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
            "involvedObject": about,
            "type": "Warning",
            "reason": reason,
            "message": message,
            "source": {"component": "kubelet", "host": self.content["spec"].get("nodeName", "")},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        self._ask(lambda: self._api.create(f"/api/v1/namespaces/{metadata['namespace']}/events", event))

    def collect(self) -> bool:
        """Do what PodGC does to a pod whose node is no more: it was disrupted, and goes."""
        if self.content.get("status", {}).get("phase") not in pod_status.OVER:
            body = {"metadata": {"uid": self.uid}, "status": pod_status.disrupted(time.time())}
            self._ask(lambda: self._api.patch(f"{self._path}/status", body))
        return self.remove()

    def _ask(self, ask: Callable[[], object]) -> bool:
        """Whether it was said; an object that is gone, or another one of the same name, needs to hear nothing."""
        try:
            ask()
        except ApiError as error:
            if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                _LOG.warning("%s", error)
                return False
        return True

    @property
    def _path(self) -> str:
        metadata = self.content["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
