"""Files that people write, in YAML."""

from pathlib import Path
from typing import Any

import yaml

from mig.errors import Refused


def mapping(file: Path, *, named: str, accepted: str) -> dict[str, Any]:
    """
    The mapping that a file holds.

    Args:
        file: in YAML, of which JSON is a part.
        named: what the person who gave the file calls it.
        accepted: what would do instead, where this one does not.

    Raises Refused in one sentence, with the line that is wrong.
    """
    try:
        held = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(named, f"{file} cannot be read: {error.strerror}", accepted=accepted) from error
    except UnicodeDecodeError as error:
        raise Refused(named, f"{file} is no text in UTF-8", accepted=accepted) from error
    except yaml.YAMLError as error:
        raise Refused(named, f"{file} is no YAML{_place(error)}", accepted=accepted) from error
    if not isinstance(held, dict):
        raise Refused(named, f"{file} holds no mapping", accepted=accepted)
    return held


def _place(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f": line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return ""
