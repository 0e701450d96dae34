"""Ask the cluster for everything that a run's workloads need, their Jobs last."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from mig.errors import Failed
from mig.guardrail import violations
from mig.manifest import Launched, build, namespace
from mig.plan import Plan
from mig.spec import RunSpec
from tasks import kube
from tasks.connect import Site, kubernetes
from tasks.identity import associate
from tasks.progress import say
from tasks.stage import sources


@task(name="launch the workloads", task_run_name="launch the workloads", cache_policy=NO_CACHE)
def launch(site: Site, spec: RunSpec, plan: Plan, data: str) -> Launched:
    """
    Apply everything the run's workloads need, in order; `data` is the staged set's `s3://bucket/prefix`.

    What the guardrail refuses ends the run before any of it is applied: also where no admission policy stands.
    """
    manifests = build(spec, plan, bucket=site.bucket, data=data, sources=sources())
    if refused := [f"{m['kind']} {m['metadata']['name']}: {why}" for m in manifests for why in violations(m)]:
        raise Failed("launch", "; ".join(refused))
    associate(site, plan.run_id)
    client = kubernetes(site)
    for manifest in manifests:
        kube.apply(client, manifest)
    say(f"launched {len(spec.workloads)} workloads in namespace {namespace(plan.run_id)}")
    return Launched(namespace=namespace(plan.run_id), workloads=tuple(w.name for w in spec.workloads))
