"""Watches that do not end, on a fake API server."""

# ruff: noqa: ARG002 (fakes take what the real ones take)

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from urllib3.exceptions import ProtocolError

from rehearsal.api_server import ApiError, ApiServer, Watch, micro_timestamp, timestamp


class Stream:
    """The lines of one watch; it breaks off at the end where it is told to."""

    def __init__(self, lines: list[bytes], *, breaks: bool = False) -> None:
        self._lines = lines
        self._breaks = breaks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._lines
        if self._breaks:
            raise ProtocolError("broken")

    def close(self) -> None:
        """Nothing to let go of."""


class FakeApi(ApiServer):
    """Answers lists with one version, and watches with what it was given, one after the other."""

    def __init__(self, *answers: Stream | ApiError) -> None:
        self.asked: list[str] = []
        self._answers = iter(answers)
        self.over: Callable[[], None] = lambda: None

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The list."""
        self.asked.append(f"list {path}")
        return {"metadata": {"resourceVersion": "10"}, "items": [{"metadata": {"name": "listed"}}]}

    def stream(self, path: str, **query: str) -> Any:
        """The next watch; when there is no other, the test is over."""
        self.asked.append(f"watch {query['resourceVersion']}")
        answer = next(self._answers, None)
        if answer is None:
            self.over()
            return Stream([])
        if isinstance(answer, ApiError):
            raise answer
        return answer


def event(kind: str, version: str, name: str = "x") -> bytes:
    """One line of a watch."""
    return json.dumps({"type": kind, "object": {"metadata": {"name": name, "resourceVersion": version}}}).encode()


GONE = json.dumps({"type": "ERROR", "object": {"code": 410}}).encode()


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        pytest.param(
            [Stream([event("ADDED", "11")])],
            ["list /pods", "watch 10", "watch 11"],
            id="a watch that ends is taken up where it was",
        ),
        pytest.param(
            [Stream([event("ADDED", "11"), event("BOOKMARK", "15")])],
            ["list /pods", "watch 10", "watch 15"],
            id="a bookmark moves on",
        ),
        pytest.param(
            [Stream([event("ADDED", "11"), GONE])],
            ["list /pods", "watch 10", "list /pods", "watch 10"],
            id="a version that is forgotten is followed by a list",
        ),
        pytest.param(
            [ApiError(410, "too old")],
            ["list /pods", "watch 10", "list /pods", "watch 10"],
            id="also when the API server says so at once",
        ),
    ],
)
def test_watch_goes_on(answers: list[Stream | ApiError], asked: list[str]) -> None:
    """A watch is resumed without a gap."""
    api = FakeApi(*answers)
    watch = Watch(api, "/pods")
    api.over = watch.stop
    watch.run(lambda _: None, lambda *_: None)

    assert asked == api.asked


@pytest.mark.parametrize(
    "trouble", [Stream([event("ADDED", "10")], breaks=True), ApiError(0, "no answer")], ids=["a break", "an outage"]
)
def test_watch_survives(trouble: Stream | ApiError, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trouble is waited out, and the watch is taken up where it was."""
    monkeypatch.setattr("rehearsal.api_server._PAUSE_SECONDS", 0.01)
    api = FakeApi(trouble)
    watch = Watch(api, "/pods")
    api.over = watch.stop
    watch.run(lambda _: None, lambda *_: None)

    assert api.asked == ["list /pods", "watch 10", "watch 10"]


def test_watch_tells() -> None:
    """What is there is told first, then each change; bookmarks are nobody's business."""
    heard: list[str] = []
    lines = [event("ADDED", "11", "new"), event("BOOKMARK", "12"), event("DELETED", "13", "old")]
    api = FakeApi(Stream(lines))
    watch = Watch(api, "/pods")
    api.over = watch.stop
    watch.run(
        lambda items: heard.extend(item["metadata"]["name"] for item in items),
        lambda kind, item: heard.append(f"{kind} {item['metadata']['name']}"),
    )

    assert heard == ["listed", "ADDED new", "DELETED old"]


def test_watch_that_was_stopped_before() -> None:
    """A watch that was stopped before it began asks nothing."""
    api = FakeApi()
    watch = Watch(api, "/pods")
    watch.stop()
    watch.run(lambda _: None, lambda *_: None)

    assert api.asked == []


def test_moments() -> None:
    """Moments are written as Kubernetes writes them, to the second or to the microsecond."""
    assert timestamp(0.5) == "1970-01-01T00:00:00Z"
    assert micro_timestamp(0.5) == "1970-01-01T00:00:00.500000Z"
