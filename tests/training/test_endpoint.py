"""What a service says over HTTP: the application called directly, then its server on real loopback sockets."""

import http.client
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from training import endpoint
from training.endpoint import MOST_IMAGES, App, Endpoint, ListenError
from training.inbox import Answer, ClosedError, Inbox

SECONDS = 10.0
"""What nothing here takes, on any machine."""

LOOPBACK = "127.0.0.1"
IMAGE = 6
SHAPE = (2, 3)


class FakeInbox(Inbox):
    """Answers at once, with the first byte of each image; it knows whether it is closed."""

    def __init__(self, *, serving: bool = True, closed: bool = False) -> None:
        super().__init__()
        self.serving = serving
        self._closed = closed

    def ask(self, pixels: bytes, images: int) -> Answer:
        """No network: the first pixel of each is its class."""
        if self._closed:
            raise ClosedError
        assert images * IMAGE == len(pixels)
        return Answer(classes=list(pixels[::IMAGE]), model_sha256="abc", epoch=2)


def called(app: App, method: str, path: str, body: bytes = b"") -> tuple[str, dict[str, str], str]:
    """Status, headers and text that the application answers, held to what WSGI asks of it."""
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    told: list[Any] = []
    environ |= {"REQUEST_METHOD": method, "PATH_INFO": path, "CONTENT_LENGTH": str(len(body))}
    environ |= {"wsgi.input": io.BytesIO(body), "QUERY_STRING": ""}

    def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[..., object]:
        told.extend((status, dict(headers)))
        return lambda _: None

    answer = validator(app)(environ, start_response)  # type: ignore[arg-type]  # typed for older applications
    try:
        return told[0], told[1], b"".join(answer).decode()
    finally:
        answer.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("request_", "inbox", "status", "said"),
    [
        pytest.param(
            ("POST", "/predict", bytes([7] * IMAGE + [8] * IMAGE)),
            FakeInbox(),
            "200 OK",
            '{"classes": [7, 8], "model_sha256": "abc", "epoch": 2}',
            id="two images",
        ),
        pytest.param(
            ("POST", "/predict", b""),
            FakeInbox(),
            "400 Bad Request",
            "a body of 0 bytes is not one or more images of 6 bytes, 2 x 3",
            id="no image",
        ),
        pytest.param(
            ("POST", "/predict", bytes(IMAGE + 1)),
            FakeInbox(),
            "400 Bad Request",
            "a body of 7 bytes is not one or more images of 6 bytes, 2 x 3",
            id="an image and a bit",
        ),
        pytest.param(
            ("POST", "/predict", bytes(IMAGE * (MOST_IMAGES + 1))),
            FakeInbox(),
            "413 Request Entity Too Large",
            "a body of 24582 bytes is too large; accepted: 4096 images, 24576 bytes",
            id="too many images",
        ),
        pytest.param(
            ("POST", "/predict", bytes(IMAGE)),
            FakeInbox(closed=True),
            "503 Service Unavailable",
            "the service has ended without an answer",
            id="a service that ended while one waited",
        ),
        pytest.param(
            ("GET", "/predict"), FakeInbox(), "405 Method Not Allowed", "/predict takes POST only", id="not a POST"
        ),
        pytest.param(("GET", "/healthz"), FakeInbox(), "200 OK", "serving", id="well"),
        pytest.param(
            ("GET", "/healthz"),
            FakeInbox(serving=False),
            "503 Service Unavailable",
            "there is no model to answer by yet",
            id="without a model",
        ),
        pytest.param(
            ("GET", "/"),
            FakeInbox(),
            "404 Not Found",
            "there is nothing but POST /predict and GET /healthz",
            id="elsewhere",
        ),
    ],
)
def test_answers(request_: tuple[Any, ...], inbox: Inbox, status: str, said: str) -> None:
    """Classes for images, and one sentence for whatever is wrong."""
    found, headers, text = called(App(inbox, SHAPE), *request_)

    assert (status, said + "\n") == (found, text)
    assert str(len(text)) == headers["Content-Length"]
    assert ("application/json" if said.startswith("{") else "text/plain") == headers["Content-Type"]


def test_what_is_taken_is_told() -> None:
    """Who comes with another method hears which one would do."""
    assert "GET" == called(App(FakeInbox(), SHAPE), "POST", "/healthz")[1]["Allow"]


def test_a_service_about_to_end_is_not_well() -> None:
    """Nobody new shall be sent there."""
    app = App(FakeInbox(), SHAPE)
    app.ending = True

    assert ("503 Service Unavailable", "the service is about to end\n") == called(app, "GET", "/healthz")[::2]


class Service:
    """An endpoint on a free port of loopback, and clients of it."""

    def __init__(self, ends: ExitStack) -> None:
        self.inbox = Inbox(gather_seconds=0)
        self.inbox.serving = True
        self.endpoint = Endpoint(App(self.inbox, SHAPE), LOOPBACK, 0)
        self._ends = ends
        self._clients = ends.enter_context(ThreadPoolExecutor(16))
        ends.callback(self.close)

    def connect(self) -> http.client.HTTPConnection:
        """A client's connection, open until the end of the test."""
        host, _, port = self.endpoint.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS)
        self._ends.callback(connection.close)
        connection.connect()
        return connection

    def ask(self, connection: http.client.HTTPConnection, number: int = 0) -> Future[tuple[int, list[int], str]]:
        """Status, classes and whether the connection is kept, once one image of this number is answered."""

        def asking() -> tuple[int, list[int], str]:
            connection.request("POST", "/predict", bytes([number] * IMAGE))
            answer = connection.getresponse()
            said = answer.read()
            classes = json.loads(said)["classes"] if answer.status == http.client.OK else []
            return answer.status, classes, answer.headers.get("Connection", "keep-alive")

        return self._clients.submit(asking)

    def answer(self, number: int = 1) -> None:
        """Tell the next few the number of their image."""
        while number:
            for request in self.inbox.take(1, patience=SECONDS):
                request.answer.set_result(Answer(classes=[request.pixels[0]], model_sha256="abc", epoch=1))
                number -= 1

    def close(self) -> None:
        """End it, as a service ends."""
        self.inbox.close()
        self.endpoint.close()


@pytest.fixture
def service() -> Iterator[Service]:
    """One that ends with its test, and its clients with it."""
    with ExitStack() as ends:
        yield Service(ends)


def test_a_connection_serves_many_requests(service: Service) -> None:
    """It is kept from one answer to the next."""
    connection = service.connect()
    for number in (1, 2, 3):
        asked = service.ask(connection, number)
        service.answer()

        assert (200, [number], "keep-alive") == asked.result(SECONDS)


def test_more_than_there_are_threads_wait_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is sent away because others were first."""
    monkeypatch.setattr(endpoint, "THREADS", 2)
    with ExitStack() as ends:
        service = Service(ends)
        asked = [service.ask(service.connect(), number) for number in range(10)]
        service.answer(10)

        assert [(200, [number], "keep-alive") for number in range(10)] == [each.result(SECONDS) for each in asked]


def test_at_the_end_who_has_been_accepted_is_answered(service: Service) -> None:
    """Nobody else is; each answer is the last on its connection, and then it is quiet."""
    waiting = service.ask(service.connect(), 1)
    accepted = service.connect()  # by the system, perhaps not yet by the server
    service.endpoint.close_door()
    with pytest.raises(ConnectionRefusedError):
        service.connect()
    late = service.ask(accepted, 2)
    service.answer(2)

    assert [(200, [1], "close"), (200, [2], "close")] == [each.result(SECONDS) for each in (waiting, late)]
    until(service.endpoint.quiet)


def test_it_is_not_quiet_while_somebody_waits(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for an answer, nor in the middle of a request."""
    monkeypatch.setattr(endpoint, "QUIET_SECONDS", 0)
    connection = service.connect()
    connection.putrequest("POST", "/predict")
    connection.putheader("Content-Length", str(IMAGE))
    connection.endheaders()
    connection.send(bytes(IMAGE - 1))
    until(lambda: not service.endpoint.quiet())
    connection.send(bytes(1))
    service.answer()

    assert http.client.OK == connection.getresponse().status
    until(service.endpoint.quiet)


def test_who_waits_when_it_ends_is_told(service: Service) -> None:
    """Without an answer a service ends with a sentence, not with a broken line."""
    waiting = service.ask(service.connect())
    until(lambda: service.inbox._waiting)
    service.inbox.close()

    assert (503, [], "keep-alive") == waiting.result(SECONDS)


def test_nothing_of_it_is_left() -> None:
    """Neither a thread nor its port."""
    with ExitStack() as ends:
        service = Service(ends)
        host, _, port = service.endpoint.address.rpartition(":")
        assert endpoint.THREADS + 1 == len(threads())

    until(lambda: not threads())
    Endpoint(App(FakeInbox(), SHAPE), host, int(port)).close()


def test_a_port_that_is_taken(service: Service) -> None:
    """It says so in a sentence."""
    host, _, port = service.endpoint.address.rpartition(":")

    with pytest.raises(ListenError, match=f"cannot listen on port {port} of {host}: Address already in use"):
        Endpoint(App(FakeInbox(), SHAPE), host, int(port))


def threads() -> list[str]:
    """Those of a server."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("http", "waitress"))]


def until(happened: Callable[[], object]) -> None:
    """Wait for another thread."""
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)
