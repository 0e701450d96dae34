"""A request, from the file and the settings that a person gives in a shell."""

from pathlib import Path
from typing import Annotated

import typer

from flows.documents import mapping
from mig.spec import RunSpec, read, with_settings

SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="The request, a YAML file.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change one field of the request.")]


def request(file: Path, settings: list[str] | None) -> RunSpec:
    """The request, each field held to its own range. Raises Refused for the first that is wrong."""
    fields = mapping(file, named="SPEC", accepted="a YAML file with fields as in deployments/specs/rehearsal.yaml")
    return read(with_settings(fields, settings or []))
