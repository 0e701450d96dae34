"""What became of the Jobs: tables of what is seen, and what it means."""

from dataclasses import replace

import pytest

from mig.outcome import CURVE, Ended, JobSeen, PodSeen, judge, judge_all, result, stopped
from mig.readiness import Device
from mig.spec import Workload
from mig.verdict import Settled, Waiting
from training.contract import line

POD = PodSeen(
    name="medium-0-a",
    workload="medium",
    index=0,
    node="n",
    phase="Running",
    why="",
    device="gpu-0-mig-2g10gb-14-0",
    exit_code=None,
    started="2026-11-23T12:00:00Z",
    finished="",
)
JOB = JobSeen(workload="medium", name="medium", completions=1, succeeded=0, complete=False, failed="", pods=(POD,))
TRAIN = Workload.model_validate({"name": "medium", "kind": "train", "model": "cnn", "slice": "medium"})
UNSCHEDULABLE = "0/1 nodes are available: 1 cannot allocate all claims."


def pod(**fields: object) -> PodSeen:
    """The running pod with other facts."""
    return replace(POD, **fields)  # type: ignore[arg-type]  # a table's columns


def job(*pods: PodSeen, **fields: object) -> JobSeen:
    """The Job with these pods and other facts."""
    return replace(JOB, pods=pods, **fields)  # type: ignore[arg-type]  # a table's columns


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        pytest.param(JOB, "medium: 1/1 pods running", id="its pods run"),
        pytest.param(job(), "medium: no pod yet", id="the controller has made none"),
        pytest.param(
            job(pod(phase="Pending", why=UNSCHEDULABLE)),
            f"medium: 1/1 pods pending: {UNSCHEDULABLE}",
            id="the scheduler's own sentence",
        ),
        pytest.param(
            job(pod(phase="Pending", why="run: ImagePullBackOff Back-off pulling image")),
            "medium: 1/1 pods pending: run: ImagePullBackOff Back-off pulling image",
            id="the kubelet's own sentence: a pull may still succeed",
        ),
        pytest.param(
            job(POD, pod(phase="Succeeded"), pod(phase="Pending"), completions=3),
            "medium: 1/3 pods running, 1/3 pods pending, 1/3 pods succeeded",
            id="several pods, each elsewhere",
        ),
        pytest.param(
            job(pod(phase="Failed", exit_code=1, why="run: Error"), POD),
            "medium: 1/1 pods running",
            id="one was replaced",
        ),
    ],
)
def test_waiting(seen: JobSeen, why: str) -> None:
    """What may still succeed is waited for, in the words of whoever holds it up."""
    assert Waiting(why) == judge(seen)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        pytest.param(
            job(pod(phase="Failed", exit_code=42), failed="PodFailurePolicy: exit code 42"),
            "exit code 42: the request is wrong, its log says how (PodFailurePolicy: exit code 42)",
            id="the request is wrong",
        ),
        pytest.param(
            job(pod(phase="Failed", exit_code=1), failed="BackoffLimitExceeded: limit reached"),
            "exit code 1: its log says why (BackoffLimitExceeded: limit reached)",
            id="the program failed",
        ),
        pytest.param(
            job(pod(phase="Failed", exit_code=137), failed="BackoffLimitExceeded: limit reached"),
            "exit code 137: killed: out of memory, or not gone in time (BackoffLimitExceeded: limit reached)",
            id="it was killed",
        ),
        pytest.param(
            job(failed="DeadlineExceeded: Job was active longer than specified deadline"),
            "DeadlineExceeded: Job was active longer than specified deadline",
            id="its time was over",
        ),
        pytest.param(
            job(pod(phase="Pending", why="run: InvalidImageName bad:::name")),
            "run: InvalidImageName bad:::name",
            id="no waiting cures the image's name",
        ),
    ],
)
def test_failed(seen: JobSeen, why: str) -> None:
    """A failure is settled, with what its exit code means."""
    assert Settled(Ended(workload="medium", status="failed", why=why, pods=seen.pods)) == judge(seen)


def test_succeeded() -> None:
    """A complete Job has succeeded."""
    assert Settled(Ended(workload="medium", status="succeeded", why="", pods=(POD,))) == judge(job(POD, complete=True))


def test_service_whose_producer_failed() -> None:
    """A service does not wait out its deadline for models that will not come."""
    verdict = judge(replace(JOB, workload="serve"), job(failed="DeadlineExceeded: too long"))

    assert isinstance(verdict, Settled)
    assert verdict.value.why == "'medium', whose models it serves, failed: DeadlineExceeded: too long"


def test_service_that_was_done_before_its_producer_failed() -> None:
    """What has succeeded stays so."""
    verdict = judge(replace(JOB, workload="serve", complete=True), job(failed="DeadlineExceeded: too long"))

    assert isinstance(verdict, Settled)
    assert verdict.value.status == "succeeded"


def test_judge_all_names_what_is_waited_for() -> None:
    """A run is waited for until its last workload has ended."""
    large = replace(JOB, workload="large")

    assert Waiting("large: 1/1 pods running") == judge_all([large, job(POD, complete=True)], {})


def test_judge_all_settles_with_failures() -> None:
    """One that fails takes down who serves it, and nobody else."""
    jobs = [
        job(failed="DeadlineExceeded: x"),
        replace(JOB, workload="serve"),
        replace(JOB, workload="l", complete=True),
    ]
    verdict = judge_all(jobs, {"serve": "medium"})

    assert isinstance(verdict, Settled)
    assert [(e.workload, e.status) for e in verdict.value] == [
        ("medium", "failed"),
        ("serve", "failed"),
        ("l", "succeeded"),
    ]


def test_stopped() -> None:
    """What had not ended when its run did was cancelled."""
    assert [stopped(JOB).status, stopped(job(complete=True)).status] == ["cancelled", "succeeded"]


def ended(*pods: PodSeen) -> Ended:
    """The workload, succeeded with these pods."""
    return Ended(workload="medium", status="succeeded", why="", pods=pods)


def test_result_of_one_pod() -> None:
    """Its result line is the workload's metrics, its epochs are its curve, and its device's GPU is named."""
    said = [
        line("event", what="start"),
        line("epoch", epoch=1, loss=0.9),
        "a line that is none of ours",
        line("epoch", epoch=2, loss=0.5),
        line("result", accuracy=0.78),
    ]
    device = Device(name=POD.device, node="n", profile="2g.10gb", uuid="MIG-1", parent_uuid="GPU-1")
    came = result(TRAIN, ended(POD), profile="2g.10gb", said={POD.name: said}, devices=[device], artifacts=["s3://b/k"])

    assert came.metrics == {"accuracy": 0.78}
    assert came.curve == ({"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.5})
    assert came.pods[0].parent_uuid == "GPU-1"


def test_result_of_several_pods() -> None:
    """The first pod speaks for all, and each is heard."""
    pods = (pod(name="a", index=0), pod(name="b", index=1))
    said = {"a": [line("result", images=10)], "b": [line("result", images=20)]}
    came = result(TRAIN, ended(*pods), profile="2g.10gb", said=said, devices=(), artifacts=())

    assert came.metrics == {"images": 10, "pods": [{"images": 10}, {"images": 20}]}


def test_result_of_a_replaced_pod() -> None:
    """A pod that failed and was replaced is listed, but its answers do not count."""
    first = pod(name="a", phase="Failed", exit_code=1)
    second = pod(name="b", phase="Succeeded", exit_code=0, started="2026-11-23T12:05:00Z")
    said = {"a": [line("epoch", epoch=1)], "b": [line("result", images=20)]}
    came = result(TRAIN, ended(second, first), profile="2g.10gb", said=said, devices=(), artifacts=())

    assert (came.metrics, came.curve) == ({"images": 20}, ())
    assert [each.exit_code for each in came.pods] == [0, 1]


def test_result_that_failed_says_it_in_its_own_words() -> None:
    """The pod's sentence comes before what Kubernetes knows of it."""
    failed = Ended(workload="medium", status="failed", why="exit code 42", pods=(POD,))
    said = {POD.name: [line("event", event="started"), line("event", event="failed", why="MIG_BATCH: too large")]}
    came = result(TRAIN, failed, profile="2g.10gb", said=said, devices=(), artifacts=())

    assert came.why == "MIG_BATCH: too large (exit code 42)"


def test_result_that_recovered_has_nothing_to_explain() -> None:
    """What the pod before it said of its failure is over."""
    said = {POD.name: [line("event", event="failed", why="S3 was away")]}

    assert result(TRAIN, ended(POD), profile="2g.10gb", said=said, devices=(), artifacts=()).why == ""


def test_result_thins_its_steps() -> None:
    """A long training leaves a curve's worth of steps, the last among them."""
    said = {POD.name: [line("step", step=step) for step in range(1, 1001)]}
    steps = result(TRAIN, ended(POD), profile="2g.10gb", said=said, devices=(), artifacts=()).steps

    assert len(steps) <= CURVE
    assert steps[-1] == {"step": 1000}


def test_result_without_answers() -> None:
    """A workload that never said anything has no metrics, and is told all the same."""
    never = Ended(workload="medium", status="failed", why="no pod", pods=())
    came = result(TRAIN, never, profile="2g.10gb", said={}, devices=(), artifacts=())

    assert (came.metrics, came.curve, came.why) == ({}, (), "no pod")
