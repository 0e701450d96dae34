"""A port of this machine reaches a pod of a Service, both ways, until either side ends."""

import base64
import socket
from typing import Any

import pytest

from mig.errors import Failed
from tasks import forward, kube
from tasks.forward import Pod

READY = {"conditions": [{"type": "Ready", "status": "True"}]}
PORTS = {"containers": [{"ports": [{"name": "http-web", "containerPort": 3000}]}]}


def pods(monkeypatch: pytest.MonkeyPatch, *found: dict[str, Any], target: int | str = "http-web") -> None:
    """A Service with these pods behind it, and a Secret."""
    service = {"spec": {"selector": {"app": "g"}, "ports": [{"port": 80, "targetPort": target}]}}
    held = {"data": {"admin-password": base64.b64encode(b"correct horse").decode()}}
    monkeypatch.setattr(kube, "get", lambda _, path: service if "/services/" in path else held)
    monkeypatch.setattr(kube, "items", lambda *_, **__: list(found))


def pod(name: str, status: dict[str, Any]) -> dict[str, Any]:
    """A pod with a port that has a name."""
    return {"metadata": {"name": name}, "spec": PORTS, "status": status}


@pytest.mark.parametrize("target", ["http-web", 3000], ids=["a port by its name", "a port by its number"])
def test_the_pod_is_one_that_is_ready(monkeypatch: pytest.MonkeyPatch, target: int | str) -> None:
    """One that does not answer yet is passed over."""
    pods(monkeypatch, pod("g-1", {"conditions": []}), pod("g-2", READY), target=target)

    assert Pod(namespace="m", name="g-2", port=3000) == forward.pod_of(None, "m", "g")


def test_nobody_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the Service."""
    pods(monkeypatch, pod("g-1", {"conditions": []}))

    with pytest.raises(Failed, match="forward: no pod of the Service m/g is ready"):
        forward.pod_of(None, "m", "g")


def test_there_is_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rehearsal records charts, and renders none: what they would bring is not there."""

    def missing(*_: object) -> None:
        raise kube.Missing("not found")

    monkeypatch.setattr(kube, "get", missing)

    with pytest.raises(Failed, match="forward: there is no Service m/g"):
        forward.pod_of(None, "m", "g")


def test_a_secret_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As people would type it."""
    pods(monkeypatch)

    assert {"admin-password": "correct horse"} == forward.secret(None, "m", "g")


def test_what_one_side_says_the_other_hears() -> None:
    """Both ways; and when one has ended, so does the other."""
    (here, near), (far, there) = socket.socketpair(), socket.socketpair()
    forward.join(near, far)
    with here, there:
        here.sendall(b"GET /")
        asked = there.recv(16)
        there.sendall(b"200")
        answered = here.recv(16)
        here.close()

        assert (b"GET /", b"200", b"") == (asked, answered, there.recv(16))
