"""
The automations of deployments/automations.yaml: held to what they mean, and brought to a server.

Prefect has no upsert: an automation is found by its name and replaced. What stands in the file as a name (deployments,
notification blocks) is looked up there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.events.actions import DoNothing
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger
from prefect.exceptions import ObjectNotFound
from pydantic import BaseModel, Field, ValidationError

from flows.documents import mapping
from mig.errors import Refused
from mig.notice import EVENTS
from mig.refusal import path
from tasks.notify import channels, unknown

Entry = Mapping[str, Any]

FILE = Path("deployments/automations.yaml")
"""Beside prefect.yaml."""

OURS = "mig-pipeline"
"""Tag of the automations that are ours: one that the file does not declare any more is deleted."""

CHANNELS = "mig_notify"
"""The Prefect variable that names the notification blocks."""

HEARTBEAT = "mig_heartbeat_seconds"
"""The Prefect variable that deployments take their heartbeat from."""

FREQUENCY = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
"""How a flow run is told its heartbeat."""

TAG = "mig"
"""Tag of our deployments, and so of their runs: nobody else's are watched."""

MARGIN_SECONDS = 15
"""By how much a heartbeat may be late: a live run that is declared dead leaves its slot to a second one."""

NOWHERE = UUID(int=0)
"""In place of an id, where a file is looked at without a server."""


class _Heartbeat(BaseModel, extra="forbid"):
    seconds: int = Field(ge=30)  # Prefect's own least (3.8, flow_engine.py)
    limit: int


class _File(BaseModel, extra="forbid"):
    heartbeat: _Heartbeat
    automations: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a file declares."""

    heartbeat_seconds: int
    automations: tuple[Entry, ...]


def beside(file: Path) -> Path:
    """The automations that belong to a prefect.yaml."""
    return file.resolve().parent / FILE


def read_file(file: Path) -> Declared:
    """The automations that a file declares. Raises Refused for the first thing that is wrong, without a server."""
    return check(mapping(file, named="FILE", accepted=str(FILE)))


def check(held: Entry) -> Declared:
    """What a file holds. Raises Refused for what Prefect would let through, and nobody want."""
    try:
        read = _File.model_validate(held)
    except ValidationError as error:
        raise _refused("", error, accepted=f"what {FILE} has there") from error
    for entry in read.automations:
        _check(str(entry.get("name")), core(entry, channels=(NOWHERE,), deployments={}), read.heartbeat.seconds)
    return Declared(heartbeat_seconds=read.heartbeat.seconds, automations=read.automations)


def apply(prefect: SyncPrefectClient, declared: Declared) -> dict[str, str]:
    """
    Bring a server to what is declared; says of each automation what was done.

    Raises Refused for a deployment or a notification block that is not there, and for a deployment whose runs give
    their signs of life otherwise. One that somebody has switched off stays off.
    """
    _check_deployments(prefect, declared.heartbeat_seconds)
    channels = tuple(block for block, _ in channels_of(prefect))
    there = {each.name: each for each in ours(prefect)}
    done: dict[str, str] = {}
    for entry in declared.automations:
        wanted = core(entry, channels=channels, deployments=_deployments(prefect, entry))
        found = there.pop(wanted.name, None)
        done[wanted.name] = _brought(prefect, wanted, found)
    for gone in there.values():
        prefect.delete_automation(gone.id)
        done[gone.name] = "deleted"
    return done


def applied(prefect: SyncPrefectClient, declared: Declared, tell: Callable[[str], None]) -> dict[str, str]:
    """Apply, and say it once when there is nobody whom automations could notify."""
    done = apply(prefect, declared)
    if not channels_of(prefect):
        tell(f"nobody is notified of anything: the Prefect variable {CHANNELS} names no notification block")
    return done


def set_heartbeat(prefect: SyncPrefectClient, declared: Declared) -> None:
    """Give the Prefect variable its value that deployments take their heartbeat from."""
    value = str(declared.heartbeat_seconds)
    if prefect.read_variable_by_name(HEARTBEAT) is None:
        prefect.create_variable(VariableCreate(name=HEARTBEAT, value=value))
    else:
        prefect.update_variable(VariableUpdate(name=HEARTBEAT, value=value))


def ours(prefect: SyncPrefectClient) -> list[Automation]:
    """The automations on a server that are ours."""
    return [each for each in prefect.read_automations() if OURS in each.tags]


def switch(prefect: SyncPrefectClient, *, on: bool) -> None:
    """Switch ours on or off, those that are not."""
    for each in (each for each in ours(prefect) if each.enabled is not on):
        (prefect.resume_automation if on else prefect.pause_automation)(each.id)


def channels_of(prefect: SyncPrefectClient) -> tuple[tuple[UUID, str], ...]:
    """The notification blocks that are to be told, by id and name. Raises Refused for one that is not there."""
    found = prefect.read_variable_by_name(CHANNELS)
    value: Any = found.value if found else []
    wanted = [str(name) for name in (value if isinstance(value, list) else [value])]
    known = channels(prefect)
    for name in wanted:
        if name not in known:
            raise unknown(name, list(known), field=CHANNELS)
    return tuple((known[name], name) for name in wanted)


def core(entry: Entry, *, channels: Sequence[UUID], deployments: Mapping[str, UUID]) -> AutomationCore:
    """An automation as Prefect takes it. Raises Refused, with the place, for what it does not know."""
    actions = [each for action in entry.get("actions", ()) for each in _actions(action, channels, deployments)]
    wanted = {**entry, "tags": [OURS], "actions": actions or [DoNothing().model_dump()]}
    try:
        return AutomationCore.model_validate(wanted, extra="forbid")
    except ValidationError as error:
        raise _refused(f"{entry.get('name')}: ", error, accepted="what Prefect's automations have there") from error


def _refused(whose: str, error: ValidationError, *, accepted: str) -> Refused:
    """The first thing that is wrong, with its place."""
    first = error.errors(include_url=False)[0]
    return Refused(f"{whose}{path(first['loc'])}", first["msg"], accepted=accepted)


def _actions(action: Entry, channels: Sequence[UUID], deployments: Mapping[str, UUID]) -> Iterable[Entry]:
    """A notification goes to each channel; a deployment is known by its id."""
    match action.get("type"):
        case "send-notification":
            return [{**action, "block_document_id": channel} for channel in channels]
        case "run-deployment":
            rest = {name: value for name, value in action.items() if name != "deployment"}
            return [{**rest, "deployment_id": deployments.get(str(action.get("deployment")), NOWHERE)}]
        case _:
            return [action]


def _check(name: str, automation: AutomationCore, heartbeat: int) -> None:
    trigger = automation.trigger
    if not isinstance(trigger, EventTrigger):
        return
    for event in sorted({*trigger.expect, *trigger.after}):
        if event.startswith("mig.") and event not in EVENTS:
            raise Refused(f"{name}: trigger", f"nobody sends {event}", accepted=", ".join(EVENTS))
    within = trigger.within.total_seconds()
    if "prefect.flow-run.heartbeat" in trigger.after and within < heartbeat + MARGIN_SECONDS:
        why = f"after {within:g} s a run that lives and is heard of every {heartbeat} s would be declared dead"
        raise Refused(f"{name}: trigger.within", why, accepted=f"{heartbeat + MARGIN_SECONDS} and more")


def _brought(prefect: SyncPrefectClient, wanted: AutomationCore, found: Automation | None) -> str:
    """Make it, replace it, or leave it as it is."""
    if found is None:
        prefect.create_automation(wanted)
        return "made"
    wanted = wanted.model_copy(update={"enabled": found.enabled})
    if _said(found) == _said(wanted):
        return "as declared"
    prefect.update_automation(found.id, wanted)
    return "changed"


def _said(automation: AutomationCore) -> dict[str, Any]:
    """What of an automation is declared: a server adds ids and times of its own."""
    return automation.model_dump(include=set(AutomationCore.model_fields))


def _deployments(prefect: SyncPrefectClient, entry: Entry) -> dict[str, UUID]:
    """The ids of the deployments that an automation runs."""
    found = {}
    for name in (each["deployment"] for each in entry.get("actions", ()) if "deployment" in each):
        try:
            found[name] = prefect.read_deployment_by_name(name).id
        except ObjectNotFound as error:
            raise Refused(
                f"{entry['name']}: deployment", f"{name} is not there", accepted="`mig deploy` first"
            ) from error
    return found


def _check_deployments(prefect: SyncPrefectClient, heartbeat: int) -> None:
    """What is watched is what was deployed: else a run that lives is declared dead."""
    for each in prefect.read_deployments():
        given = (each.job_variables.get("env") or {}).get(FREQUENCY)
        if TAG in each.tags and given != str(heartbeat):
            why = f"its runs give a sign of life every {given or 'so many'} s, and every {heartbeat} s are waited for"
            raise Refused(each.name, why, accepted="`mig deploy` first")
