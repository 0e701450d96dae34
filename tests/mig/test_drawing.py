"""Promises of the drawing of a node."""

from mig.drawing import gpus
from mig.report import DeviceReport, NodeReport, PodReport, WorkloadReport


def node(*devices: DeviceReport) -> NodeReport:
    """A node with these devices."""
    return NodeReport(
        name="n",
        instance_type="p4d.24xlarge",
        capacity="spot",
        zone="z",
        config_name="c",
        gpu="A100-40GB",
        memory_slices=8,
        devices=devices,
    )


def pod(device: str, on: str = "n") -> PodReport:
    """A pod that ran on a device."""
    return PodReport(name="p", index=1, node=on, device=device, parent_uuid="", exit_code=0, started="", finished="")


def workload(*pods: PodReport) -> WorkloadReport:
    """A workload with these pods."""
    return WorkloadReport(
        name="serve",
        kind="infer",
        slice="small",
        profile="1g.5gb",
        status="succeeded",
        why="",
        pods=pods,
        metrics={},
        curve=(),
        steps=(),
        artifacts=(),
    )


BIG = DeviceReport(name="gpu-10-mig-3g20gb-9-4", profile="3g.20gb", parent_uuid="GPU-1", memory_slices=(4, 5, 6, 7))
SMALL = DeviceReport(name="gpu-10-mig-1g5gb-19-2", profile="1g.5gb", parent_uuid="GPU-1", memory_slices=(2,))
OTHER = DeviceReport(name="gpu-9-mig-1g5gb-19-2", profile="1g.5gb", parent_uuid="GPU-2", memory_slices=(2,))


def test_gpus_lie_where_they_lie() -> None:
    """A device is drawn over the memory slices that it covers."""
    drawn = gpus(node(BIG, SMALL), ())
    places = {each.get("title"): each.get("style") for each in drawn.iter("div") if "slice" in str(each.get("class"))}

    assert places[f"{BIG.name}: idle"] == "grid-row: 5 / span 4"
    assert places[f"{SMALL.name}: idle"] == "grid-row: 3 / span 1"


def test_gpus_show_who_ran_where() -> None:
    """A device that was used names its user, and counts; the same name on another node does not."""
    drawn = gpus(node(BIG, SMALL, OTHER), [workload(pod(SMALL.name), pod(BIG.name, on="another node"))])

    assert drawn.get("aria-label") == "n: 1 of 3 slices used"
    assert "serve 1" in [b.text for b in drawn.iter("b")]


def test_gpus_have_the_drivers_numbers() -> None:
    """A GPU is called and placed by its minor, which its devices' names have, not by its UUID."""
    drawn = gpus(node(BIG, SMALL, OTHER), ())

    assert [b.text for b in drawn.iter("b")] == ["GPU 9", "GPU 10"]
