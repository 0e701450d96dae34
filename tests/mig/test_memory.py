"""A workload that will not fit its slice's memory is refused, with what would."""

import re
from dataclasses import replace
from typing import Any

import pytest

from mig.errors import Refused
from mig.gpu import GPUS
from mig.memory import CONTEXT, MIB, SMALLEST_IMAGE, WORKSPACES, Need, Work, hungriest, refused
from mig.plan import draw
from mig.spec import RunSpec, check, read
from training.contract import Model, Precision

A100 = GPUS["A100-40GB"]


def request(*workloads: dict[str, Any], **fields: Any) -> RunSpec:
    """A checked request for these workloads, each a training of the cnn unless it says otherwise."""
    named = [{"name": f"w{n}", "model": "cnn", **workload} for n, workload in enumerate(workloads)]
    spec = read({"workloads": named, **fields})
    check(spec)
    return spec


SERVES_THE_FIRST = {"kind": "infer", "model": "", "model_from": "w0"}


@pytest.mark.parametrize(
    ("workloads", "expected"),
    [
        pytest.param(
            [{"model": "resnet18", "image_size": 224, "batch": 1024, "slice": "medium"}],
            "workloads[0].batch: training resnet18 on 1024 images of 224 px at once needs about 14,371 MiB, a 2g.10gb "
            "has 9,856; accepted: at most 673, or slice 3g.20gb",
            id="too large a batch",
        ),
        pytest.param(
            [{}, {"model": "resnet18-32", "slice": "full", "batch": 20_000}],
            "workloads[1].batch: training resnet18-32 on 20000 images of 32 px at once needs about 51,826 MiB, a "
            "7g.40gb has 40,192; accepted: at most 15407",
            id="where no slice is bigger",
        ),
        pytest.param(
            [{"model": "resnet18-32", "batch": 65_536, "train_images": 20_000, "slice": "large"}],
            "workloads[0].batch: training resnet18-32 on 20000 images of 32 px at once needs about 51,826 MiB, a "
            "3g.20gb has 19,968; accepted: at most 7423",
            id="no more images than there are",
        ),
        pytest.param(
            [{"model": "mlp", "image_size": 1024, "slice": "large"}, SERVES_THE_FIRST],
            "workloads[1].slice: serving mlp on 64 images of 1024 px at once needs about 6,961 MiB, a 1g.5gb has "
            "4,864, and not even 1 would fit; accepted: slice 2g.10gb, or workloads[0].image_size of at most 827",
            id="not even one image, of the size on which its model was trained",
        ),
        pytest.param(
            [{"kind": "infer", "model": "cnn", "model_from": "s3://bucket/models", "image_size": 128, "batch": 5000}],
            "workloads[0].batch: serving cnn on 5000 images of 128 px at once needs about 26,188 MiB, a 1g.5gb has "
            "4,864; accepted: at most 780, or slice 7g.40gb",
            id="a service in batches",
        ),
        pytest.param(
            [{"image_size": 64}, SERVES_THE_FIRST | {"batch": 5000, "micro_batch": 9000}],
            "workloads[1].micro_batch: serving cnn on 9000 images of 64 px at once needs about 12,292 MiB, a 1g.5gb "
            "has 4,864; accepted: at most 3120, or slice 3g.20gb",
            id="a service in micro-batches",
        ),
        pytest.param(
            [{"kind": "infer", "model": "resnet18-32", "batch": 5000, "micro_batch": 8}],
            "workloads[0].batch: training resnet18-32 on 5000 images of 32 px at once needs about 13,831 MiB, a 1g.5gb "
            "has 4,864; accepted: at most 1460, or slice 3g.20gb",
            id="a service that fits its own model first",
        ),
    ],
)
def test_refused(workloads: list[dict[str, Any]], expected: str) -> None:
    """One sentence: the field, what would be needed, what the slice has, and what would fit."""
    with pytest.raises(Refused) as refusal:
        draw(request(*workloads), "run")

    assert expected == str(refusal.value)


@pytest.mark.parametrize(
    ("model", "image_size"), [("resnet18", 64), ("resnet18", 128), ("resnet18-32", 32), ("cnn", 64), ("mlp", 224)]
)
def test_what_would_fit_fits(model: Model, image_size: int) -> None:
    """The batch of a refusal is the largest one that is not refused."""
    asked = {"model": model, "image_size": image_size, "batch": 60_000}
    said = str(refused(hungriest(request(asked), A100), A100))
    batch = int(re.findall(r"at most (\d+)", said)[0])

    assert [True, False] == [hungriest(request(asked | {"batch": n}), A100).fits for n in (batch, batch + 1)]


@pytest.mark.parametrize("precision", ["auto", "bf16", "fp32"])
def test_precision(precision: Precision) -> None:
    """Where nothing is said bf16 is assumed, which every GPU that can be cut has; it halves what a batch needs."""
    need = hungriest(
        request({"model": "resnet18-32", "batch": 4096, "precision": precision, "slice": "full"}), A100
    ).work.need

    assert (precision == "fp32") == (need.activations > 15e9)


def test_gigabytes_of_a_name() -> None:
    """They are not GiB: what needs less than 5 of these may not fit a 1g.5gb, which has 4,864 MiB."""
    load = hungriest(request({"model": "resnet18-32", "batch": 1480}), A100)

    assert 4864 * MIB < load.work.need.total < 5 * 1024 * MIB
    assert not load.fits


def test_every_figure_counts() -> None:
    """Of what the work needs a tenth comes on top, and what a GPU takes for any work."""
    need = Need(parameters=1000, gradients=200, optimizer=30, copies=4, activations=50, data_set=6)

    assert CONTEXT + WORKSPACES + 1419 == need.total


def test_a_service_has_no_gradients() -> None:
    """It has the network twice while a newer one comes, and the test images alone."""
    training = Work(doing="training", model="mlp", precision="fp32", image_size=28, images=64, field="batch")
    trains, serves = training.need, replace(training, doing="serving").need

    assert (2 * trains.parameters, 0, 0) == (serves.parameters, serves.gradients, serves.optimizer)
    assert (792 * 70_000, 792 * 10_000) == (trains.data_set, serves.data_set)


def test_smallest_image() -> None:
    """No smaller one is proposed than a request accepts."""
    with pytest.raises(Refused, match="too small"):
        request({"image_size": SMALLEST_IMAGE - 1})

    assert request({"image_size": SMALLEST_IMAGE})
