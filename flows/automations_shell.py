"""The shell of the automations: `mig automations apply`, `mig automations show`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from mig.census import Row

shell = typer.Typer(no_args_is_help=True, help="Who is told of what, and what is done when a flow run falls silent.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="The automations.")]
USUAL = Path("deployments/automations.yaml")


@shell.command()
def apply(file: File = USUAL) -> None:
    """Bring the Prefect server that is configured to what a file declares; as often as one likes."""
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    from flows import automations
    from flows.serve import configured
    from flows.tables import show as show_table

    declared = automations.read_file(file)
    with configured() as prefect:
        done = automations.applied(prefect, declared, lambda line: typer.echo(line, err=True))
    show_table([{"automation": name, "done": what} for name, what in done.items()], title="automations")


@shell.command()
def show() -> None:
    """Say which automations of ours the server has, whether they are on, and whom they tell."""
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    from flows import automations
    from flows.serve import configured
    from flows.tables import show as show_table

    with configured() as prefect:
        there, channels = automations.ours(prefect), automations.channels_of(prefect)
    there.sort(key=lambda each: each.name)
    rows: list[Row] = [{"automation": a.name, "is": "on" if a.enabled else "off", "what": a.description} for a in there]
    show_table(rows, title="automations")
    show_table([{"channel": name} for _, name in channels], title="channels")
