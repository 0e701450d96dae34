"""
What can go wrong, in two kinds: come back later, or stop.

    PipelineError
    ├── Temporary            worth another try, after `delay` seconds
    └── Permanent            no try will help
        ├── Refused          the request is wrong: nothing was created        (exit 2)
        ├── NoCapacity       every offer was asked and none held              (exit 3)
        ├── Failed           a phase broke, or its deadline passed            (exit 1)
        └── LeftBehind       something may still be billed: it is named       (exit 4)

Foreign errors (boto3, Kubernetes, Pulumi) never get past the adapter that met them: it translates what it knows by
code, and lets what it does not know rise unchanged.
"""

from mig.offer import Tried


class PipelineError(Exception):
    """Everything this project raises on purpose."""


class Temporary(PipelineError):  # noqa: N818 (what it is called by those who retry)
    """Worth another try: the outside world was busy, away or throttling."""

    def __init__(self, why: str, *, delay: float) -> None:
        super().__init__(why)
        self.delay = delay
        """Seconds to let pass before the next try."""


class Permanent(PipelineError):  # noqa: N818 (the same)
    """No further try will help."""


class Refused(Permanent):
    """The request cannot be carried out as written; nothing was created or started."""

    def __init__(self, field: str, why: str, *, accepted: str = "") -> None:
        self.field = field
        """The field as a person finds it in the request: `workloads[0].slice`."""
        sentence = f"{field}: {why}" if field else why
        super().__init__(f"{sentence}; accepted: {accepted}" if accepted else sentence)


class NoCapacity(Permanent):
    """Every offer was asked and none held."""

    def __init__(self, tried: tuple[Tried, ...]) -> None:
        self.tried = tried
        super().__init__("no capacity: " + "; ".join(f"{t.rung}: {t.reason}" for t in tried))


class Failed(Permanent):
    """A phase of the run broke or ran out of time."""

    def __init__(self, phase: str, why: str) -> None:
        self.phase = phase
        super().__init__(f"{phase}: {why}")


class LeftBehind(Permanent):
    """Teardown could not be verified: what is named here may still be billed."""

    def __init__(self, left: tuple[str, ...]) -> None:
        self.left = left
        super().__init__("teardown not verified, still there: " + ", ".join(left))
