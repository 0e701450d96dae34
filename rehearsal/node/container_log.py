"""
The logs of containers: where they are, and the part of one that somebody asks for.

Each line is containerd's: the moment, the stream, `F` for a whole line or `P` for a part of one, and the text.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from rehearsal import private

_LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What part of a log is asked for, in the words of the kubelet's query."""

    follow: bool = False
    """Whether what is still to come is wanted too."""
    previous: bool = False
    """Whether it is the container's last run before this one that is asked about."""
    timestamps: bool = False
    since: float | None = None
    """Unix seconds before which nothing is wanted."""
    tail: int | None = None
    """How many of the last lines are wanted; None: all."""
    limit: int | None = None
    """Bytes after which the answer ends; None: never."""

    @classmethod
    def read(cls, query: Mapping[str, Sequence[str]], now: float) -> "Wanted":
        """From a parsed query string. Raises ValueError for what is no number or moment."""
        given = {name: values[-1] for name, values in query.items()}
        since = None
        if "sinceSeconds" in given:
            since = now - int(given["sinceSeconds"])
        elif "sinceTime" in given:
            since = datetime.fromisoformat(given["sinceTime"]).timestamp()
        return cls(
            follow=given.get("follow") == "true",
            previous=given.get("previous") == "true",
            timestamps=given.get("timestamps") == "true",
            since=since,
            tail=int(given["tailLines"]) if "tailLines" in given else None,
            limit=int(given["limitBytes"]) if "limitBytes" in given else None,
        )


class Logs:
    """Every container's log, one file for each of its runs, below one folder."""

    def __init__(self, folder: Path, writes: Callable[[Path], bool]) -> None:
        self._folder = folder
        self._writes = writes
        """Whether a log is still being written."""

    def path(self, pod: tuple[str, str, str], container: str, run: int) -> Path:
        """Of one run of a container; the pod is named by namespace, name and UID."""
        return private.folder(self._folder / "_".join(pod) / container) / f"{run}.log"

    def clear(self, pod: tuple[str, str, str]) -> None:
        """The pod is no more, and so are its logs."""
        shutil.rmtree(self._folder / "_".join(pod), ignore_errors=True)

    def find(self, namespace: str, pod: str, container: str, *, previous: bool) -> Path | None:
        """The log of the container's latest run, or of the one before; None when it has none."""
        pods = sorted(self._folder.glob(f"{namespace}_{pod}_*"), key=lambda path: path.stat().st_mtime_ns)
        runs = sorted(pods[-1].glob(f"{container}/*.log"), key=lambda path: int(path.stem)) if pods else []
        wanted = -2 if previous else -1
        return runs[wanted] if len(runs) >= -wanted else None

    def read(self, path: Path, wanted: Wanted) -> Iterator[bytes]:
        """What is wanted of one log, line by line, for as long as it is written if it shall be followed."""
        left = wanted.limit
        for entry in self._entries(path, wanted):
            if (text := _text(entry, wanted)) is None:
                continue
            if left is not None:
                text, left = text[:left], max(left - len(text), 0)
            if text:
                yield text
            if left == 0:
                return

    def _entries(self, path: Path, wanted: Wanted) -> Iterator[bytes]:
        with path.open("rb") as file:
            over = not (wanted.follow and self._writes(path))
            entries = list(_whole(file))
            yield from entries if wanted.tail is None else entries[max(len(entries) - wanted.tail, 0) :]
            while not over:
                over = not self._writes(path)
                yield from _whole(file)
                if not over:
                    time.sleep(_LOOK_EVERY_SECONDS)


def _whole(file: BinaryIO) -> Iterator[bytes]:
    """The lines that are there, but for one that is still being written."""
    for line in file:
        if not line.endswith(b"\n"):
            file.seek(-len(line), 1)
            return
        yield line


def _text(entry: bytes, wanted: Wanted) -> bytes | None:
    """One entry as it is shown; None when it is too old."""
    moment, _, tag, text = entry.split(b" ", 3)
    if wanted.since is not None and datetime.fromisoformat(moment.decode("ascii")).timestamp() < wanted.since:
        return None
    text = text if tag == b"F" else text.removesuffix(b"\n")
    return moment + b" " + text if wanted.timestamps else text
