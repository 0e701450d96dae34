"""The part of a log that somebody asks for."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from rehearsal.node.container_log import Logs, Wanted

WRITTEN = (
    b"2026-11-23T10:00:00.000000001Z stdout F one\n"
    b"2026-11-23T10:00:10.000000001Z stdout F two words\n"
    b"2026-11-23T10:00:20.000000001Z stdout P no end\n"
)
OWNER = ("ns", "pod", "uid")
TEN = 1795428005.0
"""2026-11-23T10:00:05Z."""


def logs(folder: Path, *, written: Sequence[bool] = ()) -> Logs:
    """Logs whose files are still written as often as this says so."""
    answers = iter(written)
    return Logs(folder, lambda _: next(answers, False))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(Wanted(), b"one\ntwo words\nno end", id="all of it"),
        pytest.param(Wanted(tail=2), b"two words\nno end", id="the last lines"),
        pytest.param(Wanted(tail=0), b"", id="none of it"),
        pytest.param(Wanted(limit=6), b"one\ntw", id="so many bytes"),
        pytest.param(Wanted(since=TEN), b"two words\nno end", id="what is new enough"),
        pytest.param(
            Wanted(timestamps=True, limit=34), b"2026-11-23T10:00:00.000000001Z one\n"[:34], id="with the moments"
        ),
    ],
)
def test_read(tmp_path: Path, wanted: Wanted, expected: bytes) -> None:
    """The text is as the process wrote it, cut as it was asked for."""
    path = logs(tmp_path).path(OWNER, "main", 0)
    path.write_bytes(WRITTEN)

    assert expected == b"".join(logs(tmp_path).read(path, wanted))


def test_follow(tmp_path: Path) -> None:
    """Whoever follows gets each line once, whole, until nobody writes any more."""
    followed = logs(tmp_path, written=[True, True])
    path = followed.path(OWNER, "main", 0)
    path.write_bytes(WRITTEN[:60])
    lines = followed.read(path, Wanted(follow=True))
    first = next(lines)
    path.write_bytes(WRITTEN)

    assert first == b"one\n"
    assert list(lines) == [b"two words\n", b"no end"]


def test_find(tmp_path: Path) -> None:
    """The latest run's log is found by its number, and the one before it on demand."""
    there = logs(tmp_path)
    for run in (2, 9, 10):
        there.path(OWNER, "main", run).write_bytes(b"")

    assert there.path(OWNER, "main", 10) == there.find("ns", "pod", "main", previous=False)
    assert there.path(OWNER, "main", 9) == there.find("ns", "pod", "main", previous=True)
    assert there.find("ns", "pod", "other", previous=False) is None
    assert there.find("ns", "nobody", "main", previous=False) is None


def test_clear(tmp_path: Path) -> None:
    """A pod that is no more has no logs."""
    there = logs(tmp_path)
    there.path(OWNER, "main", 0).write_bytes(WRITTEN)
    there.clear(OWNER)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({}, Wanted(), id="nothing asked is all"),
        pytest.param({"follow": ["true"], "tailLines": ["7"]}, Wanted(follow=True, tail=7), id="follow and tail"),
        pytest.param({"sinceSeconds": ["30"]}, Wanted(since=70.0), id="seconds back from now"),
        pytest.param({"sinceTime": ["1970-01-01T00:00:09Z"]}, Wanted(since=9.0), id="a moment"),
        pytest.param({"limitBytes": ["5"], "previous": ["true"]}, Wanted(limit=5, previous=True), id="a limit"),
    ],
)
def test_wanted(query: dict[str, list[str]], expected: Wanted) -> None:
    """The kubelet's query is understood."""
    assert expected == Wanted.read(query, now=100)


def test_wanted_nonsense() -> None:
    """What is no number is refused."""
    with pytest.raises(ValueError, match="many"):
        Wanted.read({"tailLines": ["many"]}, now=100)
