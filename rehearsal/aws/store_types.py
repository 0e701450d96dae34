"""
The types that keep something, as the stand-in provider knows them: keys, logs, images, groups of reservations.

A row says how Pulumi's inputs are spelled in AWS's request; what must be said after creation stands in `settle`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rehearsal.aws import model as aws_model
from rehearsal.aws.resource import AllBut, Aws, Inputs, Kind, Outputs, Request, listed, unless_missing

# ruff: noqa: S106 (Pulumi calls a type's name a token)

Step = Callable[[Aws, str, Inputs], None]


def _nothing(_aws: Aws, _identity: str, _inputs: Inputs) -> None:
    """Nothing else is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One type."""

    token: str
    label: str
    service: str
    operation: str
    name: str = ""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """Inputs whose name in the request differs by more than a capital letter."""
    tagged: Callable[[Mapping[str, str]], object] = dict
    """The service's own form of tags."""
    later: frozenset[str] = frozenset()
    """Inputs that are no part of the request: `settle`, or the deletion, sees to them."""
    make: Callable[[Aws, Request], str]
    settle: Step = _nothing
    read: Callable[[Aws, str], Outputs | None]
    remove: Callable[[Aws, str], None]


def _kind(row: _Row) -> Kind:
    return Kind(
        token=f"aws:{row.token}",
        label=row.label,
        service=row.service,
        operation=row.operation,
        name=row.name,
        fixed=AllBut(row.later),
        request=partial(_request, row),
        create=partial(_create, row),
        read=row.read,
        update=row.settle,
        delete=partial(_delete, row),
    )


def _request(row: _Row, inputs: Inputs) -> Request:
    own = {name: value for name, value in inputs.items() if name not in {"region", *row.later}}
    tags = {"tags": row.tagged(own["tags"])} if own.get("tags") else {}
    named = {row.spelled.get(name, name): value for name, value in {**own, **tags}.items()}
    request: Request = aws_model.request(named, aws_model.operation(row.service, row.operation).input_shape)
    return request


def _create(row: _Row, aws: Aws, inputs: Inputs) -> str:
    identity = row.make(aws, _request(row, inputs))
    row.settle(aws, identity, inputs)
    return identity


def _delete(row: _Row, aws: Aws, identity: str) -> None:
    if row.read(aws, identity) is not None:
        row.remove(aws, identity)


def _make_key(aws: Aws, request: Request) -> str:
    made: str = aws.client("kms").create_key(**request)["KeyMetadata"]["KeyId"]
    return made


def _rotate_key(aws: Aws, identity: str, inputs: Inputs) -> None:
    act = "enable" if inputs.get("enableKeyRotation") else "disable"
    getattr(aws.client("kms"), f"{act}_key_rotation")(KeyId=identity)


def _read_key(aws: Aws, identity: str) -> Outputs | None:
    """A key that waits for its deletion is gone: nothing can be encrypted with it any more."""
    answer = unless_missing(lambda: aws.client("kms").describe_key(KeyId=identity))
    if answer is None or answer["KeyMetadata"]["KeyState"] == "PendingDeletion":
        return None
    return {"arn": answer["KeyMetadata"]["Arn"], "keyId": identity}


def _remove_key(aws: Aws, identity: str) -> None:
    aws.client("kms").schedule_key_deletion(KeyId=identity, PendingWindowInDays=7)


def _make_alias(aws: Aws, request: Request) -> str:
    aws.client("kms").create_alias(**request)
    return str(request["AliasName"])


def _read_alias(aws: Aws, identity: str) -> Outputs | None:
    aliases = aws.client("kms").list_aliases()["Aliases"]
    found = [alias for alias in aliases if alias["AliasName"] == identity]
    return {"arn": found[0]["AliasArn"], "name": identity} if found else None


def _remove_alias(aws: Aws, identity: str) -> None:
    aws.client("kms").delete_alias(AliasName=identity)


def _make_logs(aws: Aws, request: Request) -> str:
    aws.client("logs").create_log_group(**request)
    return str(request["logGroupName"])


def _keep_logs(aws: Aws, identity: str, inputs: Inputs) -> None:
    if "retentionInDays" in inputs:
        days = int(inputs["retentionInDays"])
        aws.client("logs").put_retention_policy(logGroupName=identity, retentionInDays=days)


def _read_logs(aws: Aws, identity: str) -> Outputs | None:
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=identity)["logGroups"]
    found = [group for group in groups if group["logGroupName"] == identity]
    return {"arn": found[0]["arn"], "name": identity} if found else None


def _remove_logs(aws: Aws, identity: str) -> None:
    aws.client("logs").delete_log_group(logGroupName=identity)


def _make_repository(aws: Aws, request: Request) -> str:
    made: str = aws.client("ecr").create_repository(**request)["repository"]["repositoryName"]
    return made


def _read_repository(aws: Aws, identity: str) -> Outputs | None:
    answer = unless_missing(lambda: aws.client("ecr").describe_repositories(repositoryNames=[identity]))
    if answer is None:
        return None
    (found,) = answer["repositories"]
    return {"arn": found["repositoryArn"], "name": identity, "repositoryUrl": found["repositoryUri"]}


def _remove_repository(aws: Aws, identity: str) -> None:
    aws.client("ecr").delete_repository(repositoryName=identity, force=True)


def _put_expiry(aws: Aws, request: Request) -> str:
    aws.client("ecr").put_lifecycle_policy(**request)
    return str(request["repositoryName"])


def _read_expiry(aws: Aws, identity: str) -> Outputs | None:
    answer = unless_missing(lambda: aws.client("ecr").get_lifecycle_policy(repositoryName=identity))
    return {"repository": identity} if answer else None


def _remove_expiry(aws: Aws, identity: str) -> None:
    aws.client("ecr").delete_lifecycle_policy(repositoryName=identity)


def _make_group(aws: Aws, request: Request) -> str:
    made: str = aws.client("resource-groups").create_group(**request)["Group"]["Name"]
    return made


def _read_group(aws: Aws, identity: str) -> Outputs | None:
    answer = unless_missing(lambda: aws.client("resource-groups").get_group(GroupName=identity))
    return {"arn": answer["Group"]["GroupArn"], "name": identity} if answer else None


def _remove_group(aws: Aws, identity: str) -> None:
    aws.client("resource-groups").delete_group(GroupName=identity)


def _kms_tags(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]


KINDS = tuple(
    _kind(row)
    for row in (
        _Row(
            token="kms/key:Key",
            label="KMS Key",
            service="kms",
            operation="CreateKey",
            tagged=_kms_tags,
            later=frozenset({"enableKeyRotation", "deletionWindowInDays"}),
            make=_make_key,
            settle=_rotate_key,
            read=_read_key,
            remove=_remove_key,
        ),
        _Row(
            token="kms/alias:Alias",
            label="KMS Alias",
            service="kms",
            operation="CreateAlias",
            name="name",
            spelled={"name": "AliasName"},
            make=_make_alias,
            read=_read_alias,
            remove=_remove_alias,
        ),
        _Row(
            token="cloudwatch/logGroup:LogGroup",
            label="CloudWatch Logs Log Group",
            service="logs",
            operation="CreateLogGroup",
            name="name",
            spelled={"name": "logGroupName"},
            later=frozenset({"retentionInDays"}),
            make=_make_logs,
            settle=_keep_logs,
            read=_read_logs,
            remove=_remove_logs,
        ),
        _Row(
            token="ecr/repository:Repository",
            label="ECR Repository",
            service="ecr",
            operation="CreateRepository",
            name="name",
            spelled={"name": "repositoryName"},
            tagged=listed,
            later=frozenset({"forceDelete"}),
            make=_make_repository,
            read=_read_repository,
            remove=_remove_repository,
        ),
        _Row(
            token="ecr/lifecyclePolicy:LifecyclePolicy",
            label="ECR Lifecycle Policy",
            service="ecr",
            operation="PutLifecyclePolicy",
            spelled={"repository": "repositoryName", "policy": "lifecyclePolicyText"},
            make=_put_expiry,
            read=_read_expiry,
            remove=_remove_expiry,
        ),
        _Row(
            token="resourcegroups/group:Group",
            label="Resource Groups Group",
            service="resource-groups",
            operation="CreateGroup",
            name="name",
            spelled={"configurations": "Configuration"},
            make=_make_group,
            read=_read_group,
            remove=_remove_group,
        ),
    )
)
