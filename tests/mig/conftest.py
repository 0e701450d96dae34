"""A run's report, for whatever shows one."""

import pytest

from mig.report import (
    ClockReport,
    CostReport,
    DeviceReport,
    NodeReport,
    OfferReport,
    PhaseReport,
    PodReport,
    RunReport,
    TeardownReport,
    WorkloadReport,
)

NODE = NodeReport(
    name="ip-10-0-1-23.ec2.internal",
    instance_type="p4d.24xlarge",
    capacity="spot",
    zone="us-east-1a",
    config_name="all-balanced",
    gpu="A100-40GB",
    memory_slices=8,
    devices=tuple(
        DeviceReport(
            name=f"gpu-0-mig-2g10gb-14-{at}", profile="2g.10gb", parent_uuid="GPU-0", memory_slices=(at, at + 1)
        )
        for at in (0, 2)
    ),
)
MEDIUM = WorkloadReport(
    name="medium",
    kind="train",
    slice="medium",
    profile="2g.10gb",
    status="succeeded",
    why="",
    pods=(
        PodReport(
            name="medium-0-a",
            index=0,
            node=NODE.name,
            device="gpu-0-mig-2g10gb-14-0",
            parent_uuid="GPU-0",
            exit_code=0,
            started="",
            finished="",
        ),
    ),
    metrics={"accuracy": 0.781, "images": 20480, "pods": [], "confusion": [[7] * 10] * 10},
    curve=({"epoch": 1, "loss": 0.9, "accuracy": 0.69}, {"epoch": 2, "loss": 0.5, "accuracy": 0.781}),
    steps=(
        {"epoch": 1, "step": 20, "steps": 40, "train_loss": 0.9},
        {"epoch": 2, "step": 40, "steps": 40, "train_loss": 0.5},
    ),
    artifacts=("s3://b/runs/told-1/model-1.pt", "s3://b/runs/told-1/logs/medium-0-a.log"),
)
REPORT = RunReport(
    run_id="told-1",
    previous_run="",
    target="rehearsal",
    simulated=("The cloud is simulated.",),
    clock=ClockReport(scale=60),
    spec={"name": "told", "workloads": [{"name": "medium", "model": "cnn"}]},
    plan={},
    offers=(OfferReport(rung="spot p4d.24xlarge", outcome="held", code="", reason="", seconds=3.25),),
    nodes=(NODE,),
    workloads=(MEDIUM,),
    phases=(PhaseReport(name="ready", started="2026-11-23T12:00:00+00:00", seconds=20, simulated_seconds=1200),),
    cost=CostReport(usd=12.14, usd_by_workload={"medium": 7.89}, hours=0.55, rate_source="table of 2026-07-20"),
    teardown=TeardownReport(verified=True, left=()),
    status="succeeded",
    why="",
)


@pytest.fixture
def report() -> RunReport:
    """What one rehearsed training came to."""
    return REPORT
