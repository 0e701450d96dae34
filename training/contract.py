"""
Both ends of the wire between the pipeline and a pod, in one file: what a pod is told, and what it answers.

A pod is told by environment variables (`Orders.to_env` writes them, `Orders.from_env` reads them). It answers on
standard output, one JSON object a line, each with a `type`; everything else that it says goes to standard error:

    {"type":"event","event":"started","model":"cnn","device":"Intel Xeon 2.80GHz","mig_uuid":"MIG-…",…}
    {"type":"step","epoch":1,"step":20,"steps":156,"progress":0.06,"train_loss":1.61,"train_accuracy":0.43,…}
    {"type":"epoch","epoch":1,"epochs":2,"loss":0.61,"accuracy":0.77,"train_loss":0.93,"train_accuracy":0.66,…}
    {"type":"result","finished":true,"loss":0.46,"accuracy":0.83,"confusion":[[801,…],…],"images_per_second":241.0,…}

`loss`, `accuracy` and `confusion` (a row for each class: how many of its images were taken for which) are always those
on the held-out test images. What ends a pod before its time is an event of its
own, `failed`, with one sentence. A pod's exit code says the rest: 0 finished, 42 the request is wrong, 143 told to stop
(the last line has its figures so far), 1 anything else; a traceback on standard error is a mistake in the program.
This is the only file that reads the environment, and it needs nothing but the standard library.
"""

import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

PREFIX = "MIG_"
REQUEST_IS_WRONG = 42
"""Exit code that says: trying again will not help, the request is wrong."""
STOPPED = 143
"""Exit code of a pod that SIGTERM stopped before it had finished: a Job must not count it as done."""
DATA_FOLDER = "data"
"""Where the init container leaves the data set, relative to the pod's working directory."""
PACKAGES_FOLDER = "packages"
"""Where another leaves what the image lacks; on PYTHONPATH."""
POD_IP = "MIG_POD_IP"
"""The variable by which the node tells a pod its own address."""
HTTP_PORT = 8080
"""Where an `http` service listens, on the pod's own address."""
PREDICT, HEALTH = "/predict", "/healthz"
"""What it answers there: classes for images, and whether it has a model to tell them by."""

CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
"""What is on an image of Fashion-MNIST, by its label."""

Kind = Literal["train", "infer"]
Model = Literal["resnet18", "resnet18-32", "cnn", "mlp"]
Precision = Literal["auto", "bf16", "fp32"]
Compile = Literal["off", "default", "reduce-overhead"]
LineType = Literal["event", "step", "epoch", "result"]
LINE_TYPES: tuple[LineType, ...] = get_args(LineType)

_ONE_OF: Mapping[str, tuple[str, ...]] = {
    "kind": get_args(Kind),
    "model": get_args(Model),
    "precision": get_args(Precision),
    "compile": get_args(Compile),
}
_AT_LEAST: Mapping[str, int] = {
    "index": 0,
    "batch": 1,
    "image_size": 8,  # three poolings halve it
    "epochs": 1,
    "train_images": 1,
    "label_smoothing": 0,
    "gradient_clip": 0,
    "seed": 0,
    "checkpoint_minutes": 0,
    "seconds": 0,
    "requests": 0,
    "micro_batch": 0,
}
_TOLD_BY_THE_NODE: Mapping[str, str] = {
    "index": "JOB_COMPLETION_INDEX",
    "device": "NVIDIA_VISIBLE_DEVICES",
    "pod_ip": POD_IP,
}


class WorkloadError(Exception):
    """What ends a pod, in one sentence for people; another try may go better."""

    exit_code = 1


class OrdersError(WorkloadError):
    """The orders cannot be carried out as given: no other try will go better."""

    exit_code = REQUEST_IS_WRONG


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What one pod is told."""

    run_id: str
    workload: str
    index: int = 0
    """Which of the workload's pods this is: the Job's completion index, from 0."""
    device: str = ""
    """The device the pod's claim was given, as the container runtime says it; empty or `void`: CUDA knows."""
    pod_ip: str = ""
    """The pod's own address; empty: it was not told, and nobody can call it."""
    kind: Kind
    model: Model
    data: str
    """`s3://bucket/prefix` under which the data set's four IDX files and their `SHA256SUMS` lie."""
    output: str
    """`s3://bucket/prefix` of this workload; the pod writes beneath it only, in `folder`."""
    model_from: str = ""
    """`s3://bucket/prefix` where models are published to serve (a training's `folder`); empty: fit one first."""
    batch: int = 64
    image_size: int = 32
    """Pixels of an edge."""
    epochs: int = 1
    train_images: int = 60_000
    """The first so many of the training set."""
    learning_rate: float = 0.002
    """The peak of the one-cycle schedule."""
    precision: Precision = "auto"
    """`auto` is bf16 where the hardware has it, else fp32."""
    compile: Compile = "off"
    """How torch.compile is asked to make the step faster; `reduce-overhead` is by CUDA graphs. What fails is said."""
    augment: bool = True
    """Whether a training flips, shifts and erases parts of its images."""
    label_smoothing: float = 0.0
    """How much of each label is spread over all classes while training; 0: none."""
    gradient_clip: float = 1.0
    """The largest norm of all gradients together; 0: no limit."""
    seed: int = 1
    checkpoint_minutes: float = 5.0
    """Minutes between two checkpoints; 0: none but the one of a training that is told to stop."""
    seconds: float = 20.0
    """How long an inference service serves; 0: by `requests` alone."""
    requests: int = 0
    """How many images an inference service answers at most; 0: by `seconds` alone."""
    micro_batch: int = 0
    """Images answered at once; 0: `batch`."""
    http: bool = False
    """Whether an inference service answers what clients send it over HTTP, instead of the test images."""

    @property
    def folder(self) -> str:
        """`s3://bucket/prefix` of this one pod; its first pod's is the workload's own, where others look for models."""
        return f"{self.output}/{self.index}" if self.index else self.output

    def to_env(self) -> dict[str, str]:
        """As environment variables: `MIG_RUN_ID`, `MIG_WORKLOAD`, ...; without what only the node can tell."""
        told = (field.name for field in fields(self) if field.name not in _TOLD_BY_THE_NODE)
        return {_variable(name): _written(getattr(self, name)) for name in told}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Orders":
        """Read what `to_env` wrote, and what the node adds. Raises OrdersError naming the variable."""
        given: dict[str, Any] = {}
        for field in fields(cls):
            variable = _variable(field.name)
            if variable in env:
                given[field.name] = _read(variable, env[variable], field.type)
        try:
            orders = cls(**given)
        except TypeError as error:
            raise OrdersError(f"orders incomplete: {error}") from error
        _check(orders)
        return orders


def carry_out(story: Callable[[Orders], int]) -> int:
    """What an entry point does: read this process's orders, tell the story, answer with its exit code."""
    try:
        return story(Orders.from_env(os.environ))
    except WorkloadError as error:
        say("event", event="failed", why=str(error))
        return error.exit_code


def say(kind: LineType, **facts: object) -> None:
    """Answer one line, at once."""
    sys.stdout.write(line(kind, **facts) + "\n")
    sys.stdout.flush()


def line(kind: LineType, **facts: object) -> str:
    """One answer as the text of one line, without its newline."""
    return json.dumps({"type": kind, **facts}, separators=(",", ":"), allow_nan=False)


def read_line(text: str) -> dict[str, Any] | None:
    """The answer that a line of a pod's log holds, or None for anything that is not one of ours."""
    if not text.startswith("{"):
        return None
    try:
        facts = json.loads(text)
    except (
        ValueError,
        RecursionError,
    ):  # no JSON, a number of too many digits, brackets too deep: a log holds anything
        return None
    return facts if isinstance(facts, dict) and facts.get("type") in LINE_TYPES else None


def _variable(field: str) -> str:
    return _TOLD_BY_THE_NODE.get(field, PREFIX + field.upper())


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(name: str, text: str, kind: Any) -> Any:  # noqa: ANN401 - a field's type decides
    if kind is bool:
        if text not in {"true", "false"}:
            raise OrdersError(f"{name}: {text!r} is neither true nor false")
        return text == "true"
    if kind not in {int, float}:
        return text
    try:
        number = kind(text)
    except ValueError as error:
        raise OrdersError(f"{name}: {text!r} is no {kind.__name__}") from error
    if not math.isfinite(number):
        raise OrdersError(f"{name}: {text!r} is not finite")
    return number


def _check(orders: Orders) -> None:
    for field, accepted in _ONE_OF.items():
        if getattr(orders, field) not in accepted:
            raise OrdersError(f"{_variable(field)}: {getattr(orders, field)!r} is none of {', '.join(accepted)}")
    for field, least in _AT_LEAST.items():
        if getattr(orders, field) < least:
            raise OrdersError(f"{_variable(field)}: {getattr(orders, field)} is below {least}")
    if orders.learning_rate <= 0:
        raise OrdersError(f"MIG_LEARNING_RATE: {orders.learning_rate} is not above 0")
    if orders.label_smoothing >= 1:
        raise OrdersError(f"MIG_LABEL_SMOOTHING: {orders.label_smoothing} is not below 1")
    if orders.kind == "infer" and not (orders.seconds or orders.requests):
        raise OrdersError("MIG_SECONDS, MIG_REQUESTS: one of them must be above 0, or the service never ends")
    if orders.http and not orders.pod_ip:
        raise OrdersError(f"{POD_IP}: it must hold the pod's own address, which a service over HTTP listens on")
