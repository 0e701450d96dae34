"""
Lower what outlives runs, from the top down, and prove by asking AWS that nothing of it is left.

What Kubernetes made in the account goes while Kubernetes is there to take it: a load balancer or a volume that outlives
its cluster is billed, belongs to no stack, and holds its network. State and results stay: they are in a bucket that no
stack owns. A cluster that somebody else made is not emptied, nor asked for at the end: of it only our stacks go.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from mig import labels
from mig.errors import PipelineError
from mig.ledger import Released
from mig.verdict import Settled, Verdict, Waiting
from tasks import kube
from tasks.account import stands
from tasks.aws import call
from tasks.connect import Site, clock, kubernetes
from tasks.platform import is_somebody_elses, put_right, state, when_free
from tasks.progress import Bar, say
from tasks.provision import ALIVE
from tasks.wait import PacedClock, Patience, until

Object = dict[str, Any]

EMPTY_MINUTES = 10
"""Of the cloud's clock: load balancers and volumes go within minutes of their objects."""

_FORGET = "PULUMI_K8S_DELETE_UNREACHABLE"
"""Of Pulumi's kubernetes provider: what is in a cluster that cannot be reached is dropped from the state."""

ASK_MINUTES = 2
"""By the wall's clock, for AWS to answer the last question."""


@task(name="lower the platform", cache_policy=NO_CACHE)
def lower(site: Site, stacks_upwards: Sequence[str]) -> Released:
    """
    Empty the cluster, destroy its stacks from the top down, ask AWS what is left.

    Idempotent. What goes wrong on the way is said, and shows in what is left.
    """
    ground, *above = stacks_upwards
    ours = not is_somebody_elses(site)
    if not ours:
        say(f"the cluster {site.cluster} was made by no stack of ours: it stays, and what others keep in it")
    ends = tuple(partial(_destroy, site, name) for name in reversed(above))
    whole = (
        partial(_take_back, site, "services", _is_balancer),
        *ends,
        partial(_give_back_volumes, site),
        partial(_destroy, site, ground),
    )
    for step in whole if ours else ends:
        try:
            step()
        except PipelineError as trouble:
            say(f"lowering goes on after trouble: {trouble}")
    left = _asked(partial(remaining, site) if ours else partial(_stacks_left, site, above))
    say("lowering verified: nothing is left" if not left else f"LOWERING NOT VERIFIED, left: {', '.join(left)}")
    return Released(verified=not left, left=left)


def remaining(site: Site) -> tuple[str, ...]:
    """What carries the cluster's tag or name and still exists in AWS."""
    ours = {"Name": f"tag:{labels.TAG_CLUSTER}", "Values": [site.cluster]}
    alive = {"Name": "instance-state-name", "Values": list(ALIVE)}
    reservations = call(site, "ec2", "describe_instances", Filters=[ours, alive])["Reservations"]
    gateways = call(site, "ec2", "describe_nat_gateways", Filters=[ours])["NatGateways"]
    addresses = call(site, "ec2", "describe_addresses", Filters=[ours])["Addresses"]
    networks = call(site, "ec2", "describe_vpcs", Filters=[ours])["Vpcs"]
    return (
        *((f"EKS cluster {site.cluster}",) if stands(site) else ()),
        *(f"instance {each['InstanceId']}" for found in reservations for each in found["Instances"]),
        *(f"NAT gateway {each['NatGatewayId']}" for each in gateways if each["State"] != "deleted"),
        *(f"address {each['PublicIp']}" for each in addresses),
        *(f"volume {name}" for name in _volumes(site)),
        *(f"VPC {each['VpcId']}" for each in networks),
    )


def _stacks_left(site: Site, wanted: Sequence[str]) -> tuple[str, ...]:
    from infra import stacks

    there = stacks.names(state(site))
    return tuple(f"stack {name}" for name in wanted if name in there)


def _volumes(site: Site) -> list[str]:
    """Our own, and those that the EBS driver made: it tags them with the cluster that they are for."""
    tags = (f"tag:{labels.TAG_CLUSTER}", site.cluster), (f"tag:kubernetes.io/cluster/{site.cluster}", "owned")
    asked = ([{"Name": name, "Values": [value]}] for name, value in tags)
    found = (call(site, "ec2", "describe_volumes", Filters=wanted)["Volumes"] for wanted in asked)
    return sorted({each["VolumeId"] for volumes in found for each in volumes})


def _is_balancer(service: Object) -> bool:
    return bool(service["spec"].get("type") == "LoadBalancer")


def _goes_with_its_claim(volume: Object) -> bool:
    return bool(volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete")


def _take_back(site: Site, collection: str, which: Callable[[Object], bool]) -> None:
    """Delete what makes Kubernetes hold something of the account's, and wait until it has let go of it."""
    if not stands(site):
        return
    for each in filter(which, kube.items(kubernetes(site), f"/api/v1/{collection}")):
        space, name = each["metadata"]["namespace"], each["metadata"]["name"]
        say(f"deleting {collection} {space}/{name}")
        kube.delete(kubernetes(site), f"/api/v1/namespaces/{space}/{collection}/{name}")
    _await_none(site, collection, which)


def _await_none(site: Site, collection: str, which: Callable[[Object], bool]) -> None:
    def judge(found: list[Object]) -> Verdict[None]:
        still = ", ".join(each["metadata"]["name"] for each in found if which(each))
        return Waiting(f"{collection} are not gone yet: {still}") if still else Settled(None)

    look = partial(kube.items, kubernetes(site), f"/api/v1/{collection}")
    until(look, judge, Patience(phase="lower", deadline=EMPTY_MINUTES * 60, every=5, clock=clock(site), tell=say))


def _give_back_volumes(site: Site) -> None:
    """A claim goes first; its volume is gone when the account's disk is."""
    _take_back(site, "persistentvolumeclaims", lambda _: True)
    if stands(site):
        _await_none(site, "persistentvolumes", _goes_with_its_claim)


def _destroy(site: Site, stack: str) -> None:
    """What stood in a cluster that is gone is gone too: without one, the state forgets it."""
    from infra import stacks

    put_right(site, stack)
    where = state(site)
    if not stands(site):
        where = replace(where, environment={**where.environment, _FORGET: "true"})
    show = Bar(stack, f"destroy {stack}").show
    when_free(partial(stacks.destroy, where, stack, tell=say, show=show), "lower")


def _asked(look: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    """What is left; where that cannot be asked, nothing is verified."""
    patience = Patience(phase="lower", deadline=ASK_MINUTES * 60, every=2, clock=PacedClock(), tell=say)
    try:
        return until(look, Settled, patience)
    except PipelineError as trouble:
        return (f"what is left could not be asked: {trouble}",)
