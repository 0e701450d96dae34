"""
The shell: `mig plan`, `run`, `serve`, `deploy`, `teardown`, `sweep`, `slices`, and what `mig --help` lists beside them.

Answers go to standard output, everything else to standard error. Exit codes are those of the report: 0 succeeded,
1 failed or cancelled, 2 refused, 3 no capacity, 4 something may still be billed.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
import yaml

from flows.automations_shell import shell as automations
from flows.bootstrap import bootstrap
from flows.interrupts import Ending
from flows.permissions import permissions
from flows.platform_shell import app as platform
from flows.platform_shell import token
from flows.request_file import PlaceFile, Settings, SpecFile, place, request
from flows.server import at_home, server
from flows.surroundings import prefect_for_a_shell, quiet_prefect, surroundings
from mig import census
from mig.errors import Failed, Refused
from mig.layout import mig_parted
from mig.plan import Plan, draw, summary
from mig.release import RELEASES
from mig.spec import RunSpec, check
from tasks.world import whole

if TYPE_CHECKING:
    from flows.serve import Hands

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
stage = typer.Typer(no_args_is_help=True, help="The World of a rehearsal: its simulated cloud and its real servers.")
app.add_typer(stage, name="world")
app.command()(bootstrap)
app.command()(permissions)
app.add_typer(automations, name="automations")
app.add_typer(platform, name="platform")
app.command()(token)

PrefectFile = Annotated[Path, typer.Argument(metavar="FILE", help="The deployments.")]
WorldFile = Annotated[Path, typer.Argument(metavar="FILE", envvar="MIG_WORLD", help="The World's private file.")]


@app.command()
def plan(
    spec_file: SpecFile,
    settings: Settings = None,
    as_json: Annotated[bool, typer.Option("--json", help="The plan as the report has it.")] = False,
    as_mig_parted: Annotated[bool, typer.Option("--mig-parted", help="As nvidia-mig-parted reads it.")] = False,
) -> None:
    """Say what a request would create and cost, and create nothing."""
    drawn = draw(_spec(spec_file, settings), "planned")
    if as_json:
        print(json.dumps(summary(drawn), indent=2))
    elif as_mig_parted:
        print(yaml.safe_dump(mig_parted(drawn.nodes), sort_keys=False), end="")
    else:
        print("\n".join(drawn.explanation))


@app.command()
def run(
    spec_file: SpecFile,
    settings: Settings = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the World open afterwards, for a look.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Where no offer holds, try again as the request says.")] = False,
) -> None:
    """Carry out a request, from plan to teardown, and end with its report."""
    spec = _spec(spec_file, settings)
    _check_before_prefect(draw(spec, "planned"), spec, keep=keep)
    prefect_for_a_shell()
    in_a_world = spec.target == "rehearsal"
    with surroundings(spec.rehearsal.time_scale, _say, keep=keep) if in_a_world else server():
        from flows.in_shell import carried_out  # Prefect reads its settings when it is imported

        code = carried_out(spec, wait=wait, tell=_say)
    raise typer.Exit(code)


@app.command()
def serve(
    file: PrefectFile = Path("prefect.yaml"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of a server of our own; 0: a free one.")] = 4200,
    time_scale: Annotated[float, typer.Option(min=1, max=600, help="Of the World.")] = 60,
    check: Annotated[bool, typer.Option("--check", help="Carry out one tiny rehearsal, and end.")] = False,
) -> None:
    """Bring up Prefect, a World, the deployments and a worker, until Ctrl-C; the last line is where to click."""
    if not file.is_file():  # said before anything starts
        raise Refused("FILE", f"{file} cannot be read: it is not there", accepted="a prefect.yaml")
    quiet_prefect()
    home, ending = _home(), Ending(_say)
    code = int(check)
    with suppress(KeyboardInterrupt), ending.heard(), _everything(file, home, port, time_scale) as (api, hands):
        from flows.serve import hold, rehearse, served

        with served(api, file, hands, ending=ending, tell=_say) as what:
            if check:
                code = rehearse(what, file, time_scale, _say)
            else:
                print(what.address, flush=True)
                hold(what)
    raise typer.Exit(code)


@app.command()
def deploy(
    file: PrefectFile = Path("prefect.yaml"),
    pool_type: Annotated[
        Literal["process", "kubernetes"], typer.Option(help="Of the work pool: runs are processes, or pods.")
    ] = "process",
    image: Annotated[str, typer.Option(help="Of the pods. Once said, the pool keeps it.")] = "",
    env: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="For every pod, repeatable; the pool keeps it, in clear."),
    ] = None,
) -> None:
    """Deploy everything to the Prefect server that is configured, and make the work pool; as often as one likes."""
    quiet_prefect()
    from flows.serve import deployed
    from flows.work_pool import wanted

    print(f"deployed: {deployed(file, wanted(file, pool_type, image=image, env=env or ()))}")


@app.command()
def teardown(
    run_id: Annotated[str, typer.Argument(metavar="RUN")], where: PlaceFile = None, settings: Settings = None
) -> None:
    """End what a run left: its Jobs, its nodes, its stacks; and ask what still exists."""
    there = place(where, settings)
    prefect_for_a_shell()
    with server():
        from flows.in_shell import ended
        from flows.teardown import teardown as take_down

        code = ended(take_down(run_id, where=there, return_state=True))
    raise typer.Exit(code)


@app.command()
def sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken down, and why.")] = False,
    where: PlaceFile = None,
    settings: Settings = None,
) -> None:
    """Take down what outlived its run, whoever started it."""
    there = place(where, settings)
    prefect_for_a_shell()
    with server():
        from flows.in_shell import ended
        from flows.sweep import sweep as take_down
        from flows.tables import show

        state = take_down(dry_run=dry_run, where=there, return_state=True)
        answers = state.result(raise_on_failure=False)
        if isinstance(answers, tuple):  # else it was refused, which its state says
            show([asdict(answer) for answer in answers], title="runs")
        code = ended(state)
    raise typer.Exit(code)


@app.command()
def slices(
    by_node: Annotated[bool, typer.Option("--by-node", help="Node by node.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for a program.")] = False,
    where: PlaceFile = None,
    settings: Settings = None,
) -> None:
    """Say which slices there are, who has them, and what else is asked for."""
    from flows.tables import show
    from tasks import observe
    from tasks.connect import standing_for

    there = standing_for(place(where, settings))
    counted = census.count(observe.devices(there), observe.claims(there))
    if as_json:
        print(json.dumps(census.summary(counted), indent=2))
    else:
        show(census.table(counted, by_node=by_node), title="slices")
        show(census.holdings(counted), title="who has them")


@stage.command("open")
def world_open(
    time_scale: Annotated[float, typer.Option(min=1, max=600)] = 60,
    bare: Annotated[bool, typer.Option("--bare", help="Its account has nothing: the first run raises it.")] = False,
    release: Annotated[str, typer.Option(help="The NVIDIA pair that stands in it: current, article.")] = "current",
) -> None:
    """Open a World that stays until it is closed, cluster and platform in it, and print the file that names it."""
    if release not in RELEASES:
        raise Refused("--release", f"{release} is no pair", accepted=", ".join(RELEASES))
    standing = [] if bare else ["--standing"]
    _stage("open", "--time-scale", str(time_scale), *standing, told="" if bare else whole(release))


@stage.command("show")
def world_show(file: WorldFile) -> None:
    """What runs in a World, and what it would be billed for."""
    _stage("show", str(file))


@stage.command("account")
def world_account(file: WorldFile) -> None:
    """What leads to a World's account as to a real one, for `eval "$(...)"`: target eks then takes it for AWS."""
    _stage("account", str(file))


@stage.command("close")
def world_close(file: WorldFile) -> None:
    """End a World and everything in it."""
    _stage("close", str(file))


@app.command()
def doctor() -> None:
    """Check what a rehearsal needs on this machine: binaries, data set, a free port."""
    from flows.doctor import findings

    found = findings()
    for finding in found:
        print(f"{'ok ' if finding.well else 'BAD'}  {finding.what}: {finding.detail}")
    raise typer.Exit(0 if all(finding.well for finding in found) else 1)


def main() -> None:
    """The entry point; what was refused or failed is one sentence."""
    try:
        app()
    except Refused as error:
        print(f"refused: {error}", file=sys.stderr)
        sys.exit(2)
    except Failed as error:
        print(f"failed: {error}", file=sys.stderr)
        sys.exit(1)


def _spec(file: Path, settings: list[str] | None) -> RunSpec:
    spec = request(file, settings)
    check(spec)
    return spec


def _check_before_prefect(drawn: Plan, spec: RunSpec, *, keep: bool) -> None:
    """Say what is about to happen, and refuse here what would be refused after a server's start."""
    print("\n".join(drawn.explanation), file=sys.stderr)
    if spec.target == "existing":
        raise Refused("target", "existing is planned and priced, but cannot be run yet", accepted="rehearsal, eks")
    if keep and spec.target != "rehearsal":
        raise Refused("--keep", f"with target {spec.target} there is no World to leave open", accepted="a rehearsal")


def _home() -> Path:
    """Where the server of `mig serve` keeps what it knows, from one start to the next."""
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "mig-pipeline/prefect"


@contextmanager
def _everything(file: Path, home: Path, port: int, time_scale: float) -> Iterator[tuple[str, "Hands"]]:
    """Server and World; the deployments are looked at, and who acts on them gets ready: imports of seconds."""
    ready: list[Hands] = []
    with ExitStack() as kept:

        def prepare() -> None:
            from flows.serve import hands

            ready.append(kept.enter_context(hands(file, home / "worker.log")))

        own = at_home(home, port)
        with surroundings(time_scale, _say, standing=whole(), own=own, meanwhile=prepare) as api:
            yield api, ready[0]


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _stage(*words: str, told: str = "") -> None:
    done = subprocess.run([sys.executable, "-m", "rehearsal.world", *words], input=told, text=True, check=False)
    raise typer.Exit(done.returncode)
