"""Follow the workloads to their ends: their pods' answers as they come, then logs and artifacts from S3."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed

from mig.manifest import Launched
from mig.outcome import Ended, JobSeen, PodSeen, Result, judge, result
from mig.plan import Plan
from mig.readiness import ReadySlices
from mig.spec import RunSpec, Workload
from mig.verdict import Verdict
from tasks import observe
from tasks.aws import call
from tasks.connect import Site, aws
from tasks.progress import Bar, say
from tasks.publish import publish_files
from tasks.wait import PacedClock, Patience, until
from training.contract import read_line

EVERY_SECONDS = 2.0
"""Between two looks at a workload, on the wall: training is real, so its clock is."""


@task(task_run_name="{workload.kind} {workload.name} on {workload.slice}", cache_policy=NO_CACHE)
def follow(
    site: Site, workload: Workload, *, spec: RunSpec, plan: Plan, launched: Launched, ready: ReadySlices
) -> Result:
    """One workload from its first pod to its result; the state of this task is the workload's."""
    ended = _watched(site, workload, spec, launched.namespace)
    said = {pod.name: observe.whole_log(site, launched.namespace, pod.name) for pod in ended.pods}
    prefix = f"runs/{plan.run_id}/workloads/{workload.name}/"
    _keep_logs(site, prefix, ended.pods, said)
    profile = next(demand.profile for demand in plan.demands if demand.workload == workload.name)
    left = _artifacts(site, prefix)
    publish_files(site, workload, left)
    came = result(workload, ended, profile=profile, said=said, devices=ready.devices, artifacts=left)
    if came.status == "succeeded":
        return came
    return Failed(message=f"{workload.name}: {came.why}", data=came)  # type: ignore[return-value]  # the task's state


def _watched(site: Site, workload: Workload, spec: RunSpec, namespace: str) -> Ended:
    relay = _Relay(site, namespace, workload)
    among = {each.name for each in spec.workloads}
    claimed: dict[str, str] = {}

    def look() -> tuple[JobSeen, JobSeen | None]:
        job = _with_devices(observe.job(site, namespace, workload.name), claimed)
        producer = observe.job(site, namespace, workload.model_from) if workload.model_from in among else None
        relay.pass_on(job.pods)
        return job, producer

    def judge_both(seen: tuple[JobSeen, JobSeen | None]) -> Verdict[Ended]:
        return judge(*seen)

    minutes = workload.timeout_minutes or spec.max_hours * 60
    patience = Patience(
        phase="run",
        deadline=minutes * 60 + 60,  # the Job's own deadline comes first, and says it better
        every=EVERY_SECONDS,
        clock=PacedClock(),
        tell=relay.waits,
    )
    return until(look, judge_both, patience)


def _with_devices(job: JobSeen, claimed: dict[str, str]) -> JobSeen:
    """The Job with the devices its pods had: a claim is gone as soon as its pod is done, so it is remembered."""
    claimed.update({pod.name: pod.device for pod in job.pods if pod.device})
    return replace(job, pods=tuple(replace(pod, device=claimed.get(pod.name, "")) for pod in job.pods))


class _Relay:
    """Passes on what pods have answered since the last time: summary lines as log, progress as a bar of all of them."""

    def __init__(self, site: Site, namespace: str, workload: Workload) -> None:
        self._site = site
        self._namespace = namespace
        self._bar = Bar(f"workload-{workload.name}", f"{workload.kind} {workload.name}")
        self._epochs = workload.epochs
        self._passed: dict[str, int] = {}
        self._progress = dict.fromkeys(range(workload.count), 0.0)
        self._pods, self._epoch = "", ""

    def waits(self, why: str) -> None:
        """What is waited for: how many pods run, and what holds one up."""
        say(why)
        self._pods = why.partition(": ")[2]
        self._bar.at(self._at)

    def pass_on(self, pods: Iterable[PodSeen]) -> None:
        """Read the logs of pods that may have said something new."""
        for pod in pods:
            if not pod.started:
                continue
            lines = observe.log(self._site, self._namespace, pod.name)
            for line in lines[self._passed.get(pod.name, 0) :]:
                self._pass(pod, line)
            self._passed[pod.name] = len(lines)

    def _pass(self, pod: PodSeen, line: str) -> None:
        answer = read_line(line)
        if answer is None:
            return
        if "epoch" in answer:
            self._epoch = f"epoch {answer['epoch']} of {self._epochs}"
        if "progress" in answer:
            self._progress[pod.index] = float(answer["progress"])
            self._bar.show(100 * sum(self._progress.values()) / len(self._progress), self._at)
        if answer["type"] != "step":
            say(f"{pod.workload}[{pod.index}] {_told(answer)}")

    @property
    def _at(self) -> str:
        return ", ".join(part for part in (self._pods, self._epoch) if part)


def _told(answer: Mapping[str, Any]) -> str:
    """An answer as people read it: `epoch 2 loss 0.61 accuracy 0.78`."""
    shown = (f"{name} {_short(value)}" for name, value in answer.items() if not isinstance(value, dict | list))
    return " ".join(part.removeprefix("type ") for part in shown)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _keep_logs(site: Site, prefix: str, pods: Iterable[PodSeen], said: Mapping[str, Sequence[str]]) -> None:
    for pod in pods:
        text = "\n".join((*said[pod.name], ""))
        key = f"{prefix}logs/{pod.name}.log"
        kind = "text/plain; charset=utf-8"  # a browser shows it
        call(site, "s3", "put_object", Bucket=site.bucket, Key=key, Body=text.encode(), ContentType=kind)


def _artifacts(site: Site, prefix: str) -> tuple[str, ...]:
    """What lies there, the oldest first: by name, model-10 would stand before model-2."""
    found = aws(site, "s3").get_paginator("list_objects_v2").paginate(Bucket=site.bucket, Prefix=prefix)
    left = sorted((item for page in found for item in page.get("Contents", ())), key=itemgetter("LastModified"))
    return tuple(f"s3://{site.bucket}/{item['Key']}" for item in left)
