"""
Memory: what a workload is estimated to need of its slice's, and the refusal of one that will not fit.

What torch allocates is computed from `mig.networks`, which tests/training/test_memory.py holds to torch's own count on
a processor, and `make bench-gpu` to the peak on a GPU. torch.compile is left out.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from mig.errors import Refused
from mig.gpu import Gpu
from mig.networks import BF16, FP32, INT64, footprint
from mig.profiles import Profile
from mig.spec import RunSpec, Workload
from training.contract import Model, Precision

MIB = 2**20

CONTEXT = 800 * MIB
"""
CUDA's context with the kernels that are loaded when first used: 773 MiB, measured on a whole H100 (torch 2.11, CUDA
13.0, driver 580.159). Of a slice no figure was found.
"""
WORKSPACES = 96 * MIB
"""
What torch allocates whatever the work: cuBLAS's workspaces, 32 MiB on Hopper for each of the two threads that go
through the network and back, and the batches that a GPU makes ready at once (together 92 MiB of a small mlp's peak).
"""
SPARE = 0.1
"""
Of what the work needs, so much comes on top: what the allocator rounds up or cannot use again, and the workspaces of
cuDNN, which makes do with little where little is left. On an H100 the peaks of trainings were below.
"""
TRAINING_IMAGES, TEST_IMAGES = 60_000, 10_000
"""Fashion-MNIST's."""
BYTES_OF_AN_IMAGE = 28 * 28 + INT64
"""In the data set, which lies on the device whole; with its label."""
FITTED_IMAGES = 10_000
"""To so many a service fits a model of its own at most."""
SMALLEST_IMAGE = 8
"""Pixels of an edge; a request's least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What some work needs, in bytes."""

    parameters: int
    gradients: int
    optimizer: int
    """AdamW's two moments."""
    copies: int
    """Of the weights in bf16: autocast keeps each until the batch is through, a service's no longer than its layer."""
    activations: int
    """The most that lives at once of a batch: in a training, nearly all is what autograd saves."""
    data_set: int

    @property
    def total(self) -> int:
        """With what a GPU takes beside."""
        network = self.parameters + self.gradients + self.optimizer + self.copies
        return CONTEXT + WORKSPACES + round((1 + SPARE) * (network + self.activations + self.data_set))


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One of the things that a workload does with its slice."""

    doing: Literal["training", "serving"]
    """A test after an epoch takes so few pixels at once that it needs less than any slice has."""
    model: Model
    precision: Precision
    """`auto` is bf16: every GPU that can be cut has it."""
    image_size: int
    images: int
    """At once."""
    field: Literal["batch", "micro_batch"]
    """Of the request, which says how many."""

    def __str__(self) -> str:
        return f"{self.doing} {self.model} on {self.images} images of {self.image_size} px at once"

    @property
    def need(self) -> Need:
        """What it needs of its slice."""
        is_fp32 = self.precision == "fp32"
        costs = footprint(self.model, self.image_size, FP32 if is_fp32 else BF16)
        parameters = costs.parameters * FP32
        learns = self.doing != "serving"
        alive = costs.trained if learns else costs.served
        # The batch as it was made for the network, in fp32, outlives the copy that autocast makes of it.
        shown = 0 if is_fp32 else self.image_size**2 * FP32
        return Need(
            # A service loads a newer model while it has the one before.
            parameters=parameters if learns else 2 * parameters,
            gradients=parameters if learns else 0,
            optimizer=2 * parameters if learns else 0,
            copies=0 if is_fp32 else costs.weights * BF16,
            activations=self.images * (alive + shown) + costs.saved_once,
            data_set=BYTES_OF_AN_IMAGE * (TEST_IMAGES + (TRAINING_IMAGES if learns else 0)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Work of one workload, and the slice on which it is to be done."""

    workload: str
    at: str
    """The workload in the request: `workloads[0]`."""
    sized_at: str
    """The one whose `image_size` counts: what serves a training of the request has that one's."""
    work: Work
    profile: Profile

    @property
    def fits(self) -> bool:
        """Whether its slice has the memory."""
        return self.work.need.total <= _memory(self.profile)

    @property
    def share(self) -> float:
        """Of its slice's memory that it needs."""
        return self.work.need.total / _memory(self.profile)

    def __str__(self) -> str:
        needs = ceil(self.work.need.total / MIB)
        return f"{self.work} needs about {needs:,} MiB, a {self.profile.name} has {self.profile.memory_mib:,}"


def hungriest(spec: RunSpec, gpu: Gpu) -> Load:
    """What needs the greatest part of its slice, in a checked request; the GPU can be cut into all that it asks."""
    return max(_loads(spec, gpu), key=lambda load: load.share)


def refused(load: Load, gpu: Gpu) -> Refused:
    """What a person is told of work that does not fit: the field, and what would fit by the estimate."""
    work, room = load.work, _memory(load.profile)
    slices = [f"slice {p.name}" for p in reversed(gpu.plain) if work.need.total <= _memory(p)][:1]
    batches = range(1, work.images + 1)
    if images := bisect_right(batches, room, key=lambda images: replace(work, images=images).need.total):
        return Refused(f"{load.at}.{work.field}", str(load), accepted=", or ".join([f"at most {images}", *slices]))
    sizes = range(SMALLEST_IMAGE, work.image_size + 1)
    enough = bisect_right(sizes, room, key=lambda size: replace(work, image_size=size).need.total)
    smaller = [f"{load.sized_at}.image_size of at most {sizes[enough - 1]}"] if enough else []
    why = f"{load}, and not even 1 would fit"
    return Refused(f"{load.at}.slice", why, accepted=", or ".join([*slices, *smaller]) or "fewer and smaller images")


def _memory(profile: Profile) -> int:
    return profile.memory_mib * MIB


def _loads(spec: RunSpec, gpu: Gpu) -> Iterator[Load]:
    at = {workload.name: n for n, workload in enumerate(spec.workloads)}
    for n, workload in enumerate(spec.workloads):
        source = at.get(workload.model_from, n)
        profile = gpu.cut(workload.slice)
        assert profile  # noqa: S101 (the plan takes no GPU that cannot be cut so)
        for work in _works(workload, spec.workloads[source]):
            yield Load(
                workload=workload.name,
                at=f"workloads[{n}]",
                sized_at=f"workloads[{source}]",
                work=work,
                profile=profile,
            )


def _works(workload: Workload, source: Workload) -> Iterator[Work]:
    """All that a workload does, one after the other; what it serves is the source's."""
    model = workload.model or source.model
    assert model  # noqa: S101 (mig.spec.check refuses a service whose model nobody names)
    work = Work(
        doing="training",
        model=model,
        precision=workload.precision,
        image_size=source.image_size,
        images=min(workload.batch, workload.train_images),
        field="batch",
    )
    serves = workload.kind == "infer"
    if not (serves and workload.model_from):
        yield replace(work, images=min(work.images, FITTED_IMAGES)) if serves else work
    if serves:
        at_once = min(workload.micro_batch or workload.batch, TEST_IMAGES)
        yield replace(work, doing="serving", images=at_once, field="micro_batch" if workload.micro_batch else "batch")
