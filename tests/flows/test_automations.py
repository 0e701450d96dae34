"""Promises of the automations: the file holds what it means, and a server is brought to it as often as one likes."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.server.events.actions import RunDeployment
from prefect.server.schemas.responses import FlowRunResponse
from prefect.utilities.schema_tools.hydration import HydrationContext, hydrate

from flows import automations
from flows.automations import Declared, applied, check, read_file
from flows.endings import NAMES, taken_down
from mig.errors import Refused
from mig.ledger import Released
from mig.notice import EVENTS
from mig.sections import Where

ROOT = Path(__file__).parents[2]
FILE = ROOT / automations.FILE
DECLARED = read_file(FILE)
TEARDOWN = UUID(int=7)

Change = Callable[[dict[str, Any]], object]


def named(name: str) -> Any:
    """One of the repository's own automations, as Prefect reads it."""
    (entry,) = [each for each in DECLARED.automations if name == each["name"]]
    return automations.core(entry, channels=(UUID(int=1),), deployments={"teardown/teardown": TEARDOWN})


def flow_run(spec: dict[str, object], *, state: str = "CRASHED", message: str | None = None) -> FlowRunResponse:
    """A flow run that was asked for with this request, as automations see it."""
    run = {"id": "01234567-89ab-cdef-0123-456789abcdef", "flow_id": str(uuid4()), "parameters": {"spec": spec}}
    return FlowRunResponse.model_validate({**run, "state": {"type": state, "message": message}})


def rendered(name: str, run: FlowRunResponse) -> Any:
    """What the server makes of the templates by which an automation starts its deployment."""
    (action,) = named(name).actions
    parameters = deepcopy(action.parameters)
    RunDeployment._upgrade_v1_templates(parameters)
    return hydrate(parameters, HydrationContext(render_jinja=True, jinja_context={"flow_run": run}))


class Server:
    """A Prefect server with deployments, blocks, variables and automations."""

    def __init__(self, heartbeat: object = "30") -> None:
        self.variables: dict[str, Any] = {}
        self.blocks = {"ops": "notify", "storage": "get-directory", "mail": "notify"}
        self.there: dict[UUID, Automation] = {}
        self.changes = 0
        self._heartbeat = heartbeat

    def read_variable_by_name(self, name: str) -> Any:
        """None: it has no value."""
        return SimpleNamespace(value=self.variables[name]) if name in self.variables else None

    def create_variable(self, variable: Any) -> None:
        """Give it its first value."""
        assert variable.name not in self.variables
        self.variables[variable.name] = variable.value

    def update_variable(self, variable: Any) -> None:
        """Give it another one."""
        assert variable.name in self.variables
        self.variables[variable.name] = variable.value

    def read_block_documents(self, *, include_secrets: bool) -> list[Any]:
        """Every block, by its name and what it can do."""
        assert not include_secrets
        return [
            SimpleNamespace(name=name, id=UUID(int=number), block_schema=SimpleNamespace(capabilities=[can]))
            for number, (name, can) in enumerate(self.blocks.items(), start=1)
        ]

    def read_deployments(self) -> list[Any]:
        """One of ours, and somebody else's."""
        mine = {"env": {automations.FREQUENCY: self._heartbeat}} if self._heartbeat else {}
        return [
            SimpleNamespace(name="teardown", tags=["mig"], job_variables=mine),
            SimpleNamespace(name="other", tags=[], job_variables={}),
        ]

    def read_deployment_by_name(self, name: str) -> Any:
        """As Prefect does where there is none."""
        if name != "teardown/teardown":
            raise ObjectNotFound(Exception(name))
        return SimpleNamespace(id=TEARDOWN)

    def read_automations(self) -> list[Automation]:
        """All, as they come back from the server."""
        return [Automation.model_validate_json(each.model_dump_json()) for each in self.there.values()]

    def create_automation(self, automation: AutomationCore) -> None:
        """A second one of a name would not be refused."""
        self.changes += 1
        made = Automation(id=uuid4(), **automation.model_dump())
        self.there[made.id] = made

    def update_automation(self, automation_id: UUID, automation: AutomationCore) -> None:
        """Replace it."""
        self.changes += 1
        self.there[automation_id] = Automation(id=automation_id, **automation.model_dump())

    def delete_automation(self, automation_id: UUID) -> None:
        """Delete it."""
        del self.there[automation_id]

    def pause_automation(self, automation_id: UUID) -> None:
        """Switch it off."""
        self.there[automation_id] = self.there[automation_id].model_copy(update={"enabled": False})

    def resume_automation(self, automation_id: UUID) -> None:
        """Switch it on."""
        self.there[automation_id] = self.there[automation_id].model_copy(update={"enabled": True})


def bring(server: Server, declared: Declared = DECLARED) -> tuple[dict[str, str], list[str]]:
    """What was done about each automation, and what was said."""
    said: list[str] = []
    return applied(cast("SyncPrefectClient", server), declared, said.append), said


def test_a_server_is_brought_to_it_once() -> None:
    """What is missing is made; a second time finds it, and changes nothing."""
    server = Server()

    first, second = bring(server)[0], bring(server)[0]

    names = [each["name"] for each in DECLARED.automations]
    assert (dict.fromkeys(names, "made"), dict.fromkeys(names, "as declared")) == (first, second)
    assert (len(names), sorted(names)) == (server.changes, sorted(each.name for each in server.there.values()))


def test_what_is_declared_otherwise_is_changed_in_place() -> None:
    """It keeps its id, and whether somebody has switched it off."""
    server = Server()
    bring(server)
    changed = next(each for each in server.there.values() if each.name == "mig-shortage")
    server.there[changed.id] = changed.model_copy(update={"description": "mine", "enabled": False})

    done, _ = bring(server)

    assert "changed" == done["mig-shortage"]
    assert (named("mig-shortage").description, False) == (
        server.there[changed.id].description,
        server.there[changed.id].enabled,
    )


def test_what_is_not_declared_any_more_is_deleted() -> None:
    """One of ours alone: an automation of somebody else's is not looked at."""
    server = Server()
    bring(server)
    (old,) = [each for each in server.there.values() if each.name == "mig-over"]
    server.there[old.id] = old.model_copy(update={"name": "mig-former"})
    theirs = old.model_copy(update={"id": uuid4(), "tags": []})
    server.there[theirs.id] = theirs

    done, _ = bring(server)

    assert {"mig-former": "deleted", "mig-over": "made"} == {n: d for n, d in done.items() if d != "as declared"}
    assert theirs.id in server.there


@pytest.mark.parametrize(
    ("value", "blocks"),
    [
        pytest.param(None, [], id="none is configured"),
        pytest.param("ops", [1], id="one, by its name"),
        pytest.param(["ops", "mail"], [1, 3], id="several"),
    ],
)
def test_each_channel_is_told(value: object, blocks: list[int]) -> None:
    """A notification goes to every block that the variable names; where it names none, that is said once."""
    server = Server()
    server.variables = {automations.CHANNELS: value} if value else {}

    _, said = bring(server)

    (told,) = [each for each in server.there.values() if each.name == "mig-shortage"]
    found = [action.block_document_id for action in told.actions if action.type == "send-notification"]
    assert ([UUID(int=block) for block in blocks], 0 if blocks else 1) == (found, len(said))


@pytest.mark.parametrize("value", ["nobody", "storage"], ids=["a name that no block has", "a block that cannot notify"])
def test_a_channel_that_is_not_there_is_refused(value: str) -> None:
    """The sentence names those that are, and nothing was changed."""
    server = Server()
    server.variables = {automations.CHANNELS: value}

    with pytest.raises(Refused, match=f"mig_notify: no notification block is called {value}; accepted: ops, mail"):
        bring(server)

    assert {} == server.there


def test_a_dead_run_is_taken_down_by_the_deployment() -> None:
    """Which Prefect knows by its id; the run's name follows from the flow run's."""
    server = Server()
    bring(server)

    (over,) = [each for each in server.there.values() if each.name == "mig-over"]
    assert [TEARDOWN] == [getattr(action, "deployment_id", None) for action in over.actions]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            {"name": "r", "notify": ["ops", "mail"]},
            {"run_id": "r-01234567", "notify": ["ops", "mail"], "where": {"target": "rehearsal", "eks": {}}},
            id="two",
        ),
        pytest.param(
            {"name": "r", "target": "eks", "eks": {"region": "eu-west-1"}},
            {"run_id": "r-01234567", "notify": [], "where": {"target": "eks", "eks": {"region": "eu-west-1"}}},
            id="on AWS",
        ),
        pytest.param(
            {},
            {"run_id": "run-01234567", "notify": [], "where": {"target": "rehearsal", "eks": {}}},
            id="a request that says nothing of it",
        ),
    ],
)
def test_a_dead_runs_teardown_is_told_by_its_request(spec: dict[str, object], expected: dict[str, Any]) -> None:
    """What the server makes of the templates: the run's name, whom to tell, and where the run took place."""
    assert expected == rendered("mig-over", flow_run(spec))
    Where(**expected["where"])


@pytest.mark.parametrize(
    ("state", "message", "name"),
    [
        pytest.param("RUNNING", None, "r-01234567", id="nobody has said yet that it crashed"),
        pytest.param("CRASHED", "no sign of life", "r-01234567", id="mig-silent has"),
        pytest.param("CRASHED", "its process ended with 137", None, id="its worker has, and mig-over knows"),
        pytest.param("COMPLETED", None, None, id="completed"),
        pytest.param("FAILED", None, None, id="failed"),
        pytest.param("CANCELLED", None, None, id="cancelled"),
    ],
)
def test_a_silent_run_that_was_over_is_let_be(state: str, message: str | None, name: str | None) -> None:
    """Its last sign of life may be heard after its end; a teardown of no run is refused by its deployment."""
    made = rendered("mig-silent-over", flow_run({"name": "r"}, state=state, message=message))

    assert (name, rendered("mig-over", flow_run({"name": "r"}))["where"]) == (made["run_id"], made["where"])


def test_a_silent_run_is_taken_down_once() -> None:
    """
    By its own automation; the one for all others leaves it alone, by what its state says.

    That it is called crashed meanwhile is no second silence.
    """
    said, over, silent = (named(name).trigger for name in ("mig-silent", "mig-over", "mig-silent-over"))
    (crashed,) = named("mig-silent").actions

    assert [f"!{crashed.message}"] == over.match["prefect.state-message"]
    assert over.match_related == silent.match_related
    assert {"prefect.flow-run.Crashed"} == said.expect - silent.expect


@pytest.mark.parametrize("name", ["mig-silent", "mig-silent-over"])
def test_one_sign_of_life_may_be_lost(name: str) -> None:
    """While the server is started anew a run cannot be heard: it is waited for the next one, and for its delay."""
    assert named(name).trigger.within.total_seconds() >= 2 * DECLARED.heartbeat_seconds + 15


def test_a_deployment_that_is_not_there_is_refused() -> None:
    """The sentence says what to do first."""
    entry = {**DECLARED.automations[0], "actions": [{"type": "run-deployment", "deployment": "a/b"}]}

    with pytest.raises(Refused, match="mig-shortage: deployment: a/b is not there; accepted: `mig deploy` first"):
        bring(Server(), Declared(heartbeat_seconds=30, automations=(entry,)))


@pytest.mark.parametrize(("given", "said"), [(None, "every so many s"), ("180", "every 180 s")])
def test_what_gives_other_signs_of_life_is_refused(given: object, said: str) -> None:
    """A run that lives would be declared dead, and its slot given to a second one."""
    with pytest.raises(Refused, match=f"teardown: its runs give a sign of life {said}, and every 30 s are waited for"):
        bring(Server(given))


def test_every_deployment_beats_as_the_file_says() -> None:
    """Whoever adds one to prefect.yaml gives its runs the heartbeat by which they are watched."""
    entries = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    expected = f"{{{{ prefect.variables.{automations.HEARTBEAT} }}}}"

    assert {} == {
        entry["name"]: entry["work_pool"]["job_variables"]
        for entry in entries
        if automations.TAG in entry["tags"]
        and expected != entry["work_pool"]["job_variables"].get("env", {}).get(automations.FREQUENCY)
    }


def test_ours_are_switched_off_and_on() -> None:
    """Somebody else's are left as they are."""
    server = Server()
    bring(server)
    theirs = named("mig-over").model_copy(update={"tags": []})
    server.create_automation(theirs)

    automations.switch(cast("SyncPrefectClient", server), on=False)
    off = [each.enabled for each in server.there.values()]
    automations.switch(cast("SyncPrefectClient", server), on=True)

    assert [*[False] * len(DECLARED.automations), True] == off
    assert all(each.enabled for each in server.there.values())


def test_the_heartbeat_is_the_files() -> None:
    """Deployments take it from a variable, which has the file's value from then on."""
    server = Server()
    for seconds in (30, 60):
        automations.set_heartbeat(
            cast("SyncPrefectClient", server), Declared(heartbeat_seconds=seconds, automations=())
        )
        assert {automations.HEARTBEAT: str(seconds)} == server.variables


def test_every_end_is_a_sign_that_a_run_is_over() -> None:
    """An event is named for its state's name: each in which a flow of ours may end is waited for like a heartbeat."""
    released = str(taken_down(Released(verified=True, left=())).name)
    ends = {"Completed", "Failed", "Cancelled", "Crashed", released, *NAMES.values()}

    assert {f"prefect.flow-run.{name}" for name in ends} <= named("mig-silent").trigger.expect


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda file: file.update(x=1), "x: ", id="an unknown part"),
        pytest.param(lambda file: file.pop("heartbeat"), "heartbeat: ", id="no heartbeat"),
        pytest.param(
            lambda file: file["heartbeat"].update(seconds=10), "heartbeat.seconds: ", id="one below Prefect's"
        ),
        pytest.param(
            lambda file: file["automations"][3]["trigger"].update(within=44),
            "mig-silent: trigger.within: after 44 s a run that lives and is heard of every 30 s would be declared dead",
            id="a limit below the heartbeat",
        ),
        pytest.param(
            lambda file: file["automations"][0].update(triger={}), "mig-shortage: triger: ", id="a misspelt key"
        ),
        pytest.param(
            lambda file: file["automations"][0]["trigger"].update(expects=[]),
            "mig-shortage: trigger",
            id="a misspelt key within",
        ),
        pytest.param(
            lambda file: file["automations"][0]["trigger"].update(expect=["mig.capacity.refsed"]),
            f"mig-shortage: trigger: nobody sends mig.capacity.refsed; accepted: {', '.join(EVENTS)}",
            id="an event that nobody sends",
        ),
        pytest.param(
            lambda file: file["automations"][0]["actions"][0].pop("body"), "mig-shortage: actions", id="no text"
        ),
    ],
)
def test_what_would_not_do_what_it_says_is_refused(change: Change, expected: str) -> None:
    """Without a server, in one sentence that begins with the place."""
    file = deepcopy(yaml.safe_load(FILE.read_text(encoding="utf-8")))
    change(file)

    with pytest.raises(Refused) as refused:
        check(file)

    assert str(refused.value).startswith(expected)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The sentence names the file."""
    with pytest.raises(Refused, match=r"FILE: .*none\.yaml cannot be read"):
        read_file(tmp_path / "none.yaml")
