"""
AWS's own description of its requests, as botocore carries it: what an operation accepts, and refuses at the door.

It judges the form of one request: members, types, ranges, patterns, enumerated values. What depends on the account,
or on two members together, is not described there.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.session import get_session
from botocore.validate import ParamValidator

from rehearsal.provider import UNKNOWN


@lru_cache(maxsize=64)
def operation(service: str, name: str) -> OperationModel:
    """The description of one operation: `("eks", "CreateNodegroup")`."""
    return _service(service).operation_model(name)


def request(value: Any, shape: Shape) -> Any:  # noqa: ANN401 (any JSON, shaped by the model)
    """
    The value as AWS's model spells it.

    Pulumi writes `httpTokens` where EC2 has `HttpTokens`, a dictionary where EC2 has a list of Key and Value, `"true"`
    where EC2 has a boolean, and a double wherever there is a number. A member that the model does not know stays, so
    that it is refused by name.
    """
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {_member(name, shape): inner for name, inner in value.items()}
        return {
            name: request(inner, shape.members[name]) if name in shape.members else inner
            for name, inner in members.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, dict) and _is_tag(shape.member):
        return [{"Key": key, "Value": inner} for key, inner in value.items()]
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [request(inner, shape.member) for inner in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: request(inner, shape.value) for key, inner in value.items()}
    return _scalar(value, shape)


def violations(service: str, name: str, wanted: dict[str, Any]) -> tuple[str, ...]:
    """What AWS would refuse in the form of this request, a sentence each; nothing if it is well formed."""
    shape = operation(service, name).input_shape
    report = ParamValidator().validate(wanted, shape).generate_report()
    return (*(report.splitlines() if report else ()), *_constraints(wanted, shape, ""))


def _constraints(value: Any, shape: Shape, path: str) -> Iterator[str]:  # noqa: ANN401 (any JSON)
    """What the model limits and botocore leaves to the server, in the words that servers use."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name in value.keys() & shape.members.keys():
            yield from _constraints(value[name], shape.members[name], f"{path}.{name}" if path else name)
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for place, inner in enumerate(value, start=1):
            yield from _constraints(inner, shape.member, f"{path}.{place}.member")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for key, inner in value.items():
            yield from _constraints(key, shape.key, f"{path}.key")
            yield from _constraints(inner, shape.value, f"{path}.{key}")
    elif isinstance(value, str | int | float) and value != UNKNOWN:
        for constraint in _broken(value, shape):
            yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {constraint}"


def _broken(value: str | float, shape: Shape) -> Iterator[str]:
    limits = shape.metadata
    if limits.get("enum") and value not in limits["enum"]:
        yield f"satisfy enum value set: [{', '.join(limits['enum'])}]"
    if isinstance(value, str):
        if len(value) > limits.get("max", len(value)):
            yield f"have length less than or equal to {limits['max']}"
        if "pattern" in limits and not re.fullmatch(_python(limits["pattern"]), value):
            yield f"satisfy regular expression pattern: {limits['pattern']}"
    elif value > limits.get("max", value):
        yield f"have value less than or equal to {limits['max']}"


def _python(pattern: str) -> str:
    r"""
    AWS writes Java's expressions.

    A pair of surrogates (`\uD800\uDC00`) is one character in Python, and a Unicode category (`\p{L}`: letters, `\p{N}`:
    numbers, `\p{Z}`: separators) is the nearest class that Python has.
    """
    pattern = re.sub(r"\\p\{([LNZ])\}", lambda category: r"\s" if category[1] == "Z" else r"\w", pattern)
    return re.sub(r"\\uD800\\uDC00-\\uDBFF\\uDFFF", r"\\U00010000-\\U0010FFFF", pattern)


def _scalar(value: Any, shape: Shape) -> Any:  # noqa: ANN401 (any JSON)
    kind = shape.type_name
    if kind == "boolean" and value in {"true", "false"}:
        return value == "true"
    if kind in {"integer", "long"}:
        if value == UNKNOWN:
            return shape.metadata.get("min", 1)
        if isinstance(value, float) and value.is_integer():
            return int(value)
    return value


def _member(name: str, shape: StructureShape) -> str:
    capital = name[:1].upper() + name[1:]
    return capital if capital in shape.members else name


def _is_tag(shape: Shape) -> bool:
    return isinstance(shape, StructureShape) and {"Key", "Value"} <= shape.members.keys()


@lru_cache(maxsize=8)
def _service(name: str) -> Any:  # noqa: ANN401 (botocore's ServiceModel, which has no types)
    return get_session().get_service_model(name)
