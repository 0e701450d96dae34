"""
Whether a container is ready, as its kubelet finds out: by asking it over HTTP, again and again, while it runs.

Of a manifest's probes this is the one that is carried out here, in the wall's time. A container without one is ready as
soon as it runs.
"""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from rehearsal.api_server import Object

_WELL = range(200, 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """An HTTP readiness probe, with Kubernetes' own defaults."""

    host: str
    port: int
    path: str
    delay: float = 0.0
    """Seconds after the start before it is asked first."""
    period: float = 10.0
    """Seconds between two questions."""
    timeout: float = 1.0
    successes: int = 1
    """Good answers in a row that make it ready."""
    failures: int = 3
    """Bad ones that end that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What the answers so far come to."""

    ready: bool = False
    in_a_row: int = 0
    """Answers that say the opposite."""

    def with_answer(self, probe: Probe, *, well: bool) -> "Readiness":
        """One answer more."""
        if well == self.ready:
            return replace(self, in_a_row=0)
        enough = probe.successes if well else probe.failures
        if self.in_a_row + 1 >= enough:
            return Readiness(ready=well)
        return replace(self, in_a_row=self.in_a_row + 1)


def probe(container: Object, address: str) -> Probe | None:
    """What a container's manifest says of its readiness; None: nothing that is asked over HTTP."""
    told = container.get("readinessProbe", {})
    if "httpGet" not in told:
        return None
    get = told["httpGet"]
    given = {
        "delay": told.get("initialDelaySeconds"),
        "period": told.get("periodSeconds"),
        "timeout": told.get("timeoutSeconds"),
        "successes": told.get("successThreshold"),
        "failures": told.get("failureThreshold"),
    }
    return Probe(
        host=get.get("host") or address,
        port=port_number(container, get["port"]) or 0,  # where nobody answers: it will not be ready
        path=get.get("path") or "/",
        **{name: value for name, value in given.items() if value is not None},
    )


def port_number(container: Object, port: int | str) -> int | None:
    """A port of a container, by its number or by the name that it has there; None: it has none of that name."""
    if isinstance(port, int):
        return port
    named = (each["containerPort"] for each in container.get("ports", []) if each.get("name") == port)
    return next(named, None)


class Prober:
    """Asks one run of a container, in a thread of its own, and tells whenever the finding is another."""

    def __init__(self, probe: Probe, tell: Callable[[bool], None]) -> None:
        self._probe = probe
        self._tell = tell
        self._stop = threading.Event()
        threading.Thread(target=self._run, name=f"probe {probe.host}:{probe.port}", daemon=True).start()

    def stop(self) -> None:
        """Ask no more. An answer that is under way may still be told."""
        self._stop.set()

    def _run(self) -> None:
        readiness, pause = Readiness(), self._probe.delay
        while not self._stop.wait(pause):
            before, readiness = readiness, readiness.with_answer(self._probe, well=_asked(self._probe))
            if readiness.ready != before.ready:
                self._tell(readiness.ready)
            pause = self._probe.period


def _asked(probe: Probe) -> bool:
    connection = http.client.HTTPConnection(probe.host, probe.port, timeout=probe.timeout)
    try:
        connection.request("GET", probe.path)
        return connection.getresponse().status in _WELL
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
