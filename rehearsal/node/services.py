"""
What kube-proxy is to a node: whoever connects to a Service reaches one of its pods that are ready, each in its turn.

There is no cluster network here whose packets could be rewritten. A Service gets ports of loopback instead, and an
annotation that says which; they go with it. The endpoints are chosen as Kubernetes' own controller does: it has no part
in this, since pods here have loopback addresses, which the API server takes for no endpoint.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from rehearsal.api_server import ApiError, ApiServer, Object, Watch, insist
from rehearsal.node.readiness import port_number
from rehearsal.node.relay import Backend, Relay
from rehearsal.ports import LOOPBACK

ADDRESS = "rehearsal.mig-pipeline/address"
"""Annotation of a Service: where it is reached, an address for each of its ports in their order, commas between."""


@dataclass(slots=True, kw_only=True)
class _Reached:
    service: Object
    """As it was last seen."""
    relays: tuple[Relay, ...]
    """One for each port."""


class Services:
    """All Services of a World that select pods."""

    def __init__(self, api: ApiServer, pods: Callable[[], Iterable[Object]]) -> None:
        """Follow them from now on; `pods` are those on the nodes, as they are when it is asked."""
        self._api = api
        self._pods = pods
        self._reached: dict[str, _Reached] = {}
        """By the Service's UID."""
        self._stop = threading.Event()
        self._watch = Watch(api, "/api/v1/services")
        self._thread = threading.Thread(
            target=self._watch.run, args=(self._listed, self._changed), name="services", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Nobody is reached any more. The API server is told nothing."""
        self._stop.set()
        self._watch.stop()
        self._thread.join()
        for uid in list(self._reached):
            self._forget(uid)

    def _listed(self, services: list[Object]) -> None:
        for uid in set(self._reached) - {service["metadata"]["uid"] for service in services}:
            self._forget(uid)
        for service in services:
            self._see(service)

    def _changed(self, kind: str, service: Object) -> None:
        if kind == "DELETED":
            self._forget(service["metadata"]["uid"])
        else:
            self._see(service)

    def _see(self, service: Object) -> None:
        uid = service["metadata"]["uid"]
        reached = self._reached.get(uid)
        if reached is not None and len(reached.relays) != len(_ports(service)):
            self._forget(uid)
            reached = None
        if reached is None:
            reached = self._reached[uid] = _Reached(service=service, relays=())
            reached.relays = tuple(
                Relay(partial(self._backends, reached, number)) for number in range(len(_ports(service)))
            )
        reached.service = service
        self._tell(reached)

    def _tell(self, reached: _Reached) -> None:
        metadata = reached.service["metadata"]
        address = ",".join(f"{LOOPBACK}:{relay.port}" for relay in reached.relays)
        if metadata.get("annotations", {}).get(ADDRESS, "") == address:
            return
        path = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}"
        body = {"metadata": {"uid": metadata["uid"], "annotations": {ADDRESS: address}}}
        try:
            insist(lambda: self._api.patch(path, body), unless=self._stop)
        except ApiError as error:
            if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:  # it has gone meanwhile
                raise

    def _forget(self, uid: str) -> None:
        reached = self._reached.pop(uid, None)
        for relay in reached.relays if reached is not None else ():
            relay.close()

    def _backends(self, reached: _Reached, number: int) -> list[Backend]:
        return backends(reached.service, number, self._pods())


def backends(service: Object, number: int, pods: Iterable[Object]) -> list[Backend]:
    """Where one port of a Service leads: to those pods that it selects, that are ready, and that nobody has deleted."""
    wanted = _ports(service)[number].get("targetPort") or _ports(service)[number]["port"]
    chosen = [pod for pod in pods if _selects(service, pod) and _ready(pod)]
    return sorted((pod["status"]["podIP"], port) for pod in chosen if (port := _port(pod, wanted)))


def _ports(service: Object) -> Sequence[Object]:
    """Those that lead to pods."""
    spec = service["spec"]
    return [port for port in spec.get("ports", []) if port["protocol"] == "TCP"] if spec.get("selector") else []


def _selects(service: Object, pod: Object) -> bool:
    selector = service["spec"]["selector"].items()
    same = service["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return same and bool(selector <= pod["metadata"].get("labels", {}).items())


def _ready(pod: Object) -> bool:
    conditions = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def _port(pod: Object, wanted: int | str) -> int | None:
    """By its number, or by the name that one of the pod's containers gives it."""
    ports = (port_number(container, wanted) for container in pod["spec"]["containers"])
    return next(filter(None, ports), None)
