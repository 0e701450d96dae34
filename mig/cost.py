"""
Cost: for how long the nodes were billed, what that came to, and whose part it was.

What AWS charges beside instances (volumes, traffic, the cluster) is not known here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mig.ledger import Phase
from mig.outcome import PodResult, Result
from mig.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the nodes of one run cost."""

    usd: float | None
    """None: no price is known."""
    usd_by_workload: Mapping[str, float]
    """The whole bill, by compute slices times seconds: who used the nodes pays for their idle parts, too."""
    hours: float
    """From the moment the nodes were held to the end of the teardown, on the clock they run on."""


NOTHING = Cost(usd=0.0, usd_by_workload={}, hours=0.0)
"""No node was ever held."""


def bill(plan: Plan, phases: Sequence[Phase], results: Iterable[Result], *, usd_per_hour: float | None) -> Cost:
    """The bill of a run whose nodes were held in phase `capacity`, at the price of the offer that held them."""
    held = [phase.name for phase in phases].index("capacity")
    seconds = (p.seconds if p.simulated_seconds is None else p.simulated_seconds for p in phases[held + 1 :])
    hours = sum(seconds) / 3600
    usd = None if usd_per_hour is None else round(usd_per_hour * hours, 2)
    shares = _shares(plan, results) if usd else {}
    by_workload = {name: round((usd or 0.0) * share, 2) for name, share in shares.items()}
    return Cost(usd=usd, usd_by_workload=by_workload, hours=round(hours, 4))


def _shares(plan: Plan, results: Iterable[Result]) -> dict[str, float]:
    """Each workload's part of all compute slices times seconds that were used."""
    slices = {profile.name: profile.compute_slices for profile in plan.instance_type.gpu.profiles}
    used = {r.workload: slices[r.profile] * sum(map(_seconds, r.pods)) for r in results}
    whole = sum(used.values())
    return {name: part / whole for name, part in used.items()} if whole else {}


def _seconds(pod: PodResult) -> float:
    if not pod.started or not pod.finished:
        return 0.0
    return (datetime.fromisoformat(pod.finished) - datetime.fromisoformat(pod.started)).total_seconds()
