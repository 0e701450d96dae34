"""
The deployments of prefect.yaml: held to what Prefect lets through, and deployed with what they need.

Prefect takes a misspelt key and an unknown parameter in silence, and leaves it to the run to find a request that cannot
be carried out. `check` refuses them, without a server.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, get_type_hints

from prefect import Flow
from prefect.cli.deploy._models import DeploymentConfig, PrefectYamlModel, WorkPoolConfig
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import VariableCreate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy
from prefect.utilities.schema_tools import ValidationError as SchemaError
from prefect.utilities.schema_tools import validate
from pydantic import ValidationError

from flows import schedules
from flows.command import Process, command, told
from flows.documents import mapping
from flows.work_pool import NAMES, Wanted, bring
from mig.errors import Failed, Refused
from mig.plan import draw
from mig.refusal import path
from mig.spec import RunSpec, read
from mig.spec import check as check_spec

Entry = Mapping[str, Any]

_VARIABLE = re.compile(r"\{\{\s*prefect\.variables\.(\w+)\s*\}\}")
_DOTTED = re.compile(r"flows\.\w+\.\w+")


def read_file(file: Path) -> tuple[Entry, ...]:
    """The deployments that a file declares, checked. Raises Refused for the first thing that is wrong."""
    return check(mapping(file, named="FILE", accepted="a prefect.yaml"))


def check(declared: Entry) -> tuple[Entry, ...]:
    """The deployments of a prefect.yaml. Raises Refused for what Prefect would let through, and no run survive."""
    try:
        PrefectYamlModel.model_validate(declared, extra="forbid")
    except ValidationError as error:
        raise _misspelt(error) from error
    entries: tuple[Entry, ...] = tuple(declared.get("deployments", ()))
    if not entries:
        raise Refused("deployments", "there are none", accepted="at least one")
    for number, entry in enumerate(entries):
        _check_entry(str(entry.get("name") or f"deployments[{number}]"), entry)
    return entries


def prepare(prefect: SyncPrefectClient, entries: Iterable[Entry], wanted: Wanted | None = None) -> str:
    """Make what the deployments need and the server lacks: their work pool, the variable that names it. Its name."""
    wanted = wanted or Wanted()
    values = {name: _value(prefect, name) for name in {str(entry["work_pool"]["name"]) for entry in entries}}
    pool, *others = sorted({value or NAMES[wanted.type] for value in values.values()})
    if others:
        pools = ", ".join([pool, *others])
        raise Refused("work_pool.name", f"the deployments name {pools}", accepted="one work pool for all")
    bring(prefect, pool, wanted)
    for name in (name for name, value in values.items() if not value):
        prefect.create_variable(VariableCreate(name=_VARIABLE.sub(r"\1", name), value=pool))
    return pool


@contextmanager
def deployer(entries: Iterable[Entry]) -> Iterator["Deployer"]:
    """Who will deploy them: a process that imports what that needs, before there is a server to deploy to."""
    modules = sorted({str(entry["entrypoint"]).rpartition(".")[0] for entry in entries})
    with TemporaryFile() as said, command("prefect.cli.deploy._core", *modules, said=said, settings={}) as process:
        yield Deployer(process, said)


@dataclass(frozen=True, slots=True)
class Deployer:
    """`prefect deploy`, about to be told of what."""

    process: Process
    said: BinaryIO

    def deploy(self, prefect: SyncPrefectClient, file: Path) -> None:
        """
        Everything a file declares, as `prefect deploy --all` does it. Raises Failed with its own last word.

        A schedule that somebody has switched on or off stays so: the file's word counts when it is new.
        """
        words = ["--no-prompt", "deploy", "--all", "--prefect-file", file.name]
        with schedules.as_switched(prefect):
            told(self.process, *words, folder=file.resolve().parent)
            code = self.process.wait()
        if code != 0:
            self.said.seek(0)
            said = self.said.read().decode().strip().splitlines() or ["no answer"]
            raise Failed("deploy", said[-1].strip(" │"))


def _misspelt(error: ValidationError) -> Refused:
    first = error.errors(include_url=False)[0]
    where = path(first["loc"])
    if first["type"] != "extra_forbidden":
        return Refused(where, first["msg"], accepted="what Prefect's prefect.yaml has there")
    known = [*PrefectYamlModel.model_fields, *DeploymentConfig.model_fields, *WorkPoolConfig.model_fields]
    likely = difflib.get_close_matches(str(first["loc"][-1]), known)
    return Refused(where, "unknown key", accepted=", ".join(likely) or "a key that Prefect knows")


def _check_entry(name: str, entry: Entry) -> None:
    if not (entry.get("work_pool") or {}).get("name"):
        raise Refused(name, "names no work pool", accepted="work_pool.name")
    if entry.get("pull") != []:
        raise Refused(name, "pulls code, which would name the deployer's folder", accepted="pull: []")
    flow = _flow(name, str(entry.get("entrypoint")))
    given = entry.get("parameters") or {}
    _check_parameters(name, flow, given)
    _check_limit(name, entry)
    schedules.check(name, entry)
    _check_scheduled(name, flow, entry)
    for parameter, kind in get_type_hints(flow.fn).items():
        if kind is RunSpec and parameter in given:
            _check_request(f"{name}: parameters.{parameter}", given[parameter])


def _flow(name: str, entrypoint: str) -> "Flow[..., Any]":
    """The flow of an entrypoint; the path form would put flows/ first on sys.path and hide packages of ours."""
    if not _DOTTED.fullmatch(entrypoint):
        raise Refused(name, f"entrypoint {entrypoint} is no dotted name", accepted="flows.FILE.FLOW")
    module, _, called = entrypoint.rpartition(".")
    try:
        found = getattr(import_module(module), called, None)
    except ModuleNotFoundError as error:
        raise Refused(name, f"entrypoint {entrypoint}: {error}", accepted="flows.FILE.FLOW") from error
    if not isinstance(found, Flow):
        raise Refused(name, f"entrypoint {entrypoint} is no flow", accepted="flows.FILE.FLOW")
    return found


def _check_parameters(name: str, flow: "Flow[..., Any]", given: Entry) -> None:
    known = list(flow.parameters.properties)
    for parameter in given:
        if parameter not in known:
            accepted = ", ".join(known) or "none"
            raise Refused(name, f"parameters.{parameter}: {flow.name} has no such parameter", accepted=accepted)
    schema: Any = flow.parameters.model_dump_for_openapi()
    try:
        validate(dict(given), schema, raise_on_error=True, ignore_required=True)
    except SchemaError as error:
        raise Refused(name, f"parameters: {str(error).splitlines()[0]}") from error


def _check_limit(name: str, entry: Entry) -> None:
    """A limit without a number limits nothing; without a strategy nobody reads what becomes of one run too many."""
    limit = entry.get("concurrency_limit")
    if limit is None:
        return
    most, strategy = (limit.get("limit"), limit.get("collision_strategy")) if isinstance(limit, dict) else (limit, None)
    if not isinstance(most, int) or most < 1:
        raise Refused(f"{name}: concurrency_limit.limit", f"{most} limits nothing", accepted="a whole number from 1")
    known = [each.value for each in ConcurrencyLimitStrategy]
    if strategy not in known:
        why = f"{strategy} is unknown" if strategy else "what becomes of one run too many is not said"
        raise Refused(f"{name}: concurrency_limit.collision_strategy", why, accepted=", ".join(known))


def _check_scheduled(name: str, flow: "Flow[..., Any]", entry: Entry) -> None:
    """A run that a clock starts has nobody to fill in what is missing."""
    for schedule in entry.get("schedules") or ():
        given = {**(entry.get("parameters") or {}), **(schedule.get("parameters") or {})}
        _check_parameters(name, flow, given)
        missing = sorted(set(flow.parameters.required) - set(given))
        if missing:
            raise Refused(name, f"is scheduled without {', '.join(missing)}", accepted="a value in parameters")


def _check_request(where: str, request: Entry) -> None:
    try:
        spec = read(request)
        check_spec(spec)
        draw(spec, "planned")
    except Refused as error:
        raise Refused("", f"{where}.{error}") from error


def _value(prefect: SyncPrefectClient, named: str) -> str:
    """The name of a pool; empty where its variable has no value."""
    variable = _VARIABLE.fullmatch(named)
    if variable is None:
        return named
    found = prefect.read_variable_by_name(variable[1])
    return str(found.value) if found else ""
