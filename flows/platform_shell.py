"""`mig platform preview|up|refresh|show|down|kubeconfig|grafana` and `mig token`: what outlives runs, in a shell."""

import json
import os
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from flows.request_file import Settings, SpecFile, request
from flows.server import server
from flows.surroundings import prefect_for_a_shell
from mig.spec import RunSpec, check

app = typer.Typer(no_args_is_help=True, help="The cluster and what stands in it, which outlive runs.")

Port = Annotated[int, typer.Option(min=0, max=65535, help="On loopback; 0: a free one.")]
File = Annotated[Path | None, typer.Option("--file", help="Write it there, readable by you alone; else it is printed.")]
Region = Annotated[str, typer.Option("--region", help="Of the cluster.", envvar="AWS_REGION")]
RunsToo = Annotated[bool, typer.Option("--runs-too", help="Take down first what runs have left, or still use.")]


@app.command()
def preview(spec_file: SpecFile, settings: Settings = None) -> None:
    """Say what raising would change and what it would cost an hour, and create nothing."""
    from tasks import account, platform
    from tasks.connect import standing_for

    spec = _asked(spec_file, settings)
    place = standing_for(spec)
    account.checked(place, spec)
    foreseen = platform.foresee(place, platform.layers(place, spec))
    for layer, changes in foreseen.by_layer.items():
        for change in changes.changes:
            typer.echo(f"{layer}: {change.action} {change.kind} {change.name}")
    typer.echo("\n".join(_priced(spec, foreseen.whole.kinds())))
    typer.echo(str(foreseen.whole))


@app.command()
def up(spec_file: SpecFile, settings: Settings = None) -> None:
    """Raise what is missing, and bring what stands to what is declared."""
    _carried_out(_asked(spec_file, settings), action="raise")


@app.command()
def refresh(spec_file: SpecFile, settings: Settings = None) -> None:
    """Look at everything that stands, and say what was changed outside."""
    _carried_out(_asked(spec_file, settings), action="refresh")


@app.command()
def show(spec_file: SpecFile, settings: Settings = None) -> None:
    """What stands, as its stacks give it; secrets are not among it."""
    from tasks import platform
    from tasks.connect import standing_for

    place = standing_for(_asked(spec_file, settings))
    typer.echo(yaml.safe_dump(platform.standing(place, platform.names(place)), sort_keys=False), nl=False)


@app.command()
def down(spec_file: SpecFile, settings: Settings = None, *, runs_too: RunsToo = False) -> None:
    """Lower everything but state and results, and ask AWS what is left."""
    _carried_out(_asked(spec_file, settings), action="lower", runs_too=runs_too)


@app.command()
def kubeconfig(spec_file: SpecFile, settings: Settings = None, file: File = None) -> None:
    """A kubeconfig; on AWS one without a secret, whose users ask `mig token`."""
    from tasks.connect import kubeconfig as content
    from tasks.connect import standing_for

    text = content(standing_for(_asked(spec_file, settings)))
    if file is None:
        typer.echo(text, nl=False)
        return
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as written:
        written.write(text)
    typer.echo(f"export KUBECONFIG={file.resolve()}")


@app.command()
def grafana(spec_file: SpecFile, settings: Settings = None, port: Port = 3000) -> None:
    """Open Grafana on a port of this machine, say its password, and keep it open until Ctrl-C."""
    from tasks import forward, platform
    from tasks.connect import kubernetes, standing_for

    place = standing_for(_asked(spec_file, settings))
    client, where = kubernetes(place), platform.grafana(place)
    held = forward.secret(client, where.namespace, where.secret)
    pod = forward.pod_of(client, where.namespace, where.service)
    with forward.forwarded(client, pod, port=port) as address, suppress(KeyboardInterrupt):
        typer.echo(f"{address}  user {held[where.user_key]}  password {held[where.password_key]}")
        threading.Event().wait()


def token(cluster: Annotated[str, typer.Argument(metavar="CLUSTER")], region: Region = "us-east-1") -> None:
    """A token for an EKS cluster's API server, as kubectl asks for it; it lives 15 minutes."""
    from tasks.connect import session
    from tasks.token import credential

    typer.echo(json.dumps(credential(session(region), cluster, now=datetime.now(UTC))))


def _asked(file: Path, settings: list[str] | None) -> RunSpec:
    """A request of which only the place counts: it may have no workloads, but none that cannot be carried out."""
    spec = request(file, settings)
    if spec.workloads:
        check(spec)
    return spec


def _carried_out(spec: RunSpec, **what: Any) -> None:  # noqa: ANN401 (the flow's own parameters)
    prefect_for_a_shell()
    with server():
        from flows.in_shell import ended  # Prefect reads its settings when it is imported
        from flows.platform import platform

        code = ended(platform(spec, **what, return_state=True))
    raise typer.Exit(code)


def _priced(spec: RunSpec, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """What would stand, by the hour, beside what the request's GPU nodes would cost."""
    from mig.plan import draw
    from mig.standing import price, told

    planned = draw(spec, "planned").usd_per_hour if spec.workloads else None
    return told(price(kinds), region=spec.eks.region, gpu_usd_per_hour=planned)
