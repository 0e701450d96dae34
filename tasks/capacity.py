"""Ask AWS for the offers of a plan, one by one, until one holds."""

import time
from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from infra.gpu_nodes import stack_name
from mig import notice
from mig.capacity import Activity, Answer, judge
from mig.errors import NoCapacity
from mig.ladder import rank
from mig.offer import GpuNodes, Offer, Tried
from mig.plan import Plan
from mig.spec import RunSpec
from mig.verdict import Broken, Settled, Verdict, Waiting
from tasks import provision
from tasks.aws import call
from tasks.connect import Site, clock
from tasks.geometry import tell_mig_manager
from tasks.notify import announce
from tasks.progress import say
from tasks.wait import Patience, until

ASK_MINUTES = 15
"""For an offer to launch or to be refused: a refusal shows within about a minute, a launch takes a few."""

EVERY_SECONDS = 15
"""Between two looks at a group's activities."""


@task(name="find capacity", task_run_name="find capacity", cache_policy=NO_CACHE)
def acquire(site: Site, spec: RunSpec, plan: Plan, *, again: str = "") -> GpuNodes:
    """
    The nodes of the first offer that holds.

    A refused attempt is destroyed whole before the next is asked. Raises NoCapacity, with every answer, when none
    holds; Failed when AWS refuses for another reason. `again` says when all will be asked once more; empty: never.
    """
    tell_mig_manager(site, plan)
    tried: tuple[Tried, ...] = ()
    offers = rank(plan, spec, tuple(provision.subnets(site, spec)))
    for attempt, offer in enumerate(offers, start=1):
        say(f"asking for {offer.rung} (${offer.usd_per_hour:.2f} an hour)")
        begun = time.monotonic()
        groups = provision.make_groups(site, spec, plan, offer, attempt)
        answer = _ask(site, groups)
        tried += (_tried(offer, answer, time.monotonic() - begun),)
        if answer.held:
            announce(notice.granted(plan.run_id, offer))
            return GpuNodes(
                run_id=plan.run_id,
                offer=offer,
                tried=tried,
                node_groups=groups,
                stack=stack_name(plan.run_id, attempt),
                expected=len(plan.nodes),
            )
        announce(notice.refused(plan.run_id, tried[-1], offers=offers, again=again), to=spec.notify)
        provision.drop_attempt(site, plan.run_id, attempt)
    raise NoCapacity(tried)


def _ask(site: Site, groups: Sequence[str]) -> Answer:
    """Scale the groups up and watch their activities."""
    wanted: dict[str, int] = {}
    scaling: dict[str, str] = {}
    for group in groups:
        found = call(site, "eks", "describe_nodegroup", clusterName=site.cluster, nodegroupName=group)["nodegroup"]
        wanted[group] = found["scalingConfig"]["maxSize"]
        scaling[group] = found["resources"]["autoScalingGroups"][0]["name"]
        provision.scale(site, group, wanted[group])

    def look() -> dict[str, tuple[Activity, ...]]:
        return {group: _activities(site, name) for group, name in scaling.items()}

    def judge_all(seen: dict[str, tuple[Activity, ...]]) -> Verdict[Answer]:
        verdicts = [judge(activities, wanted=wanted[group]) for group, activities in seen.items()]
        return _together(verdicts)

    patience = Patience(phase="capacity", deadline=ASK_MINUTES * 60, every=EVERY_SECONDS, clock=clock(site), tell=say)
    return until(look, judge_all, patience)


def _together(verdicts: Sequence[Verdict[Answer]]) -> Verdict[Answer]:
    """Several groups are one offer: broken or refused when one is, held when all are."""
    settled = [verdict for verdict in verdicts if isinstance(verdict, Settled)]
    refused = [verdict for verdict in settled if not verdict.value.held]
    for kind in (Broken, Waiting):
        for verdict in verdicts:
            if isinstance(verdict, kind) and (kind is Broken or not refused):
                return verdict
    return (refused or settled)[0]


def _activities(site: Site, group: str) -> tuple[Activity, ...]:
    found = call(site, "autoscaling", "describe_scaling_activities", AutoScalingGroupName=group)["Activities"]
    return tuple(Activity(status=a["StatusCode"], message=a.get("StatusMessage", "")) for a in found)


def _tried(offer: Offer, answer: Answer, seconds: float) -> Tried:
    return Tried(
        rung=offer.rung,
        outcome="held" if answer.held else "refused",
        code=answer.code,
        reason=answer.reason,
        seconds=round(seconds, 1),
    )
