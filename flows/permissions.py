"""`mig permissions`: what somebody needs in an account, as IAM reads it. It needs no credentials."""

import json
from enum import StrEnum
from typing import Annotated

import typer

from mig.account import bucket_name


class Duty(StrEnum):
    """What somebody does."""

    BOOTSTRAP = "bootstrap"
    NETWORK = "network"
    ROLES = "roles"
    CLUSTER = "cluster"
    RUNS = "runs"


def permissions(
    duty: Annotated[Duty, typer.Argument(help="`mig platform` needs network, roles and cluster.")],
    account: Annotated[str, typer.Option(help="Twelve digits.")],
    region: Annotated[str, typer.Option(help="AWS region of state, results and cluster.")] = "us-east-1",
    cluster: Annotated[str, typer.Option(help="EKS's name of it, as `eks.cluster` of a request.")] = "mig",
    bucket: Annotated[str, typer.Option(help="Of state and results. Empty: the one that bootstrap makes.")] = "",
) -> None:
    """Print the IAM policy of one duty. AWS is not asked."""
    from infra.duties import DOCUMENTS, MOST_CHARACTERS, size
    from infra.permissions import Scope

    named = bucket or bucket_name(account, region)
    document = DOCUMENTS[duty.value](Scope(region=region, account=account, cluster=cluster, bucket=named))
    typer.echo(json.dumps(document, indent=2))
    if size(document) > MOST_CHARACTERS:
        why = f"{size(document)} characters, and IAM takes {MOST_CHARACTERS} in a managed policy"
        typer.echo(f"{why}: give it to a role inline, or choose shorter names", err=True)
