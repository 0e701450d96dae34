"""Services that can be reached, on a fake API server."""

# ruff: noqa: ARG002 (fakes take what the real ones take)

import errno
import json
import queue
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.api_server import ApiError, ApiServer
from rehearsal.node.services import ADDRESS, Services, backends
from rehearsal.ports import LOOPBACK

SECONDS = 10.0
"""What nothing here takes, on any machine."""

Object = dict[str, Any]


def service(*ports: Object, selector: dict[str, str] | None = None, uid: str = "s") -> Object:
    """A Service of namespace n that selects the pods of `app: web`."""
    spec = {"selector": {"app": "web"} if selector is None else selector, "ports": list(ports) or [port()]}
    return {"metadata": {"name": uid, "namespace": "n", "uid": uid, "resourceVersion": "2"}, "spec": spec}


def port(target: int | str = 8080, protocol: str = "TCP") -> Object:
    """One of its ports."""
    return {"port": 80, "targetPort": target, "protocol": protocol}


def pod(address: str, *, namespace: str = "n", ready: str = "True", app: str = "web", **metadata: str) -> Object:
    """A pod that runs."""
    container = {"name": "main", "ports": [{"name": "http", "containerPort": 9090}]}
    return {
        "metadata": {"name": "p", "namespace": namespace, "labels": {"app": app, "more": "x"}, **metadata},
        "spec": {"containers": [{"name": "other"}, container]},
        "status": {"podIP": address, "conditions": [{"type": "Ready", "status": ready}]},
    }


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param(pod("127.1.1.2"), ("127.1.1.2", 8080), id="one that it selects"),
        pytest.param(pod("127.1.1.2", app="api"), None, id="another's"),
        pytest.param(pod("127.1.1.2", namespace="m"), None, id="one of another namespace"),
        pytest.param(pod("127.1.1.2", ready="False"), None, id="one that is not ready"),
        pytest.param(pod("127.1.1.2", deletionTimestamp="now"), None, id="one that is about to go"),
        pytest.param({**pod("127.1.1.2"), "status": {}}, None, id="one that nobody has seen yet"),
    ],
)
def test_which_pods(changed: Object, expected: tuple[str, int] | None) -> None:
    """Only pods that are selected, ready and not deleted get connections."""
    found = backends(service(), 0, [changed, pod("127.1.1.1")])

    assert [("127.1.1.1", 8080), *([expected] if expected else [])] == found


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        pytest.param([port("http")], [("127.1.1.1", 9090)], id="a name that a container gives its port"),
        pytest.param([port("none")], [], id="a name that none gives"),
        pytest.param(
            [{"port": 80, "protocol": "TCP"}], [("127.1.1.1", 80)], id="the same port, where no other is said"
        ),
        pytest.param([port(53, "UDP"), port(8080)], [("127.1.1.1", 8080)], id="TCP's only"),
    ],
)
def test_which_port(ports: list[Object], expected: list[tuple[str, int]]) -> None:
    """A pod's port is named by number or by name."""
    assert expected == backends(service(*ports), 0, [pod("127.1.1.1")])


class FakeApi(ApiServer):
    """Has some Services, tells what happens to them, and remembers what it is told of them."""

    def __init__(self) -> None:
        self.services: list[Object] = []
        self.events: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.told: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.refusals: list[ApiError] = []

    def get(self, path: str, **query: str) -> Object:
        """The list."""
        return {"metadata": {"resourceVersion": "1"}, "items": self.services}

    def stream(self, path: str, **query: str) -> Any:
        """The watch."""
        return _Stream(self.events)

    def patch(self, path: str, body: Object) -> Object:
        """An annotation."""
        if self.refusals:
            raise self.refusals.pop(0)
        self.told.put(body["metadata"]["annotations"][ADDRESS])
        return {}

    def happens(self, kind: str, changed: Object) -> None:
        """Something to a Service."""
        self.events.put(json.dumps({"type": kind, "object": changed}).encode())

    def ports(self) -> list[int]:
        """Those that were told last."""
        said = self.told.get(timeout=SECONDS)
        assert all(address.startswith(f"{LOOPBACK}:") for address in said.split(","))
        return [int(address.partition(":")[2]) for address in said.split(",")]


class _Stream:
    def __init__(self, events: queue.SimpleQueue[bytes | None]) -> None:
        self._events = events

    def __iter__(self) -> Iterator[bytes]:
        yield from iter(self._events.get, None)

    def shutdown(self) -> None:
        """End."""
        self._events.put(None)

    def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def api() -> FakeApi:
    """One with a Service that has been there before."""
    made = FakeApi()
    made.services.append(service())
    return made


@pytest.fixture
def services(api: FakeApi) -> Iterator[Services]:
    """Those of a fleet without pods."""
    made = Services(api, list)
    yield made
    made.close()


def taken(number: int) -> bool:
    """Whether somebody has this port: without a pod behind it, whoever connects is broken off."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, number)) != errno.ECONNREFUSED


def until(happened: Callable[[], object]) -> None:
    """Wait for another thread."""
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


@pytest.mark.usefixtures("services")
def test_each_says_where_it_is_reached(api: FakeApi) -> None:
    """A Service that is there, and one that comes, has a port of loopback for each of its own."""
    (first,) = api.ports()
    api.happens("ADDED", service(port(1), port(2), uid="t"))
    others = api.ports()

    assert 3 == len({first, *others})
    assert [True] * 3 == [taken(each) for each in (first, *others)]


@pytest.mark.usefixtures("services")
def test_it_goes_with_its_service(api: FakeApi) -> None:
    """A Service that is deleted listens no more."""
    (there,) = api.ports()
    api.happens("DELETED", service())

    until(lambda: not taken(there))


def test_it_goes_with_the_world(api: FakeApi) -> None:
    """Nothing of it is left when it is closed."""
    made = Services(api, list)
    (there,) = api.ports()
    made.close()

    assert not taken(there)


@pytest.mark.usefixtures("services")
def test_a_change_keeps_the_address(api: FakeApi) -> None:
    """A Service whose selector or target changes stays where it is; with other ports of its own it is told anew."""
    (first,) = api.ports()
    annotated = service(port(9))
    annotated["metadata"]["annotations"] = {ADDRESS: f"{LOOPBACK}:{first}"}
    api.happens("MODIFIED", annotated)
    api.happens("MODIFIED", service(port(1), port(2)))
    others = api.ports()

    assert 2 == len(others)
    assert api.told.empty()


@pytest.mark.usefixtures("services")
def test_without_a_selector_it_is_not_reached(api: FakeApi) -> None:
    """The API server's own Service selects nothing, and is left alone."""
    api.ports()
    api.happens("ADDED", service(selector={}, uid="kubernetes"))
    api.happens("ADDED", service(uid="last"))

    assert 1 == len(api.ports())
    assert api.told.empty()


def test_an_outage_is_outlasted(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the API server did not hear it is told again; a Service that has gone meanwhile is nobody's trouble."""
    monkeypatch.setattr("rehearsal.api_server._PAUSE_SECONDS", 0.01)
    api.services.append(service(uid="t"))
    api.refusals = [ApiError(0, "away"), ApiError(404, "gone")]
    made = Services(api, list)

    (there,) = api.ports()
    made.close()
    assert not taken(there)


def test_a_connection_reaches_a_pod(api: FakeApi) -> None:
    """Whoever connects to the Service's address speaks to a pod that is ready."""
    with socket.create_server((LOOPBACK, 0)) as door:
        api.services = [service(port(door.getsockname()[1]))]
        made = Services(api, lambda: [pod(LOOPBACK)])
        (there,) = api.ports()
        with socket.create_connection((LOOPBACK, there), timeout=SECONDS) as client:
            door.settimeout(SECONDS)
            reached, _ = door.accept()
            with reached:
                reached.sendall(b"hello")

                assert b"hello" == client.recv(5)
        made.close()
