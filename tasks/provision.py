"""Make the node groups of one attempt at capacity, and take them away again: whole, and verified by asking AWS."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

from prefect import task
from prefect.cache_policies import NO_CACHE

from infra.gpu_nodes import Cut, GpuNodesArgs, is_group_of, node_groups, program, resources, stack_name
from infra.registry import reservations_group
from mig import labels, notice
from mig.errors import PipelineError, Refused
from mig.ledger import Lease, Released
from mig.manifest import namespace
from mig.offer import Offer
from mig.plan import Plan
from mig.spec import RunSpec
from mig.verdict import Settled, Verdict, Waiting
from tasks import kube, lease
from tasks.account import stands
from tasks.aws import Missing, call
from tasks.connect import Site, backend, clock, kubernetes, named_subnets
from tasks.identity import dissociate
from tasks.notify import announce
from tasks.progress import Bar, say
from tasks.wait import PacedClock, Patience, until

GROUP_MINUTES = 15
"""For a node group that is being made or resized to take the next change."""

ENGINE_MINUTES = 20
"""By the wall's clock, for an engine that was left alone to end."""

ASK_MINUTES = 2
"""By the wall's clock, for AWS and the API server to answer the last question."""

JOBS_MINUTES = 3
"""By the wall's clock, for the run's pods to end before their nodes go: their grace period is one minute. Then as long
again for their namespace."""

ALIVE = ("pending", "running", "stopping", "stopped", "shutting-down")
"""States in which an instance exists."""


def make_groups(site: Site, spec: RunSpec, plan: Plan, offer: Offer, attempt: int) -> tuple[str, ...]:
    """
    The empty node groups of one attempt, by EKS's names.

    The lease is written before anything is asked for: nothing exists that no record names. The engine asks the rule
    (mig.guardrail) about each resource before it makes it. Raises Failed when the rule or AWS refuses what is declared.
    """
    from infra import stacks  # Pulumi takes half a second to import: whoever only reads the flow is spared it
    from infra.diagnosis import Progress
    from infra.guardrail import guarded

    stack = stack_name(plan.run_id, attempt)
    expires = datetime.now(UTC) + timedelta(minutes=spec.lease.minutes)
    held = Lease(run_id=plan.run_id, stack=stack, expires=expires)
    args = GpuNodesArgs(
        run_id=plan.run_id,
        attempt=attempt,
        cluster=site.cluster,
        node_role_arn=_node_role(site),
        subnet_id=_subnet(site, spec, offer.zone),
        market=offer.market,
        instance_type=offer.instance_type,
        cuts=tuple(Cut(config_name=name, nodes=n) for name, n in Counter(n.config_name for n in plan.nodes).items()),
        lease=held.tag,
        owner=labels.OWNER,
        reservations=reservations(site) if offer.market == "on-demand" else "",
    )
    lease.write(site, held)
    progress = Progress(of=resources(args), show=Bar("node-groups", f"node groups for {offer.rung}").show)
    with guarded(backend(site), most_nodes=len(plan.nodes)) as judged:
        stacks.raise_stack(judged, stack, program(args), region=site.region, tell=say, progress=progress)
    return tuple(group.name for group in node_groups(args))


def subnets(site: Site, spec: RunSpec) -> dict[str, str]:
    """Where nodes may stand, by zone: the subnets that a request names for them, else the cluster's."""
    among = list(named_subnets(site, spec)) or _subnets_of(site)
    found = call(site, "ec2", "describe_subnets", SubnetIds=among)["Subnets"]
    return {each["AvailabilityZone"]: each["SubnetId"] for each in sorted(found, key=lambda s: s["AvailabilityZone"])}


def reservations(site: Site) -> str:
    """The cluster's group of capacity reservations, which on-demand nodes use first; empty where nobody keeps one."""
    try:
        group = call(site, "resource-groups", "get_group", GroupName=reservations_group(site.cluster))["Group"]
    except Missing:
        return ""
    return str(group["GroupArn"])


def drop_attempt(site: Site, run_id: str, attempt: int) -> None:
    """Destroy one attempt's stack whole."""
    from infra import stacks

    stacks.destroy(backend(site), stack_name(run_id, attempt), tell=say)


@task(name="tear the nodes down", task_run_name="tear the nodes down", cache_policy=NO_CACHE)
def release(site: Site, run_id: str, *, notify: Sequence[str] = ()) -> Released:
    """
    End a run's Jobs, take its nodes to zero, destroy its stacks, and ask AWS what is left.

    Whom `notify` names is told when something is.

    Idempotent. What goes wrong on the way is said, and shows in what is left; it hides no earlier error.
    """
    ends = (_end_pods, _drop_namespace, dissociate, _scale_to_zero, _destroy_stacks, _sweep, _await_namespace)
    for step in ends:
        try:
            step(site, run_id)
        except PipelineError as trouble:
            say(f"teardown goes on after trouble: {trouble}")
    left = _asked_what_is_left(site, run_id)
    if left:
        announce(notice.unverified(run_id, left), to=notify)
    say("teardown verified: nothing is left" if not left else f"TEARDOWN NOT VERIFIED, left: {', '.join(left)}")
    return Released(verified=not left, left=left)


def _asked_what_is_left(site: Site, run_id: str) -> tuple[str, ...]:
    """What is left; where that cannot be asked, nothing is verified."""
    patience = Patience(phase="teardown", deadline=ASK_MINUTES * 60, every=2, clock=PacedClock(), tell=say)
    try:
        return until(partial(remaining, site, run_id), Settled, patience)
    except PipelineError as trouble:
        return (f"what is left could not be asked: {trouble}",)


def remaining(site: Site, run_id: str) -> tuple[str, ...]:
    """What carries the run's tag or name and still exists in AWS and in Kubernetes."""
    mine = [{"Name": f"tag:{labels.TAG_RUN}", "Values": [run_id]}]
    alive = {"Name": "instance-state-name", "Values": list(ALIVE)}
    reservations = call(site, "ec2", "describe_instances", Filters=[*mine, alive])["Reservations"]
    instances = [f"{i['InstanceType']} {i['InstanceId']}" for r in reservations for i in r["Instances"]]
    return (
        *instances,
        *(f"node group {name}" for name in _groups(site, run_id)),
        *(f"launch template {name}" for name in _templates(site, run_id)),
        *(f"namespace {name}" for name in _namespaces(site, run_id)),
    )


def _end_pods(site: Site, run_id: str) -> None:
    if not stands(site):
        return
    client, within = kubernetes(site), f"namespaces/{namespace(run_id)}"
    pods = partial(kube.items, client, f"/api/v1/{within}/pods")
    if pods():
        say("ending the run's pods")
        kube.delete(client, f"/apis/batch/v1/{within}/jobs")
        until(pods, partial(_gone, "the run's pods have not all ended yet"), _while_ending())


def _drop_namespace(site: Site, run_id: str) -> None:
    """Only asked for here: Kubernetes lets five seconds pass before it begins, and the nodes go meanwhile."""
    if stands(site):
        kube.delete(kubernetes(site), f"/api/v1/namespaces/{namespace(run_id)}")


def _await_namespace(site: Site, run_id: str) -> None:
    look = partial(_namespaces, site, run_id)
    until(look, partial(_gone, "the run's namespace is not empty yet"), _while_ending())


def _namespaces(site: Site, run_id: str) -> list[str]:
    """Where the cluster is gone, its namespaces are."""
    if not stands(site):
        return []
    mine = {"labelSelector": f"{labels.RUN}={run_id}"}
    return [str(found["metadata"]["name"]) for found in kube.items(kubernetes(site), "/api/v1/namespaces", **mine)]


def _gone(why: str, there: Sequence[object]) -> Verdict[None]:
    return Waiting(why) if there else Settled(None)


def _while_ending() -> Patience:
    return Patience(phase="teardown", deadline=JOBS_MINUTES * 60, every=0.5, clock=PacedClock(), tell=say)


def _scale_to_zero(site: Site, run_id: str) -> None:
    for name in _groups(site, run_id):
        say(f"taking {name} to zero nodes")
        _persist(site, f"{name} cannot be resized yet", partial(scale, site, name, 0))


def _destroy_stacks(site: Site, run_id: str) -> None:
    from infra import stacks

    for stack in stacks.names(backend(site)):
        if stack.rpartition("-")[0] == run_id:
            say(f"destroying stack {stack}")
            show = Bar("teardown", f"destroy {stack}").show
            until(partial(stacks.destroy, backend(site), stack, tell=say, show=show), Settled, _while_locked())


def _while_locked() -> Patience:
    """An engine that was interrupted finishes what it is at before it gives its lock back."""
    return Patience(phase="teardown", deadline=ENGINE_MINUTES * 60, every=2, clock=PacedClock(), tell=say)


def _sweep(site: Site, run_id: str) -> None:
    """Delete by name what no stack knows: an engine that was killed leaves what it had only begun."""
    for name in _groups(site, run_id):
        say(f"deleting node group {name}, which no stack knows")
        _persist(site, f"{name} cannot be deleted yet", partial(_delete_group, site, name))
    for name in _templates(site, run_id):
        call(site, "ec2", "delete_launch_template", LaunchTemplateName=name)


def _persist(site: Site, why: str, act: Callable[[], None]) -> None:
    """Do it as soon as AWS lets us: a group that is being changed refuses every further change."""
    patience = Patience(
        phase="teardown", deadline=GROUP_MINUTES * 60, every=10, clock=clock(site), tell=lambda _: say(why)
    )
    until(act, Settled, patience)


def _delete_group(site: Site, name: str) -> None:
    with suppress(Missing):
        call(site, "eks", "delete_nodegroup", clusterName=site.cluster, nodegroupName=name)


def scale(site: Site, group: str, nodes: int) -> None:
    """Ask for so many nodes in a group; EKS answers before they are there."""
    size = {"desiredSize": nodes}
    call(site, "eks", "update_nodegroup_config", clusterName=site.cluster, nodegroupName=group, scalingConfig=size)


def _groups(site: Site, run_id: str) -> list[str]:
    try:
        names = call(site, "eks", "list_nodegroups", clusterName=site.cluster)["nodegroups"]
    except Missing:  # without the cluster there is none
        return []
    return [name for name in names if is_group_of(run_id, name)]


def _templates(site: Site, run_id: str) -> list[str]:
    mine = [{"Name": f"tag:{labels.TAG_RUN}", "Values": [run_id]}]
    found = call(site, "ec2", "describe_launch_templates", Filters=mine)["LaunchTemplates"]
    return [template["LaunchTemplateName"] for template in found]


def _node_role(site: Site) -> str:
    return str(call(site, "iam", "get_role", RoleName=f"{site.cluster}-node")["Role"]["Arn"])


def _subnet(site: Site, spec: RunSpec, zone: str) -> str:
    """The subnet for nodes in a zone. Raises Refused where there is none."""
    there = subnets(site, spec)
    if zone not in there:
        whose = "none of eks.subnets is" if named_subnets(site, spec) else "the cluster has no subnet"
        raise Refused("capacity.zones", f"{whose} in {zone}", accepted=", ".join(there))
    return there[zone]


def _subnets_of(site: Site) -> list[str]:
    cluster = call(site, "eks", "describe_cluster", name=site.cluster)["cluster"]
    return [str(each) for each in cluster["resourcesVpcConfig"]["subnetIds"]]
