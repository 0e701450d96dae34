"""`mig bootstrap`: what an account needs once in a region, made or found, and what it costs."""

from typing import Annotated

import typer

from mig.errors import Failed, Temporary


def bootstrap(
    region: Annotated[str, typer.Option(help="AWS region of state, results and cluster.")] = "us-east-1",
    bucket: Annotated[str, typer.Option(help="Of state and results. Empty: one named after account and region.")] = "",
) -> None:
    """Make the bucket for state and results and the key for its secrets, once for an account and region."""
    from tasks.bootstrap import COSTS, prepare, site  # its clients take a second to import

    try:
        prepared = prepare(site(region, bucket))
    except Temporary as trouble:  # no run waits for AWS here: a person may ask again
        raise Failed("bootstrap", str(trouble)) from trouble
    for part in prepared.parts:
        print(f"{'made ' if part.made else 'there'}  {part.what}")
    print(f"costs  {COSTS}; no command of ours deletes them")
    print(f"state  {prepared.state}  (eks.state of a request)")
