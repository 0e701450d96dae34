"""
What a person is told when a field of a request cannot be read: its path, what is wrong with it, what would be accepted.

All of it comes from pydantic's error and the model's JSON schema; what the fields mean is not known here.
"""

import difflib
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from mig.errors import Refused

_WRONG: Mapping[str, str] = {
    "literal_error": "unknown",
    "greater_than": "too small",
    "greater_than_equal": "too small",
    "less_than": "too big",
    "less_than_equal": "too big",
    "too_short": "too short",
    "string_too_long": "too long",
    "string_pattern_mismatch": "not of that form",
}


def refused(error: ValidationError, model: type[BaseModel]) -> Refused:
    """The first thing that is wrong, as one sentence."""
    first = error.errors(include_url=False)[0]
    schema, where = model.model_json_schema(), first["loc"]
    if first["type"] == "extra_forbidden":
        known = list(_at(schema, where[:-1])["properties"])
        likely = difflib.get_close_matches(str(where[-1]), known)
        return Refused(path(where), "unknown field", accepted=", ".join(likely or known))
    why = f"{reprlib.repr(first['input'])} is {_WRONG.get(first['type'], 'of the wrong type')}"
    return Refused(path(where), why, accepted=_accepted(_at(schema, where)))


def path(where: Sequence[str | int]) -> str:
    """`("workloads", 0, "count")` is `workloads[0].count`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).removeprefix(".")


def _at(schema: Mapping[str, Any], where: Sequence[str | int]) -> Mapping[str, Any]:
    """The schema of a field, references followed."""
    here = schema
    for part in where:
        here = here["items"] if isinstance(part, int) else here.get("properties", {}).get(part, {"type": "string"})
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rpartition("/")[2]]
    return here


def _accepted(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(value or '"" (not given)' for value in field["enum"])
    if "$comment" in field:
        return str(field["$comment"])
    if "properties" in field:
        return f"a mapping of {', '.join(field['properties'])}"
    return f"{_TYPES[field['type']]}{_range(field)}"


_TYPES: Mapping[str, str] = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


def _range(field: Mapping[str, Any]) -> str:
    bounds = (
        ("exclusiveMinimum", " above {}"),
        ("minimum", " from {}"),
        ("maximum", " to {}"),
        ("minItems", " of at least {}"),
        ("maxLength", " of at most {} characters"),
    )
    return "".join(words.format(field[bound]) for bound, words in bounds if bound in field)
