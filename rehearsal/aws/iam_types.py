"""IAM's types, as the stand-in provider knows them."""

from typing import Any

from rehearsal.aws import model as aws_model
from rehearsal.aws.resource import AllBut, Aws, Inputs, Kind, Outputs, Request, dictionary, listed, unless_missing

# ruff: noqa: S106 (Pulumi calls a type's name a token)

_ROLE = {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}
_INLINE = {"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"}
_ATTACHED = {"role": "RoleName", "policyArn": "PolicyArn"}


def _request(operation: str, names: dict[str, str], inputs: Inputs) -> Request:
    named = {names.get(name, name): value for name, value in inputs.items() if name != "region"}
    request: Request = aws_model.request(named, aws_model.operation("iam", operation).input_shape)
    return request


def _role_request(inputs: Inputs) -> Request:
    return _request("CreateRole", _ROLE, inputs)


def _create_role(aws: Aws, inputs: Inputs) -> str:
    made: str = aws.client("iam").create_role(**_role_request(inputs))["Role"]["RoleName"]
    return made


def _read_role(aws: Aws, identity: str) -> Outputs | None:
    answer = unless_missing(lambda: aws.client("iam").get_role(RoleName=identity))
    if answer is None:
        return None
    role, tags = answer["Role"], dictionary(answer["Role"].get("Tags", []))
    return {"name": role["RoleName"], "arn": role["Arn"], "uniqueId": role["RoleId"], "tags": tags, "tagsAll": tags}


def _update_role(aws: Aws, identity: str, inputs: Inputs) -> None:
    iam, wanted = aws.client("iam"), inputs.get("tags", {})
    iam.update_assume_role_policy(RoleName=identity, PolicyDocument=inputs["assumeRolePolicy"])
    live = (_read_role(aws, identity) or {}).get("tags", {})
    iam.untag_role(RoleName=identity, TagKeys=[key for key in live if key not in wanted])
    iam.tag_role(RoleName=identity, Tags=listed(wanted))


def _delete_role(aws: Aws, identity: str) -> None:
    if _read_role(aws, identity) is not None:
        aws.client("iam").delete_role(RoleName=identity)


def _inline_request(inputs: Inputs) -> Request:
    return _request("PutRolePolicy", _INLINE, inputs)


def _put_inline(aws: Aws, inputs: Inputs) -> str:
    request = _inline_request(inputs)
    aws.client("iam").put_role_policy(**request)
    return f"{request['RoleName']}:{request['PolicyName']}"


def _read_inline(aws: Aws, identity: str) -> Outputs | None:
    role, name = identity.split(":")
    answer = unless_missing(lambda: aws.client("iam").get_role_policy(RoleName=role, PolicyName=name))
    return {"role": role, "name": name} if answer else None


def _update_inline(aws: Aws, _identity: str, inputs: Inputs) -> None:
    _put_inline(aws, inputs)


def _delete_inline(aws: Aws, identity: str) -> None:
    if _read_inline(aws, identity) is not None:
        role, name = identity.split(":")
        aws.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


def _attached_request(inputs: Inputs) -> Request:
    return _request("AttachRolePolicy", _ATTACHED, inputs)


def _attach(aws: Aws, inputs: Inputs) -> str:
    request = _attached_request(inputs)
    aws.client("iam").attach_role_policy(**request)
    return f"{request['RoleName']}/{request['PolicyArn']}"


def _read_attached(aws: Aws, identity: str) -> Outputs | None:
    role, arn = identity.split("/", 1)
    answer: dict[str, Any] | None = unless_missing(lambda: aws.client("iam").list_attached_role_policies(RoleName=role))
    attached = {policy["PolicyArn"] for policy in (answer or {}).get("AttachedPolicies", [])}
    return {"role": role, "policyArn": arn} if arn in attached else None


def _detach(aws: Aws, identity: str) -> None:
    if _read_attached(aws, identity) is not None:
        role, arn = identity.split("/", 1)
        aws.client("iam").detach_role_policy(RoleName=role, PolicyArn=arn)


def _reattach(_aws: Aws, identity: str, _inputs: Inputs) -> None:
    """Every input is fixed: another policy is another attachment."""
    raise AssertionError(identity)


KINDS = (
    Kind(
        token="aws:iam/role:Role",
        label="IAM Role",
        service="iam",
        operation="CreateRole",
        name="name",
        fixed=AllBut(frozenset({"assumeRolePolicy", "tags"})),
        request=_role_request,
        create=_create_role,
        read=_read_role,
        update=_update_role,
        delete=_delete_role,
    ),
    Kind(
        token="aws:iam/rolePolicy:RolePolicy",
        label="IAM Role Policy",
        service="iam",
        operation="PutRolePolicy",
        name="name",
        fixed=AllBut(frozenset({"policy"})),
        request=_inline_request,
        create=_put_inline,
        read=_read_inline,
        update=_update_inline,
        delete=_delete_inline,
    ),
    Kind(
        token="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        label="IAM Role Policy Attachment",
        service="iam",
        operation="AttachRolePolicy",
        fixed=AllBut(),
        request=_attached_request,
        create=_attach,
        read=_read_attached,
        update=_reattach,
        delete=_detach,
    ),
)
