"""
Both ends of the wire between the pipeline and a pod, in one file: what a pod is told, and what it answers.

A pod is told by environment variables (`Orders.to_env` writes them, `Orders.from_env` reads them). It answers on standard
output, one JSON object a line, each with a `type` (`Line`); everything else that a pod says goes to standard error.
This is the only file that reads the environment, and it needs nothing but the standard library.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

PREFIX = "MIG_"
REQUEST_IS_WRONG = 42
"""Exit code that says: trying again will not help, the request is wrong."""

Kind = Literal["train", "infer"]
LineType = Literal["event", "step", "epoch", "result"]
LINE_TYPES: tuple[LineType, ...] = ("event", "step", "epoch", "result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What one pod is told."""

    run_id: str
    workload: str
    index: int = 0
    """Which of the workload's pods this is: the Job's completion index, from 0."""
    kind: Kind
    model: str
    data: str
    """`s3://bucket/prefix` under which the data set's four IDX files and their `SHA256SUMS` lie."""
    output: str
    """`s3://bucket/prefix` of this workload; the pod writes beneath it only."""
    model_from: str = ""
    """`s3://bucket/prefix` where models are published to serve; empty: fit one first."""
    batch: int = 64
    image_size: int = 32
    """Pixels of an edge."""
    epochs: int = 1
    train_images: int = 60_000
    learning_rate: float = 0.002
    precision: str = "auto"
    """`auto` is bf16 where the hardware has it, else fp32."""
    seed: int = 1
    checkpoint_minutes: float = 5.0
    seconds: float = 20.0
    """How long an inference service serves; 0: by `requests` alone."""
    requests: int = 0
    """How many images an inference service answers at most; 0: by `seconds` alone."""
    micro_batch: int = 0
    """Images answered at once; 0: `batch`."""
    http: bool = False
    """Whether an inference service also answers over HTTP."""

    def to_env(self) -> dict[str, str]:
        """As environment variables: `MIG_RUN_ID`, `MIG_WORKLOAD`, ..."""
        return {PREFIX + f.name.upper(): _written(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Orders":
        """Read what `to_env` wrote; the index comes from the Job. Raises ValueError naming the variable."""
        given: dict[str, Any] = {}
        for field in fields(cls):
            name = PREFIX + field.name.upper()
            if name in env:
                given[field.name] = _read(name, env[name], field.type)
        if "JOB_COMPLETION_INDEX" in env:
            given["index"] = _read("JOB_COMPLETION_INDEX", env["JOB_COMPLETION_INDEX"], int)
        try:
            return cls(**given)
        except TypeError as error:
            raise ValueError(f"orders incomplete: {error}") from error


def line(kind: LineType, **facts: object) -> str:
    """One answer as the text of one line, without its newline."""
    return json.dumps({"type": kind, **facts}, separators=(",", ":"))


def read_line(text: str) -> dict[str, Any] | None:
    """The answer that a line of a pod's log holds, or None for anything that is not one of ours."""
    if not text.startswith("{"):
        return None
    try:
        facts = json.loads(text)
    except json.JSONDecodeError:
        return None
    return facts if isinstance(facts, dict) and facts.get("type") in LINE_TYPES else None


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(name: str, text: str, kind: Any) -> Any:
    if kind is bool:
        if text not in {"true", "false"}:
            raise ValueError(f"{name}: {text!r} is neither true nor false")
        return text == "true"
    if kind in {int, float}:
        try:
            return kind(text)
        except ValueError as error:
            raise ValueError(f"{name}: {text!r} is no {kind.__name__}") from error
    return text
