"""
The container runtime as a kubelet sees it: start this, signal that, and be told what happened.

Containers are local processes of `shim`; there are no images, namespaces or cgroups.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.node import shim

KILLED = 137
"""Exit code of a process that was killed: 128 and the signal's number."""

CANNOT_START = 128
"""Exit code of a container whose command could not be run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What shall run."""

    container_id: str
    argv: tuple[str, ...]
    folder: Path
    """Its working directory."""
    environment: Mapping[str, str]
    """All of it: nothing is inherited. Its PATH is also where the command is looked up."""
    log: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A container's process runs."""

    container_id: str
    at: float
    """Unix seconds."""
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A container's process has ended, with all that it had started."""

    container_id: str
    at: float
    code: int
    error: str
    """Why it could not even be started; empty otherwise."""


class Runtime:
    """A shim, and who is to be told of each of its containers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", shim.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={},
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 (asked for above)
        self._orders = self._process.stdin
        self._lock = threading.Lock()
        self._told: dict[str, Callable[[Started | Ended], None]] = {}
        self._logs: dict[str, Path] = {}
        self._reader = threading.Thread(target=self._read, name="runtime", daemon=True)
        self._reader.start()

    def start(self, process: Process, tell: Callable[[Started | Ended], None]) -> None:
        """Start a container; `tell` hears that it Started, or Ended with an error, and then that it Ended."""
        with self._lock:
            self._told[process.container_id] = tell
            self._logs[process.container_id] = process.log
        self._order(
            id=process.container_id,
            argv=process.argv,
            cwd=str(process.folder),
            env=dict(process.environment),
            log=str(process.log),
        )

    def signal(self, container_id: str, number: int) -> None:
        """Signal a container's process, and with SIGKILL all that it has started. One that has ended hears nothing."""
        self._order(id=container_id, signal=number)

    def writes(self, log: Path) -> bool:
        """Whether a running container still writes this log."""
        with self._lock:
            return log in self._logs.values()

    def close(self) -> None:
        """End everything at once."""
        with self._lock:
            self._orders.close()
        self._process.wait()
        self._reader.join()

    def _order(self, **order: object) -> None:
        line = json.dumps(order).encode() + b"\n"
        with self._lock:
            if self._orders.closed:
                return
            try:
                self._orders.write(line)
                self._orders.flush()
            except BrokenPipeError:  # the shim was killed: the reader tells everybody
                return

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 (asked for above)
        with self._process.stdout as answers:
            for line in answers:
                self._hand_on(_event(json.loads(line)))
        with self._lock:
            left = list(self._told)
        for container_id in left:
            self._hand_on(Ended(container_id=container_id, at=time.time(), code=KILLED, error=""))

    def _hand_on(self, event: Started | Ended) -> None:
        with self._lock:
            tell = self._told[event.container_id]
            if isinstance(event, Ended):
                del self._told[event.container_id], self._logs[event.container_id]
        tell(event)


def _event(answer: Mapping[str, Any]) -> Started | Ended:
    container_id, at = answer["id"], answer["at"]
    if "pid" in answer:
        return Started(container_id=container_id, at=at, pid=answer["pid"])
    if "error" in answer:
        return Ended(container_id=container_id, at=at, code=CANNOT_START, error=answer["error"])
    code = answer["code"]
    return Ended(container_id=container_id, at=at, code=code if code >= 0 else 128 - code, error="")
