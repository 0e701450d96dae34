"""
The request: what a person asks of the pipeline, as text comes in, and whether it can be carried out at all.

`read` holds each field to its own range, `check` knows the rules across fields. Both refuse with the field's path and
what would be accepted. What the plan costs is known by `mig.plan` only.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError

from mig.errors import Refused
from mig.gpu import INSTANCE_TYPES, NO_MIG, SIZES
from mig.refusal import refused
from mig.sections import (
    BlockName,
    Capacity,
    Eks,
    Existing,
    InstanceTypeName,
    Lease,
    Name,
    Rehearsal,
    Section,
    Workload,
)
from training.contract import Model

__all__ = ["RunSpec", "Workload", "check", "read", "with_settings"]

OLDEST_KUBERNETES = (1, 34)
"""The first EKS version whose DRA API is the one spoken here."""


class RunSpec(Section):
    """One run: which workloads, on slices of which instances, for how long and for how much at most."""

    name: Name = Field("run", title="Name")
    """Names the run, and what belongs to it in Kubernetes. Lower-case letters, digits and dashes, at most 40."""
    target: Literal["rehearsal", "eks", "existing"] = Field("rehearsal", title="Target")
    """Where it runs: on this machine with everything simulated, on AWS, or on nodes that are there already."""
    instance_types: tuple[InstanceTypeName, ...] = Field(("p4d.24xlarge",), title="Instance types", min_length=1)
    """AWS instance types by preference: the first that can carry all workloads is taken."""
    max_usd: float = Field(0, title="Budget, US dollars", ge=0, le=10_000_000)
    """US dollars: a plan that may cost more is refused. 0: no limit."""
    max_hours: float = Field(2, title="Time limit, hours", gt=0, le=168)
    """Hours for the whole run; what the plan costs at most is computed from it."""
    workloads: tuple[Workload, ...] = Field((), title="Workloads")
    """What shall run, side by side."""
    capacity: Capacity = Field(Capacity(), title="Finding capacity")
    """Where nodes are looked for."""
    lease: Lease = Field(Lease(), title="Lease of the nodes")
    """For how long nodes outlive a run that is dead."""
    notify: tuple[BlockName, ...] = Field((), title="Notify")
    """Names of the Prefect notification blocks that are told of a shortage, and of a teardown that is not verified."""
    release: Literal["current", "article"] = Field("current", title="NVIDIA release")
    """The pair of GPU Operator and DRA driver: the current supported one, or the one of the article."""
    rehearsal: Rehearsal = Field(Rehearsal(), title="Rehearsal stage")
    """Only used when the target is `rehearsal`."""
    eks: Eks = Field(Eks(), title="EKS cluster")
    """Only used when the target is `eks`, but for the region, whose zones a rehearsal has."""
    existing: Existing = Field(Existing(), title="Existing nodes")
    """Only used when the target is `existing`."""


def read(mapping: Mapping[str, Any]) -> RunSpec:
    """The request that a mapping holds, as YAML or JSON gave it. Raises Refused for the first field that is wrong."""
    try:
        # By way of JSON, where a list may become a tuple and yet "3" is no number and 1.35 no text.
        return RunSpec.model_validate_json(_json(mapping), strict=True)
    except ValidationError as error:
        raise refused(error, RunSpec) from error


def with_settings(mapping: Mapping[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """A copy with some fields changed: `workloads.0.epochs=2`. A value is JSON, else text, also within brackets."""
    changed: dict[str, Any] = json.loads(_json(mapping))
    for setting in settings:
        field, given, value = setting.partition("=")
        if not field or not given:
            raise Refused("--set", f"{setting!r} sets nothing", accepted="FIELD=VALUE, as workloads.0.epochs=2")
        _put(changed, re.split(r"[.\[\]]+", field.rstrip("]")), _value(value), field=field)
    return changed


def check(spec: RunSpec) -> None:
    """Refuse what no plan can carry out. Looks at nothing but the request and the tables of GPUs."""
    _check_instance_types(spec.instance_types)
    _check_places(spec)
    if not spec.workloads:
        raise Refused("workloads", "there are none", accepted="at least one")
    named: dict[str, Workload] = {}
    for index, workload in enumerate(spec.workloads):
        if workload.name in named:
            why = f"another workload is called {workload.name}"
            raise Refused(f"workloads[{index}].name", why, accepted="a name of its own")
        named[workload.name] = workload
    for index, workload in enumerate(spec.workloads):
        at = f"workloads[{index}]"
        _check_slice(at, workload.slice, spec.instance_types)
        _check_kind(at, workload)
        _check_model(at, workload, named)
        _check_time(at, workload, spec.max_hours)


def _json(mapping: Mapping[str, Any]) -> str:
    try:
        return json.dumps(mapping, default=str)
    except (TypeError, ValueError) as error:
        raise Refused("", f"the request is no plain mapping: {error}", accepted="fields by name") from error


def _put(into: object, where: Sequence[str], value: object, *, field: str) -> None:
    """Set what lies at a path; a mapping on the way is made, an item of a list must be there."""
    part, *rest = where
    if isinstance(into, list) and part.isdecimal() and int(part) < len(into):
        into[int(part)] = _changed(into[int(part)], rest, value, field=field)
    elif isinstance(into, dict):
        into[part] = _changed(into.get(part, {}), rest, value, field=field)
    else:
        raise Refused(field, f"there is no {part} to set", accepted="the path of a field, as workloads.0.epochs")


def _changed(old: object, where: Sequence[str], value: object, *, field: str) -> object:
    if not where:
        return value
    _put(old, where, value, field=field)
    return old


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        if text.startswith("[") and text.endswith("]"):
            return [_value(item.strip()) for item in text[1:-1].split(",")]
        return text


def _check_instance_types(names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        if name in INSTANCE_TYPES:
            continue
        chip = NO_MIG.get(name.partition(".")[0])
        why = f"{name} has {chip} GPUs, which have no MIG" if chip else f"{name} is not known to have GPUs with MIG"
        raise Refused(f"instance_types[{index}]", why, accepted=", ".join(INSTANCE_TYPES))


def _check_places(spec: RunSpec) -> None:
    region = spec.eks.region
    for index, zone in enumerate(spec.capacity.zones):
        if zone[:-1] != region:
            raise Refused(f"capacity.zones[{index}]", f"{zone} is not in {region}", accepted=f"zones of {region}")
    if tuple(map(int, spec.eks.kubernetes.split("."))) < OLDEST_KUBERNETES:
        raise Refused("eks.kubernetes", f"{spec.eks.kubernetes} has no DRA as spoken here", accepted="1.34 or later")


def _check_slice(at: str, wanted: str, instance_types: Sequence[str]) -> None:
    gpus = {INSTANCE_TYPES[name].gpu.name: INSTANCE_TYPES[name].gpu for name in instance_types}
    if any(gpu.cut(wanted) for gpu in gpus.values()):
        return
    profiles = dict.fromkeys(profile.name for gpu in gpus.values() for profile in gpu.profiles)
    if re.match(r"\d+c\.", wanted):
        why = f"{wanted} is a compute instance, which the DRA driver cannot hand out"
    else:
        why = f"{' or '.join(gpus)} cannot be cut into {wanted!r}"
    raise Refused(f"{at}.slice", why, accepted=", ".join((*SIZES, *profiles)))


_OF_INFER = ("model_from", "seconds", "requests", "micro_batch", "http")
_OF_FITTING = (
    "epochs",
    "train_images",
    "learning_rate",
    "augment",
    "label_smoothing",
    "gradient_clip",
    "checkpoint_minutes",
)


def _check_kind(at: str, workload: Workload) -> None:
    """Refuse fields that would mislead: set, and without effect."""
    if workload.kind == "train":
        _refuse_set(at, workload, _OF_INFER, "is only for infer")
        return
    if workload.model_from:
        _refuse_set(at, workload, _OF_FITTING, f"is without effect: it serves what {workload.model_from} fits")
    if not workload.seconds and not workload.requests:
        raise Refused(f"{at}.seconds", "the service would never end", accepted="seconds or requests above 0")


def _refuse_set(at: str, workload: Workload, fields: Iterable[str], why: str) -> None:
    for field in fields:
        default = Workload.model_fields[field].default
        if getattr(workload, field) != default:
            raise Refused(f"{at}.{field}", f"{field} {why}", accepted=f"nothing, or the default {default!r}")


def _check_model(at: str, workload: Workload, named: Mapping[str, Workload]) -> None:
    source = workload.model_from
    producer = named.get(source)
    if (source and not producer and not source.startswith("s3://")) or (producer and producer.kind != "train"):
        why = f"{source} is no training" if producer else f"no workload is called {source}"
        trainings = [name for name, other in named.items() if other.kind == "train"]
        accepted = ", ".join((*trainings, "an s3:// address"))
        itself = source == workload.name
        raise Refused(f"{at}.model_from", "a service cannot serve itself" if itself else why, accepted=accepted)
    if not workload.model and not producer:
        raise Refused(f"{at}.model", "it is not said which network", accepted=", ".join(get_args(Model)))
    if producer and workload.model not in {"", producer.model}:
        raise Refused(f"{at}.model", f"{source} fits {producer.model}, not {workload.model}", accepted=producer.model)


def _check_time(at: str, workload: Workload, max_hours: float) -> None:
    """Refuse a deadline that comes before what it is the deadline of."""
    whole = max_hours * 3600
    if workload.timeout_minutes * 60 > whole:
        why = f"{workload.timeout_minutes:g} minutes are more than the run's {max_hours:g} hours"
        raise Refused(f"{at}.timeout_minutes", why, accepted=f"at most {max_hours * 60:g}, or a greater max_hours")
    limit = workload.timeout_minutes * 60 or whole
    if workload.kind == "infer" and workload.seconds > limit:
        why = f"{workload.seconds:g} seconds do not fit into the {limit:g} that it has"
        raise Refused(f"{at}.seconds", why, accepted=f"at most {limit:g}")
