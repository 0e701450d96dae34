"""A request, from the file and the settings that a person gives in a shell; or its place alone."""

from pathlib import Path
from typing import Annotated

import typer

from flows.documents import mapping
from mig.errors import Refused
from mig.sections import Where
from mig.spec import RunSpec, read, with_settings

SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="The request, a YAML file.")]
PlaceFile = Annotated[
    Path | None,
    typer.Option("--where", metavar="SPEC", help="A request whose place is meant. Without it: the World by MIG_WORLD."),
]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change one field of the request.")]


def request(file: Path, settings: list[str] | None) -> RunSpec:
    """The request, each field held to its own range. Raises Refused for the first that is wrong."""
    fields = mapping(file, named="SPEC", accepted="a YAML file with fields as in deployments/specs/rehearsal.yaml")
    return read(with_settings(fields, settings or []))


def place(file: Path | None, settings: list[str] | None) -> Where:
    """The place that a request names; of the rest nothing counts. Raises Refused for one that cannot be reached yet."""
    if file is None:
        return Where()
    spec = request(file, settings)
    if spec.target == "existing":
        raise Refused("target", "existing cannot be reached yet", accepted="rehearsal, eks")
    return Where(target=spec.target, eks=spec.eks)
