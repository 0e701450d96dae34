"""
The container runtime of a stage: one small process that is the parent of every container's process.

Run as a file by `runtime`, which is its other end; it imports nothing of ours. Orders come as JSON lines on
standard input, what happened goes out as JSON lines on standard output. It is a process of its own for three reasons:
forking it costs little and is safe, as it has one thread; it stamps every line of a container's log, as `kubectl logs
--since` needs; and when its input ends, however its owner ended, it ends everything it started.

A container is its first process: when that has ended, so does all that it has started, in whatever session. Where a
kernel would end a PID namespace, this adopts what is left (it is a subreaper), and knows it by a variable.
"""

import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_NICENESS = 5
"""Pods give way to the control plane: on a small machine they take every core they get."""

_READ_BYTES = 65_536
_LONGEST_LINE = 16_384
"""A line longer than that is logged in parts, as containerd does."""

_PRIVATE = 0o600

_MARK = "REHEARSAL_CONTAINER"
"""The variable by which a process knows, and tells, which container it belongs to."""
_TELLS = f"{_MARK}=".encode()

_PR_SET_CHILD_SUBREAPER = 36


class Container:
    """One running process, the leader of its own session, and its log."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.id: str = order["id"]
        self._log = os.fdopen(
            os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, _PRIVATE), "wb", buffering=0
        )
        self._pending = b""
        try:
            self.process = subprocess.Popen(
                order["argv"],
                cwd=order["cwd"],
                env={**order["env"], _MARK: self.id},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError:
            self._log.close()
            raise
        self.output: IO[bytes] = self.process.stdout  # type: ignore[assignment]  # there is one: it was asked for
        os.set_blocking(self.output.fileno(), False)

    def read(self) -> bool:
        """Log what the process has said since; False when it can say no more."""
        try:
            chunk = os.read(self.output.fileno(), _READ_BYTES)
        except BlockingIOError:
            return True
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        stamp = _stamp()
        entries = [stamp + b" stdout F " + line + b"\n" for line in lines]
        if self._pending and (not chunk or len(self._pending) > _LONGEST_LINE):
            entries.append(stamp + b" stdout P " + self._pending + b"\n")
            self._pending = b""
        self._log.write(b"".join(entries))
        return bool(chunk)

    def signal(self, number: int) -> None:
        """Send a signal: to the process itself, as a runtime does, but death to all that it has started."""
        with suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
            else:
                os.kill(self.process.pid, number)

    def close(self) -> None:
        """Its process has ended: end what that left behind, and log its last words."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        while self.read():
            with selectors.DefaultSelector() as said:
                said.register(self.output, selectors.EVENT_READ)
                if not said.select(timeout=0.2):  # somebody left the session and keeps the pipe
                    break
        self.output.close()
        self._log.close()


class Shim:
    """Everything that runs."""

    def __init__(self) -> None:
        self._containers: dict[str, Container] = {}
        self._orders = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        self._death, woken = socket.socketpair()
        for end in (self._death, woken):
            end.setblocking(False)  # noqa: FBT003 (it takes no keywords)
        self._selector.register(self._death, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken.detach(), warn_on_full_buffer=False)

    def run(self) -> None:
        """Obey until the orders end."""
        obeying = True
        while obeying:
            ready = {key.fileobj: key.data for key, _ in self._selector.select()}
            for output, container in ready.items():
                if isinstance(container, Container) and not container.read():
                    self._selector.unregister(output)
            if self._death in ready:
                self._bury()
            if sys.stdin.fileno() in ready:
                obeying = self._obey()

    def end_all(self) -> None:
        """Leave no process."""
        for container in self._containers.values():
            container.signal(signal.SIGKILL)
        for container in self._containers.values():
            container.process.wait()
            container.close()
        self._forget(list(self._containers.values()))

    def _obey(self) -> bool:
        chunk = os.read(sys.stdin.fileno(), _READ_BYTES)
        *lines, self._orders = (self._orders + chunk).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "signal" not in order:
                self._start(order)
            elif order["id"] in self._containers:
                self._containers[order["id"]].signal(order["signal"])
        return bool(chunk)

    def _start(self, order: dict[str, Any]) -> None:
        try:
            container = Container(order)
        except OSError as error:
            _tell(id=order["id"], at=time.time(), error=f"{error.strerror}: {error.filename}")
            return
        self._containers[container.id] = container
        self._selector.register(container.output, selectors.EVENT_READ, container)
        _tell(id=container.id, at=time.time(), pid=container.process.pid)

    def _bury(self) -> None:
        with suppress(BlockingIOError):
            self._death.recv(_READ_BYTES)
        ended = [each for each in self._containers.values() if each.process.poll() is not None]
        self._forget(ended)
        for container in ended:
            with suppress(KeyError):  # its output may have ended before it did
                self._selector.unregister(container.output)
            container.close()
            _tell(id=container.id, at=time.time(), code=container.process.returncode)

    def _forget(self, ended: list[Container]) -> None:
        """Kill what these have left; what that leaves in turn becomes ours, and is killed as well, now or later."""
        for container in ended:
            del self._containers[container.id]
        first = {container.process.pid for container in self._containers.values()}
        sessions = {container.process.pid for container in ended}
        while left := [pid for pid in set(_children()) - first if os.getsid(pid) in sessions or self._stray(pid)]:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        for pid in set(_children()) - first:  # of containers that live
            os.waitpid(pid, os.WNOHANG)

    def _stray(self, pid: int) -> bool:
        """Whether it is of a container that has ended; one that is ending itself tells its session, but no mark."""
        marks = {line.removeprefix(_TELLS) for line in _environment(pid) if line.startswith(_TELLS)}
        return bool(marks) and marks.isdisjoint(each.encode() for each in self._containers)


def _children() -> list[int]:
    """By the only thread there is; a kernel that does not list them leaves orphans to the guard of the stage."""
    with suppress(FileNotFoundError):
        return [int(pid) for pid in Path("/proc/thread-self/children").read_text().split()]
    return []


def _environment(pid: int) -> set[bytes]:
    """Its variables; none once it has ended."""
    with suppress(ProcessLookupError):
        return set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    return set()


def _tell(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _stamp() -> bytes:
    now = time.time_ns()
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 1_000_000_000))
    return f"{seconds}.{now % 1_000_000_000:09d}Z".encode("ascii")


def _main() -> None:
    os.nice(_NICENESS)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the owner of the stage, who ends us in order
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    shim = Shim()
    try:
        shim.run()
    finally:
        shim.end_all()


if __name__ == "__main__":
    _main()
