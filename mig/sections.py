"""
The sections of a request, each a frozen model that refuses unknown fields and stands alone.

Prefect makes its Run form from these models, so no field is Optional and none is a union: empty or 0 means not given,
as the field says. What is one of many is chosen there: such a field's schema has an `enum`, which Prefect's API holds
requests to as well. Here a field is held to its own range only; `mig.spec.check` knows the rules across fields.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mig.gpu import CUTS, INSTANCE_TYPES
from mig.offer import Market
from training.contract import Compile, Kind, Model, Precision


def _for_forms(schema: dict[str, Any]) -> None:
    """Forms show the fields in the order in which they are written here, and their descriptions as plain text."""
    for position, field in enumerate(schema.get("properties", {}).values()):
        field["position"] = position
        field["description"] = field.get("description", "").replace("`", "")


class Section(BaseModel):
    """What every part of a request has in common."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True, json_schema_extra=_for_forms
    )


def _form(pattern: str, words: str) -> object:
    """Text of a certain form; the words say which, where other text is refused."""
    return Field(pattern=pattern, json_schema_extra={"$comment": words})


Name = Annotated[
    str,
    _form(
        r"^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$",
        "at most 40 lower-case letters, digits and dashes, beginning and ending with a letter or digit",
    ),
]
"""A Kubernetes name that leaves room for what is added to it."""

InstanceTypeName = Annotated[str, Field(max_length=1000, json_schema_extra={"enum": list(INSTANCE_TYPES)})]
Slice = Annotated[str, Field(max_length=1000, json_schema_extra={"enum": list(CUTS)})]
BlockName = Annotated[str, _form(r"^[a-z0-9-]+$", "the name of a Prefect block: lower-case letters, digits and dashes")]
Cidr = Annotated[
    str, _form(r"^([0-9]{1,3}\.){3}[0-9]{1,3}/([1-9]|[12][0-9]|3[0-2])$", "IPv4 addresses as 203.0.113.7/32, not all")
]
Cluster = Annotated[
    str, _form(r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$", "at most 100 letters, digits, dashes and underscores")
]
Region = Annotated[str, _form(r"^[a-z]{2}(-[a-z]+)+-[0-9]$", "an AWS region, as us-east-1")]
S3Address = Annotated[str, _form(r"^(s3://[a-z0-9][a-z0-9.-]+[a-z0-9](/.*)?)?$", "an s3:// address")]
Subnet = Annotated[str, _form(r"^subnet-[0-9a-f]+$", "the id of a subnet, as subnet-0a1b2c3d")]
Version = Annotated[str, _form(r"^1\.[0-9]{2}$", 'text in quotes, as "1.35"')]
Zone = Annotated[str, _form(r"^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", "an availability zone, as us-east-1a")]
Text = Annotated[str, Field(max_length=1000)]


class Workload(Section):
    """
    One Job: a training or an inference service, in one or several pods, each on a slice of its own.

    Fields marked (inference) are for that kind alone. Those marked (training) are for whatever fits a model, also for
    an inference that does not serve another's.
    """

    name: Name = Field("train", title="Name")
    """Names the Job; no two workloads of a request have the same. Lower-case letters, digits and dashes."""
    kind: Kind = Field("train", title="Kind")
    """`train` fits a model and publishes it; `infer` serves one."""
    model: Literal["", Model] = Field("", title="Model")
    """Which network. Needed by a training; empty for an inference: that of the workload which it serves."""
    model_from: Text = Field("", title="Serves the model of (inference)")
    """The name of a training of this request, or an s3:// address. Empty: it fits its own model first."""
    slice: Slice = Field("small", title="Slice")
    """A size (small, medium, large, full), or a profile by its name, as 3g.20gb, that the GPU has."""
    count: int = Field(1, title="Pods", ge=1, le=1000)
    """How many pods; each gets a slice of its own."""
    epochs: int = Field(1, title="Epochs (training)", ge=1, le=10_000)
    """How often it goes through its images."""
    train_images: int = Field(60_000, title="Images (training)", ge=1, le=60_000)
    """How many of the 60,000 images of Fashion-MNIST are used, from the first."""
    learning_rate: float = Field(0.002, title="Learning rate (training)", gt=0, le=10)
    """The peak of the one-cycle schedule, per step."""
    augment: bool = Field(default=True, title="Augment (training)")
    """Whether images are flipped, shifted and partly erased: better after many epochs, worse after one."""
    label_smoothing: float = Field(0, title="Label smoothing (training)", ge=0, lt=1)
    """How much of each label is spread over all classes, from 0 to below 1. 0: none."""
    gradient_clip: float = Field(1, title="Gradient clipping (training)", ge=0, le=1000)
    """The largest norm of all gradients together. 0: no limit."""
    checkpoint_minutes: float = Field(5, title="Checkpoint every, minutes (training)", ge=0, le=1440)
    """Minutes between two checkpoints. 0: none but the one of a training that is told to stop."""
    seconds: float = Field(20, title="Serve for, seconds (inference)", ge=0, le=604_800)
    """Seconds that it serves. 0: until the images of the next field are answered."""
    requests: int = Field(0, title="Serve images (inference)", ge=0, le=10**12)
    """Images after which it ends. 0: when its seconds are over."""
    micro_batch: int = Field(0, title="Micro-batch (inference)", ge=0, le=65_536)
    """Images answered at once. 0: as many as the batch."""
    http: bool = Field(default=False, title="HTTP (inference)")
    """Whether it answers what clients send it over HTTP, instead of the test images."""
    batch: int = Field(64, title="Batch", ge=1, le=65_536)
    """Images in one step."""
    image_size: int = Field(32, title="Image size, pixels", ge=8, le=1024)
    """Pixels of an edge; Fashion-MNIST's 28 are scaled to it."""
    precision: Precision = Field("auto", title="Precision")
    """Of the arithmetic; `auto` is bf16 where the hardware has it, else fp32."""
    compile: Compile = Field("off", title="Compile")
    """How torch.compile makes the network faster; `reduce-overhead` is by CUDA graphs. Where it fails, that is said."""
    seed: int = Field(1, title="Seed", ge=0, le=2**31 - 1)
    """Where the workload's random numbers start."""
    image: Text = Field("", title="Container image")
    """The image of its containers. Empty: the pipeline's own. A rehearsal has no images."""
    timeout_minutes: float = Field(0, title="Time limit, minutes", ge=0, le=10_080)
    """Minutes after which it is ended and counts as failed. 0: when the time limit of the run is over."""


class Capacity(Section):
    """Where nodes are looked for, in which order, and how often."""

    markets: tuple[Market, ...] = Field(("reservation", "spot", "on-demand"), title="Markets", min_length=1)
    """Asked in this order, a reservation always first; all zones of one market before the next."""
    zones: tuple[Zone, ...] = Field((), title="Zones")
    """Availability zones in the order in which they are asked. Empty: a, b and c of the region."""
    attempts: int = Field(3, title="Attempts", ge=1, le=100)
    """How often the whole ladder is gone through before the run ends without capacity."""
    retry_minutes: float = Field(15, title="Retry after, minutes", ge=0, le=1440)
    """Minutes between two attempts."""


class Lease(Section):
    """For how long the run answers for what it created, unless it says so again."""

    minutes: float = Field(15, title="Lease, minutes", ge=5, le=720)
    """Minutes after which nodes of a run that is not heard of any more are taken down."""


class Fault(Section):
    """Something that goes wrong in a rehearsal, on this run's own resources only."""

    kind: Literal["no_capacity", "mig_failed", "mig_stuck"] = Field("no_capacity", title="Kind")
    """An offer is refused; MIG Manager ends `failed`; MIG Manager never leaves `pending`."""
    rung: Text = Field("", title="Rung")
    """Only no_capacity. The offer that is refused, as `spot p4d.24xlarge us-east-1a`. Empty: all."""
    zone: Text = Field("", title="Zone")
    """Empty: all."""
    market: Literal["", Market] = Field("", title="Market")
    """Empty: all."""
    instance_type: Text = Field("", title="Instance type")
    """Empty: all."""
    code: Text = Field("", title="Error code")
    """Only no_capacity. What EC2 answers, as InsufficientInstanceCapacity. Empty: what that market usually answers."""
    tries: int = Field(0, title="Tries", ge=0, le=100)
    """In so many tries of the request, from the first; those after them are spared. 0: in all."""


class Rehearsal(Section):
    """How a rehearsal is staged. Used when the target is `rehearsal`."""

    time_scale: float = Field(60, title="Time scale", ge=1, le=600)
    """Simulated seconds in one second of the wall clock: 60 makes a minute of cloud delay a second."""
    seed: int = Field(1, title="Seed", ge=0, le=2**31 - 1)
    """Where the stage's random numbers start for this run."""
    faults: tuple[Fault, ...] = Field((), title="Faults")
    """What goes wrong, in this order."""


class Eks(Section):
    """The cluster on AWS. Used when the target is `eks`."""

    region: Region = Field("us-east-1", title="Region")
    """AWS region of the cluster and its nodes."""
    cluster: Cluster = Field("mig", title="Cluster")
    """Name of the EKS cluster."""
    kubernetes: Version = Field("1.35", title="Kubernetes")
    """Version of a cluster that is raised; at least 1.34."""
    state: S3Address = Field("", title="State")
    """s3:// address of the Pulumi state and the results. Empty: the bucket that `mig bootstrap` made."""
    subnets: tuple[Subnet, ...] = Field((), title="Subnets")
    """Ids of the subnets for the nodes. Empty: the cluster's own."""
    reached_from: tuple[Cidr, ...] = Field((), title="Reached from")
    """Addresses that may reach the API server of a cluster that is raised. Empty: from inside its VPC only."""
    raise_missing: bool = Field(default=True, title="Raise missing parts")
    """Whether a cluster, GPU Operator or DRA driver that is not there is raised."""


class Where(Section):
    """A place that stands without any run: what is looked for, or taken down, is looked for there."""

    target: Literal["rehearsal", "eks"] = Field("rehearsal", title="Target")
    """The World that MIG_WORLD names where this runs, or a cluster on AWS."""
    eks: Eks = Field(Eks(), title="EKS cluster")
    """Only used when the target is `eks`."""


class Existing(Section):
    """Nodes that are there already. Used when the target is `existing`."""

    context: Text = Field("", title="Context")
    """Context of the kubeconfig. Empty: the current one."""
    node_selector: dict[str, str] = Field({}, title="Node selector")
    """Labels of the nodes that may be used. Empty: every node with a GPU that can be cut."""
    allow_repartition: bool = Field(default=False, title="Allow repartition")
    """Whether nodes that are cut otherwise may be cut anew; how they were is put back afterwards."""
