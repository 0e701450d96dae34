"""A report's money and time, and a workload's numbers and curves, as its page and its digest both show them."""

from mig.report import RunReport, WorkloadReport
from mig.timeline import duration

_SHOWN = {
    "accuracy": "{:.1%} accuracy",
    "loss": "loss {:.3f}",
    "images": "{:,} images",
    "images_per_second": "{:,.0f} images/s",
    "p50_ms": "p50 {:.1f} ms",
    "p99_ms": "p99 {:.1f} ms",
    "device": "on {}",
}
"""What a pod's `result` line says that people ask first."""


def headline(workload: WorkloadReport) -> str:
    """A workload's numbers on one line."""
    numbers = (form.format(workload.metrics[k]) for k, form in _SHOWN.items() if workload.metrics.get(k) is not None)
    return " · ".join(numbers)


def dollars(usd: float | None) -> str:
    """`$8.06`; a price that no table has is unknown."""
    return "unknown" if usd is None else f"${usd:,.2f}"


def wall(report: RunReport) -> str:
    """How long the run took by the wall's clock."""
    return duration(sum(phase.seconds for phase in report.phases))


def losses(workload: WorkloadReport) -> list[tuple[float, float]]:
    """Loss while training, by parts of an epoch."""
    steps = [at for at in workload.steps if "train_loss" in at]
    return [(at["epoch"] - 1 + at["step"] / at["steps"], at["train_loss"]) for at in steps]


def accuracies(workload: WorkloadReport) -> list[tuple[float, float]]:
    """Accuracy on the test images after each epoch."""
    return [(at["epoch"], at["accuracy"]) for at in workload.curve]
