"""Every deployment in prefect.yaml can be deployed as it stands: much of what is wrong Prefect would not notice."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.cli.deploy._models import PrefectYamlModel

from mig.plan import draw
from mig.spec import check, read

ROOT = Path(__file__).parents[2]
FILE = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
DEPLOYMENTS = {deployment["name"]: deployment for deployment in FILE["deployments"]}

REQUESTS = {name: deployment for name, deployment in DEPLOYMENTS.items() if "spec" in deployment["parameters"]}

each = pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
with_a_request = pytest.mark.parametrize("deployment", REQUESTS.values(), ids=REQUESTS)


@pytest.mark.parametrize("name", ["rehearsal", "slices", "teardown", "sweep"])
def test_it_is_there(name: str) -> None:
    """What people are told to start can be started."""
    assert name in DEPLOYMENTS


def test_no_key_is_unknown() -> None:
    """A misspelt key is refused here: Prefect would take it in silence."""
    PrefectYamlModel.model_validate(FILE, extra="forbid")


@each
def test_an_entrypoint_is_a_dotted_name_of_a_flow(deployment: dict[str, Any]) -> None:
    """The path form would put flows/ first on sys.path, and hide packages of ours."""
    assert re.fullmatch(r"flows\.\w+\.\w+", deployment["entrypoint"])
    module, _, name = deployment["entrypoint"].rpartition(".")

    assert isinstance(getattr(import_module(module), name), Flow)


@each
def test_nothing_is_pulled(deployment: dict[str, Any]) -> None:
    """The project is installed where runs start; a step left to Prefect would name the folder of whoever deployed."""
    assert [] == deployment["pull"]


@each
def test_a_work_pool_is_named(deployment: dict[str, Any]) -> None:
    """Who starts a worker knows of which pool."""
    assert deployment["work_pool"]["name"]


@each
def test_parameters_are_the_flows_own(deployment: dict[str, Any]) -> None:
    """A parameter that the flow does not have would crash every run; one left out is what the form asks for."""
    module, _, name = deployment["entrypoint"].rpartition(".")
    schema = getattr(import_module(module), name).parameters

    assert set(schema.properties) - set(schema.required) <= set(deployment["parameters"]) <= set(schema.properties)


@each
def test_a_schedule_is_off_until_somebody_switches_it_on(deployment: dict[str, Any]) -> None:
    """What `prefect deploy --all` brings starts nothing by itself; each schedule says its time zone."""
    assert all((s["active"], s["timezone"]) == (False, "UTC") for s in deployment.get("schedules", ()))


@with_a_request
def test_its_request_can_be_carried_out(deployment: dict[str, Any]) -> None:
    """The request is read, checked and planned without a refusal, within its budget."""
    spec = read(deployment["parameters"]["spec"])
    check(spec)

    assert draw(spec, "planned").nodes


def test_the_rehearsal_is_the_main_request() -> None:
    """What prefect.yaml asks for is what deployments/specs/rehearsal.yaml asks for, field by field."""
    main = yaml.safe_load((ROOT / "deployments/specs/rehearsal.yaml").read_text(encoding="utf-8"))

    assert read(main) == read(DEPLOYMENTS["rehearsal"]["parameters"]["spec"])
