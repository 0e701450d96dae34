"""Which IAM actions are behind what we do in an account: the table `actions.yaml`, as the documents are made of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

Caller = Literal["bootstrap", "platform", "runs", "workload"]
"""Who calls AWS by boto3: `mig bootstrap`, `mig platform`, runs, and a run's pods."""

Operation = Literal["create", "read", "update", "delete"]
OPERATIONS: tuple[Operation, ...] = ("create", "read", "update", "delete")

NETWORK_TYPES = tuple(
    f"aws:ec2/{kind[0].lower()}{kind[1:]}:{kind}"
    for kind in (
        "Eip",
        "InternetGateway",
        "NatGateway",
        "Route",
        "RouteTable",
        "RouteTableAssociation",
        "Subnet",
        "Vpc",
        "VpcEndpoint",
    )
)
"""What a cluster's network is made of (infra.network)."""

ROLE_TYPES = tuple(
    f"aws:iam/{kind[0].lower()}{kind[1:]}:{kind}" for kind in ("Role", "RolePolicy", "RolePolicyAttachment")
)
"""What a cluster's roles are made of (infra.roles)."""

RUN_TYPES = ("aws:ec2/launchTemplate:LaunchTemplate", "aws:eks/nodeGroup:NodeGroup")
"""What a run's stack is made of (infra.gpu_nodes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One type of resource."""

    provider: str
    """File and commit of terraform-provider-aws that the calls were read in."""
    schema: tuple[str, ...]
    """CloudFormation's types, whose handlers name the same actions."""
    beyond: frozenset[str]
    """Actions that no schema names."""
    by: Mapping[Operation, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The whole file."""

    calls: Mapping[Caller, frozenset[str]]
    """By boto3."""
    state: frozenset[str]
    """By Pulumi's engine."""
    types: Mapping[str, Row]
    """By Pulumi's aws provider, for each type."""

    def of_types(self, types: Iterable[str], operations: Iterable[Operation] = OPERATIONS) -> frozenset[str]:
        """What the provider is asked for when it does this with resources of these types."""
        wanted = tuple(operations)
        return frozenset().union(*(self.types[name].by[each] for name in types for each in wanted))


@cache
def table() -> Table:
    """The file, read once."""
    read = yaml.safe_load((files("infra") / "actions.yaml").read_text(encoding="utf-8"))
    return Table(
        calls={caller: frozenset(actions) for caller, actions in read["calls"].items()},
        state=frozenset(read["state"]),
        types={name: _row(row) for name, row in read["types"].items()},
    )


def _row(row: Mapping[str, list[str]]) -> Row:
    return Row(
        provider=str(row["provider"]),
        schema=tuple(row["schema"]),
        beyond=frozenset(row.get("beyond", ())),
        by={operation: frozenset(row[operation]) for operation in OPERATIONS},
    )
