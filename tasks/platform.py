"""Raise what outlives runs, layer by layer, look at it, and say beforehand what would become of it."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE

from infra import programs
from infra.backend import STANDING, Backend
from infra.monitoring import PASSWORD_KEY, USER_KEY
from infra.programs import Given, Layer
from mig import labels
from mig.changes import NONE, Changes
from mig.charts import RECORDS, Chart, agree, recorded
from mig.errors import Refused
from mig.release import RELEASES
from mig.spec import RunSpec
from mig.verdict import Settled
from tasks import kube
from tasks.account import stands, wanted
from tasks.connect import Site, backend, kubernetes
from tasks.pending import identify
from tasks.progress import Bar, say
from tasks.wait import PacedClock, Patience, until

ENGINE_MINUTES = 20
"""By the wall's clock, for another engine that is at work on the same stack to end."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What raising would change, layer by layer."""

    by_layer: Mapping[str, Changes]

    @property
    def whole(self) -> Changes:
        """All layers as one."""
        return sum(self.by_layer.values(), start=NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grafana:
    """Where Grafana is, and where its password stands: in a Secret of the cluster, and in no output."""

    namespace: str
    service: str
    secret: str
    user_key: str
    password_key: str


def layers(site: Site, spec: RunSpec) -> tuple[Layer, ...]:
    """
    What shall stand here for a request, from the ground up.

    On a cluster that no stack of ours made only what stands in it: the cluster itself is never changed.
    """
    ground, *above = programs.layers(wanted(site, spec))
    if is_somebody_elses(site):
        say(f"the cluster {site.cluster} was made by no stack of ours: it is taken as it is")
        return tuple(above)
    return (ground, *above)


def is_somebody_elses(site: Site) -> bool:
    """Whether the cluster is there, and no stack of ours has made it."""
    from infra import stacks

    return stands(site) and names(site)[0] not in stacks.names(state(site))


def names(site: Site) -> tuple[str, ...]:
    """The stacks of what stands here, from the ground up, whether they are there or not."""
    return programs.stack_names(site.cluster)


def state(site: Site) -> Backend:
    """Where the stacks that outlive runs are."""
    return replace(backend(site), project=STANDING)


def stand(site: Site, spec: RunSpec) -> Changes:
    """
    What runs stand on is there: what is missing of it is raised, where the request allows that; what was raised.

    A cluster that no stack of ours made is let be, and taken as it is. Raises Refused where something is missing, or
    another pair of NVIDIA's charts stands there than the request names.
    """
    ground, top = names(site)
    given = standing(site, (ground, top))
    if stands(site) and (ground not in given or given.get(top)):
        agree(installed(site), RELEASES[spec.release], cluster=site.cluster)
        return NONE
    if not spec.eks.raise_missing:
        why = f"of the cluster {site.cluster} and what stands in it something is missing"
        raise Refused("eks.raise_missing", why, accepted="true, or `mig platform up` first")
    return raise_all(site, layers(site, spec)).whole


def installed(site: Site) -> tuple[Chart, ...]:
    """The charts that Helm has recorded where NVIDIA's are installed."""
    client, spaces = kubernetes(site), (labels.OPERATOR_NAMESPACE, labels.DRA_NAMESPACE)
    records = (kube.items(client, f"/api/v1/namespaces/{space}/secrets", labelSelector=RECORDS) for space in spaces)
    return tuple(chart for found in records for chart in recorded(found))


def foresee(site: Site, upwards: Sequence[Layer]) -> Foreseen:
    """What raising them would change; leaves no trace. Raises Failed for what the rule (mig.guardrail) refuses."""
    from infra import stacks  # Pulumi takes half a second to import: whoever only reads the flow is spared it
    from infra.guardrail import guarded

    given: Given = {}
    seen = {}
    with guarded(state(site)) as judged:
        for layer in upwards:
            seen[layer.name] = stacks.preview(judged, layer.stack, layer.program(given), region=site.region)
            given = {**given, **stacks.outputs(judged, layer.stack)}
    return Foreseen(by_layer=seen)


def raise_all(site: Site, upwards: Sequence[Layer]) -> Foreseen:
    """Make everything be as declared, from the ground up; what was changed. Raises Failed where a layer breaks."""
    given: Given = {}
    done = {}
    with ThreadPoolExecutor(1) as aside:
        aside.submit(programs.warm, *upwards[:1])
        for above, layer in enumerate(upwards, start=1):
            # Not sooner: imports would take the processor from the program of this layer.
            meanwhile = partial(aside.submit, programs.warm, *upwards[above : above + 1])
            done[layer.name], gave = raise_layer(site, layer, given, meanwhile)
            given = {**given, **gave}
    return Foreseen(by_layer=done)


@task(task_run_name="raise {layer.name}", cache_policy=NO_CACHE)
def raise_layer(site: Site, layer: Layer, given: Given, meanwhile: Callable[[], object]) -> tuple[Changes, Given]:
    """
    One layer: what an interrupted engine left is put right, what is to be done is counted, then it is done.

    The engine asks the rule (mig.guardrail) about each resource before it makes it; meanwhile there is time for
    something else. Returns what was changed, and what the layer gives to those that stand on it.
    """
    from infra import stacks
    from infra.diagnosis import Progress
    from infra.guardrail import guarded

    foreseen = NONE

    def foresee(changes: Changes) -> None:
        nonlocal foreseen
        if changes != foreseen:  # the same is foreseen again while another engine is at work
            say(f"{layer.name}: {changes}")
        foreseen = changes
        meanwhile()

    put_right(site, layer.stack)
    progress = Progress(phase=layer.name, show=Bar(layer.name, f"raise {layer.name}").show)
    with guarded(state(site)) as judged:
        raise_stack = partial(stacks.raise_stack, judged, layer.stack, layer.program(given), region=site.region)
        act = partial(raise_stack, tell=say, progress=progress, foresee=foresee)
        gave = when_free(act, layer.name)
    return foreseen, gave


def refresh_all(site: Site, upwards: Sequence[str]) -> Changes:
    """Look at everything that stands, and take what was changed outside into the state; what that was."""
    from infra import stacks

    found = NONE
    for name in _there(site, upwards):
        put_right(site, name)
        changes = when_free(partial(stacks.refresh, state(site), name, tell=say), "refresh")
        say(f"{name}: changed outside: {changes}")
        found += changes
    return found


def standing(site: Site, upwards: Sequence[str]) -> dict[str, Given]:
    """What each of the long-lived stacks gives; one that is not there is left out."""
    from infra import stacks

    return {name: stacks.outputs(state(site), name) for name in _there(site, upwards)}


def grafana(site: Site) -> Grafana:
    """Where Grafana is, by what the platform's stack gives. Raises Refused where it does not stand."""
    given = standing(site, names(site)).get(names(site)[-1], {}).get("grafana")
    if given is None:
        raise Refused("platform", f"none stands for {site.cluster}", accepted="one that `mig platform up` has raised")
    return Grafana(user_key=USER_KEY, password_key=PASSWORD_KEY, **given)


def put_right(site: Site, stack: str) -> None:
    """What an engine that was killed left of a stack: its lock, and what it had begun."""
    from infra import stacks

    when_free(partial(stacks.recover, state(site), stack, identify=partial(identify, site), tell=say), stack)


def when_free(act: Callable[[], Value], phase: str) -> Value:
    """Do it as soon as no other engine is at work on the stack."""
    patience = Patience(phase=phase, deadline=ENGINE_MINUTES * 60, every=2, clock=PacedClock(), tell=say)
    return until(act, Settled, patience)


def _there(site: Site, upwards: Sequence[str]) -> list[str]:
    from infra import stacks

    there = stacks.names(state(site))
    return [name for name in upwards if name in there]
