"""A Service of the cluster on a port of this machine, through the API server: what `kubectl port-forward` does."""

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from kubernetes.client import ApiClient, CoreV1Api
from kubernetes.stream import portforward

from mig.errors import Failed
from tasks import kube

_CHUNK = 65536


class Stream(Protocol):
    """What of a socket is used here."""

    def recv(self, size: int, /) -> bytes:
        """Some bytes; none: the other side has ended."""

    def sendall(self, data: bytes, /) -> None:
        """All of them."""

    def shutdown(self, how: int, /) -> None:
        """No more, in one direction or in both."""

    def close(self) -> None:
        """Give it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One that answers for a Service."""

    namespace: str
    name: str
    port: int


def pod_of(client: ApiClient, namespace: str, service: str) -> Pod:
    """A ready pod behind a Service's first port. Raises Failed where there is none."""
    within = f"/api/v1/namespaces/{namespace}"
    try:
        asked = kube.get(client, f"{within}/services/{service}")["spec"]
    except kube.Missing as error:
        raise Failed("forward", f"there is no Service {namespace}/{service}") from error
    selector = ",".join(f"{key}={value}" for key, value in asked["selector"].items())
    wanted = asked["ports"][0].get("targetPort", asked["ports"][0]["port"])
    for pod in kube.items(client, f"{within}/pods", labelSelector=selector, fieldSelector="status.phase=Running"):
        if _ready(pod) and (port := _port(pod, wanted)):
            return Pod(namespace=namespace, name=pod["metadata"]["name"], port=port)
    raise Failed("forward", f"no pod of the Service {namespace}/{service} is ready")


def secret(client: ApiClient, namespace: str, name: str) -> dict[str, str]:
    """What a Secret holds."""
    held = kube.get(client, f"/api/v1/namespaces/{namespace}/secrets/{name}").get("data", {})
    return {key: base64.b64decode(value).decode() for key, value in held.items()}


@contextmanager
def forwarded(client: ApiClient, pod: Pod, *, port: int = 0) -> Iterator[str]:
    """Everything that connects to a port of loopback reaches the pod, until the block ends; the address."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        thread = threading.Thread(target=_serve, args=(client, pod, listening), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)  # a thread that waits for a connection is not woken by a close


def _serve(client: ApiClient, pod: Pod, listening: socket.socket) -> None:
    with suppress(OSError):  # it was closed
        while True:
            near, _ = listening.accept()
            far = portforward(
                CoreV1Api(client).connect_get_namespaced_pod_portforward, pod.name, pod.namespace, ports=str(pod.port)
            ).socket(pod.port)
            join(near, far)


def join(near: Stream, far: Stream) -> None:
    """Whatever one side says is said to the other, both ways, until one has ended; returns at once."""
    threading.Thread(target=_both_ways, args=(near, far), daemon=True).start()


def _both_ways(near: Stream, far: Stream) -> None:
    back = threading.Thread(target=_pass_on, args=(far, near), daemon=True)
    back.start()
    _pass_on(near, far)
    back.join()
    near.close()
    far.close()


def _pass_on(source: Stream, target: Stream) -> None:
    with suppress(OSError):  # the other direction has ended it
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)  # a close would not wake who waits for it in the other thread


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _port(pod: dict[str, Any], wanted: int | str) -> int:
    """A container's port by its name, or the number itself; 0: the pod has none of that name."""
    if isinstance(wanted, int):
        return wanted
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", ())]
    return next((int(port["containerPort"]) for port in ports if port.get("name") == wanted), 0)
