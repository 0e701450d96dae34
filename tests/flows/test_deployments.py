"""Every deployment in prefect.yaml can be deployed as it stands, and what Prefect would let through is refused."""

from collections.abc import Callable
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound

from flows.deployments import check, prepare, read_file
from flows.work_pool import wanted
from mig.errors import Refused
from mig.spec import read

ROOT = Path(__file__).parents[2]
FILE = ROOT / "prefect.yaml"
VARIABLE = "{{ prefect.variables.mig_work_pool }}"

NIGHT = {"cron": "0 4 * * *", "timezone": "America/New_York", "active": False, "slug": "at-four"}

Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("name", ["rehearsal", "gpu-run", "nightly", "slices", "teardown", "sweep", "platform"])
def test_what_people_are_told_to_start_can_be_started(name: str) -> None:
    """Keys, entrypoints, pools, parameters and requests of the repository's own file hold, and it is there."""
    (entry,) = [entry for entry in read_file(FILE) if entry["name"] == name]

    assert "mig" in entry["tags"]
    assert len(entry["description"].split()) > 10


def test_a_schedule_is_off_until_somebody_switches_it_on() -> None:
    """What `prefect deploy --all` brings starts nothing by itself; each schedule says its time zone."""
    schedules = [
        {"of": entry["name"], **schedule} for entry in read_file(FILE) for schedule in entry.get("schedules", ())
    ]

    assert {("slices", "UTC", False), ("sweep", "UTC", False), ("nightly", "America/New_York", False)} == {
        (schedule["of"], schedule["timezone"], schedule["active"]) for schedule in schedules
    }


def test_what_a_run_takes_unasked_is_written_down() -> None:
    """Prefect's pages show what was passed: a deployment names every parameter that has a default."""
    for entry in read_file(FILE):
        module, _, name = entry["entrypoint"].rpartition(".")
        schema = getattr(import_module(module), name).parameters

        assert set(schema.properties) - set(schema.required) <= set(entry["parameters"])


@pytest.mark.parametrize(
    ("name", "request_file"),
    [("rehearsal", "rehearsal.yaml"), ("gpu-run", "article.yaml"), ("nightly", "article.yaml")],
)
def test_a_deployment_asks_for_a_request_of_the_repositorys(name: str, request_file: str) -> None:
    """What prefect.yaml asks for is what the file in deployments/specs asks for, field by field."""
    held = yaml.safe_load((ROOT / "deployments/specs" / request_file).read_text(encoding="utf-8"))
    (entry,) = [entry for entry in read_file(FILE) if entry["name"] == name]

    assert read(held) == read(entry["parameters"]["spec"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("gpu-run", {"limit": 2, "collision_strategy": "ENQUEUE"}, id="waits for its turn"),
        pytest.param("nightly", {"limit": 1, "collision_strategy": "CANCEL_NEW"}, id="is never doubled"),
    ],
)
def test_what_costs_money_is_bounded(name: str, expected: dict[str, object]) -> None:
    """So many runs at once, and one too many has a fate that is written down."""
    (entry,) = [entry for entry in read_file(FILE) if entry["name"] == name]

    assert expected == entry["concurrency_limit"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            lambda entry: entry.update(paramters={}),
            "deployments[0].paramters: unknown key; accepted: parameters",
            id="a misspelt key",
        ),
        pytest.param(
            lambda entry: entry["work_pool"].update(nme="x"),
            "deployments[0].work_pool.nme: unknown key; accepted: name",
            id="a misspelt key of the pool",
        ),
        pytest.param(
            lambda entry: entry.pop("work_pool"),
            "rehearsal: names no work pool; accepted: work_pool.name",
            id="no pool",
        ),
        pytest.param(lambda entry: entry.pop("pull"), "rehearsal: pulls code", id="a pull step left to Prefect"),
        pytest.param(
            lambda entry: entry.update(entrypoint="flows/pipeline.py:pipeline"),
            "rehearsal: entrypoint flows/pipeline.py:pipeline is no dotted name; accepted: flows.FILE.FLOW",
            id="the path form",
        ),
        pytest.param(
            lambda entry: entry.update(entrypoint="flows.nowhere.flow"),
            "rehearsal: entrypoint flows.nowhere.flow: No module named 'flows.nowhere'",
            id="a module that is not there",
        ),
        pytest.param(
            lambda entry: entry.update(entrypoint="flows.pipeline.draw"),
            "rehearsal: entrypoint flows.pipeline.draw is no flow",
            id="a function that is no flow",
        ),
        pytest.param(
            lambda entry: entry["parameters"].update(spce={}),
            "rehearsal: parameters.spce: pipeline has no such parameter; accepted: spec",
            id="an unknown parameter",
        ),
        pytest.param(
            lambda entry: entry["parameters"].update(spec=3),
            "rehearsal: parameters: ",
            id="a parameter of a wrong type",
        ),
        pytest.param(
            lambda entry: entry["parameters"]["spec"]["workloads"][0].update(slice="3g.40gb"),
            "rehearsal: parameters.spec.workloads[0].slice: ",
            id="a slice of another GPU",
        ),
        pytest.param(
            lambda entry: entry["parameters"]["spec"].update(max_usd=1),
            "rehearsal: parameters.spec.max_usd: ",
            id="too small a budget",
        ),
        pytest.param(
            lambda entry: (entry.pop("parameters"), entry.update(schedules=[NIGHT])),
            "rehearsal: is scheduled without spec; accepted: a value in parameters",
            id="a schedule that would ask nobody",
        ),
        pytest.param(
            lambda entry: entry.update(concurrency_limit={"collision_strategy": "ENQUEUE"}),
            "rehearsal: concurrency_limit.limit: None limits nothing; accepted: a whole number from 1",
            id="a limit without a number",
        ),
        pytest.param(
            lambda entry: entry.update(concurrency_limit={"limit": 1, "collision_strategy": "ENQUE"}),
            "rehearsal: concurrency_limit.collision_strategy: ENQUE is unknown; accepted: ENQUEUE, CANCEL_NEW",
            id="an unknown strategy",
        ),
        pytest.param(
            lambda entry: entry.update(concurrency_limit=1),
            "rehearsal: concurrency_limit.collision_strategy: what becomes of one run too many is not said",
            id="a limit without a strategy",
        ),
    ],
)
def test_what_no_run_would_survive_is_refused(change: Change, expected: str) -> None:
    """What Prefect would take in silence is one sentence that names the deployment, the place and what is accepted."""
    mapping = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    entry = deepcopy(mapping["deployments"][0])
    change(entry)

    with pytest.raises(Refused) as refused:
        check({**mapping, "deployments": [entry]})

    assert str(refused.value).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: [", "is no YAML", id="no YAML"),
        pytest.param("- a", "holds no mapping", id="a list"),
        pytest.param("name: x", "deployments: there are none", id="no deployments"),
    ],
)
def test_a_file_that_is_no_prefect_yaml_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    """The sentence says what is wrong with the file."""
    file = tmp_path / "prefect.yaml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(Refused, match=expected):
        read_file(file)


def named(*pools: str) -> list[dict[str, Any]]:
    """Deployments of which only the work pool matters."""
    return [{"work_pool": {"name": pool}} for pool in pools]


FILES = named(VARIABLE, VARIABLE)


class Server:
    """Prefect's variables and work pools, by name; pools by their type."""

    def __init__(self, variables: dict[str, str], pools: dict[str, str]) -> None:
        self.variables, self.pools = variables, pools

    def read_variable_by_name(self, name: str) -> Any:
        """None: it has no value."""
        return SimpleNamespace(value=self.variables[name]) if name in self.variables else None

    def create_variable(self, variable: Any) -> Any:
        """Give it its first value."""
        assert variable.name not in self.variables
        self.variables[variable.name] = variable.value
        return variable

    def read_work_pool(self, name: str) -> Any:
        """As Prefect does where there is none."""
        if name not in self.pools:
            raise ObjectNotFound(Exception(name))
        return SimpleNamespace(type=self.pools[name], base_job_template={})

    def create_work_pool(self, pool: Any) -> None:
        """A second one of that name is an error."""
        assert pool.name not in self.pools
        assert pool.base_job_template["variables"]
        self.pools[pool.name] = pool.type


def test_an_empty_server_gets_variable_and_pool_once() -> None:
    """What is missing is made, and a second time finds it."""
    server = Server({}, {})

    first, second = (prepare(cast("SyncPrefectClient", server), FILES) for _ in range(2))

    assert ("local", "local") == (first, second)
    assert ({"mig_work_pool": "local"}, {"local": "process"}) == (server.variables, server.pools)


def test_what_is_refused_leaves_nothing() -> None:
    """A pool that cannot be made is not named either: the next `mig deploy` finds the server as it was."""
    server = Server({}, {})

    with pytest.raises(Refused, match="--image"):
        prepare(cast("SyncPrefectClient", server), FILES, wanted(FILE, "kubernetes"))
    assert ({}, {}) == (server.variables, server.pools)


def test_a_variable_that_has_a_value_keeps_it() -> None:
    """Who named another pool gets that one."""
    server = Server({"mig_work_pool": "mine"}, {"mine": "process"})

    assert "mine" == prepare(cast("SyncPrefectClient", server), FILES)


def test_a_pool_of_another_type_is_refused() -> None:
    """A process worker could not take its runs."""
    server = Server({}, {"local": "kubernetes"})

    with pytest.raises(Refused, match="local is of type kubernetes; accepted: a pool of type process: "):
        prepare(cast("SyncPrefectClient", server), named("local"))


def test_two_pools_are_refused() -> None:
    """One worker serves one pool: runs of the other would wait for ever."""
    server = Server({"mig_work_pool": "mine"}, {})

    with pytest.raises(Refused, match="the deployments name local, mine; accepted: one work pool for all"):
        prepare(cast("SyncPrefectClient", server), [*FILES, *named("local")])
