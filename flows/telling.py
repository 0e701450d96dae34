"""
The telling: what a run has told so far, stage by stage, and the report that comes of it, however far the run came.

A stage's value is kept as it is returned; nothing is filled in later. What a stage means is none of its business.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar

from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.endings import broken, delivered
from mig.errors import LeftBehind, Permanent
from mig.ledger import Phase
from mig.report import RunReport, Story, compose
from mig.spec import RunSpec
from mig.tries import Try
from tasks.connect import Site
from tasks.publish import publish

P = ParamSpec("P")
Value = TypeVar("Value")


class Telling:
    """One run's story while it is told."""

    def __init__(self, spec: RunSpec, this: Try | None = None) -> None:
        self.spec = spec
        self.this = this or Try()
        self.run_id = run_id(spec.name, str(flow_run.id))
        self._told: list[object] = []
        self._phases: list[Phase] = []
        self._error: BaseException | None = None
        self._report: RunReport | None = None

    def tell(self, phase: str, stage: Callable[P, Value], *args: P.args, **kwargs: P.kwargs) -> Value:
        """Run one stage, keep what it returns and how long it took, and hand its value on."""
        started, begun = datetime.now(UTC), time.monotonic()
        try:
            with self._noted():
                value = stage(*args, **kwargs)
        finally:
            seconds = time.monotonic() - begun
            self._phases.append(Phase(name=phase, started=started.isoformat(timespec="seconds"), seconds=seconds))
        self._told.append(value)
        return value

    @contextmanager
    def ending(self) -> Iterator[None]:
        """What ends the run on purpose ends here; what nobody foresaw goes on rising."""
        with suppress(Permanent), delivered(), self._noted():
            yield

    @contextmanager
    def published(self, place: Site) -> Iterator[None]:
        """Compose the report when everything else is over, and publish it, whatever happened."""
        try:
            with self._noted():
                yield
        finally:
            story = Story(spec=self.spec, run_id=self.run_id, told=tuple(self._told), phases=tuple(self._phases))
            self._report = compose(story, error=self._error, simulated=place.simulated, scale=place.time_scale)
            publish(place, self._report)

    def state(self) -> State[RunReport]:
        """The flow run's final state: named for what happened where that says more than Failed."""
        report, error = self._report, self._error
        if error is None and report is not None and not report.teardown.verified:
            error = LeftBehind(report.teardown.left)
        if error is not None:
            return broken(error, report)
        return Completed(data=report)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Remember the first error: it is the one that is shown, whatever goes wrong after it."""
        try:
            yield
        except BaseException as error:
            self._error = self._error or error
            raise


def run_id(name: str, flow_run_id: str) -> str:
    """A run's name follows from its flow run: whoever knows that one finds what belongs to this one."""
    return f"{name}-{flow_run_id[:8]}"
