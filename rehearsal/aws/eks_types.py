"""EKS's types beside node groups, as the stand-in provider knows them: cluster, add-ons, and who may do what."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from rehearsal.aws import model as aws_model
from rehearsal.aws.resource import AllBut, Aws, Inputs, Kind, Outputs, Request, Unfinished, unless_missing

# ruff: noqa: S106 (Pulumi calls a type's name a token)

_RENAMED = {"vpcConfig": "resourcesVpcConfig", "resolveConflictsOnCreate": "resolveConflicts", "userName": "username"}
_PROVIDER_ONLY = frozenset({"region", "forceUpdateVersion", "preserve", "resolveConflictsOnUpdate"})


def _request(operation: str, inputs: Inputs) -> Request:
    named = {_RENAMED.get(name, name): value for name, value in inputs.items() if name not in _PROVIDER_ONLY}
    request: Request = aws_model.request(named, aws_model.operation("eks", operation).input_shape)
    return request


def _cluster_request(inputs: Inputs) -> Request:
    """What Pulumi has as one object or a plain list, EKS has as a list of one or an object of lists."""
    own = dict(inputs)
    if encryption := own.get("encryptionConfig"):
        own["encryptionConfig"] = [encryption]
    if logs := own.pop("enabledClusterLogTypes", None):
        own["logging"] = {"clusterLogging": [{"types": logs, "enabled": True}]}
    return _request("CreateCluster", own)


def _create_cluster(aws: Aws, inputs: Inputs) -> str:
    identity: str = aws.client("eks").create_cluster(**_cluster_request(inputs))["cluster"]["name"]
    aws.wait(lambda: True if (_described(aws, identity) or {}).get("status") != "CREATING" else None)
    return identity


def _read_cluster(aws: Aws, identity: str) -> Outputs | None:
    live = _described(aws, identity)
    if live is None:
        return None
    tags = live.get("tags", {})
    return {
        "arn": live["arn"],
        "name": identity,
        "endpoint": live["endpoint"],
        "certificateAuthority": live["certificateAuthority"],
        "status": live["status"],
        "version": live["version"],
        "accessConfig": live["accessConfig"],
        "upgradePolicy": live["upgradePolicy"],
        "tags": tags,
        "tagsAll": tags,
    }


def _update_cluster(aws: Aws, identity: str, inputs: Inputs) -> None:
    arn, wanted = (_described(aws, identity) or {})["arn"], inputs.get("tags", {})
    live = (_described(aws, identity) or {}).get("tags", {})
    if stale := [key for key in live if key not in wanted]:
        aws.client("eks").untag_resource(resourceArn=arn, tagKeys=stale)
    aws.client("eks").tag_resource(resourceArn=arn, tags=wanted)


def _delete_cluster(aws: Aws, identity: str) -> None:
    if _described(aws, identity) is not None:
        aws.client("eks").delete_cluster(name=identity)


def _described(aws: Aws, identity: str) -> dict[str, Any] | None:
    answer = unless_missing(lambda: aws.client("eks").describe_cluster(name=identity))
    return answer["cluster"] if answer else None


def _create_addon(aws: Aws, inputs: Inputs) -> str:
    made = aws.client("eks").create_addon(**_request("CreateAddon", inputs))["addon"]
    identity = f"{made['clusterName']}:{made['addonName']}"
    settled = aws.wait(lambda: _settled_addon(aws, identity))
    if settled["status"] != "ACTIVE":
        reasons = "; ".join(f"{issue['code']}: {issue['message']}" for issue in settled["health"]["issues"])
        raise Unfinished(
            identity,
            f"waiting for EKS Add-On ({identity}) create: unexpected state '{settled['status']}', wanted target"
            f" 'ACTIVE'. last error: {reasons}",
        )
    return identity


def _settled_addon(aws: Aws, identity: str) -> dict[str, Any] | None:
    live = _addon(aws, identity)
    return live if live and live["status"] != "CREATING" else None


def _addon(aws: Aws, identity: str) -> dict[str, Any] | None:
    cluster, name = identity.split(":")
    answer = unless_missing(lambda: aws.client("eks").describe_addon(clusterName=cluster, addonName=name))
    return answer["addon"] if answer else None


def _read_addon(aws: Aws, identity: str) -> Outputs | None:
    live = _addon(aws, identity)
    if live is None:
        return None
    return {
        "arn": live["addonArn"],
        "addonName": live["addonName"],
        "addonVersion": live["addonVersion"],
        "clusterName": live["clusterName"],
        "tags": live.get("tags", {}),
        "tagsAll": live.get("tags", {}),
    }


def _delete_addon(aws: Aws, identity: str) -> None:
    if _addon(aws, identity) is not None:
        cluster, name = identity.split(":")
        aws.client("eks").delete_addon(clusterName=cluster, addonName=name)


def _create_entry(aws: Aws, inputs: Inputs) -> str:
    made = aws.client("eks").create_access_entry(**_request("CreateAccessEntry", inputs))["accessEntry"]
    return f"{made['clusterName']}:{made['principalArn']}"


def _read_entry(aws: Aws, identity: str) -> Outputs | None:
    whose = _principal(identity)
    answer = unless_missing(lambda: aws.client("eks").describe_access_entry(**whose))
    if answer is None:
        return None
    live = answer["accessEntry"]
    return {"accessEntryArn": live["accessEntryArn"], **whose, "tags": live["tags"], "tagsAll": live["tags"]}


def _delete_entry(aws: Aws, identity: str) -> None:
    if _read_entry(aws, identity) is not None:
        aws.client("eks").delete_access_entry(**_principal(identity))


def _create_grant(aws: Aws, inputs: Inputs) -> str:
    request = _request("AssociateAccessPolicy", inputs)
    aws.client("eks").associate_access_policy(**request)
    return f"{request['clusterName']}#{request['principalArn']}#{request['policyArn']}"


def _read_grant(aws: Aws, identity: str) -> Outputs | None:
    cluster, principal, policy = identity.split("#")
    whose = {"clusterName": cluster, "principalArn": principal}
    answer = unless_missing(lambda: aws.client("eks").list_associated_access_policies(**whose))
    granted = {tie["policyArn"] for tie in (answer or {}).get("associatedAccessPolicies", [])}
    return {**whose, "policyArn": policy} if policy in granted else None


def _delete_grant(aws: Aws, identity: str) -> None:
    if _read_grant(aws, identity) is not None:
        cluster, principal, policy = identity.split("#")
        aws.client("eks").disassociate_access_policy(clusterName=cluster, principalArn=principal, policyArn=policy)


def _create_tie(aws: Aws, inputs: Inputs) -> str:
    made = aws.client("eks").create_pod_identity_association(**_request("CreatePodIdentityAssociation", inputs))
    tie = made["association"]
    return f"{tie['clusterName']}:{tie['associationId']}"


def _read_tie(aws: Aws, identity: str) -> Outputs | None:
    answer = unless_missing(lambda: aws.client("eks").describe_pod_identity_association(**_tie(identity)))
    if answer is None:
        return None
    live = answer["association"]
    return {
        "associationArn": live["associationArn"],
        "associationId": live["associationId"],
        "roleArn": live["roleArn"],
        "tags": live.get("tags", {}),
        "tagsAll": live.get("tags", {}),
    }


def _delete_tie(aws: Aws, identity: str) -> None:
    if _read_tie(aws, identity) is not None:
        aws.client("eks").delete_pod_identity_association(**_tie(identity))


def _principal(identity: str) -> dict[str, str]:
    cluster, principal = identity.split(":", 1)
    return {"clusterName": cluster, "principalArn": principal}


def _tie(identity: str) -> dict[str, str]:
    cluster, association = identity.split(":")
    return {"clusterName": cluster, "associationId": association}


def _fixed(_aws: Aws, identity: str, _inputs: Inputs) -> None:
    """The stand-in takes another value for another resource, where the real provider could change some in place."""
    raise AssertionError(identity)


_WHOLE: Mapping[str, Any] = {"service": "eks", "fixed": AllBut(), "update": _fixed}

KINDS = (
    Kind(
        token="aws:eks/cluster:Cluster",
        label="EKS Cluster",
        service="eks",
        operation="CreateCluster",
        name="name",
        fixed=AllBut(frozenset({"tags"})),
        request=_cluster_request,
        create=_create_cluster,
        read=_read_cluster,
        update=_update_cluster,
        delete=_delete_cluster,
    ),
    Kind(
        token="aws:eks/addon:Addon",
        label="EKS Add-On",
        operation="CreateAddon",
        request=partial(_request, "CreateAddon"),
        create=_create_addon,
        read=_read_addon,
        delete=_delete_addon,
        **_WHOLE,
    ),
    Kind(
        token="aws:eks/accessEntry:AccessEntry",
        label="EKS Access Entry",
        operation="CreateAccessEntry",
        request=partial(_request, "CreateAccessEntry"),
        create=_create_entry,
        read=_read_entry,
        delete=_delete_entry,
        **_WHOLE,
    ),
    Kind(
        token="aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        label="EKS Access Policy Association",
        operation="AssociateAccessPolicy",
        request=partial(_request, "AssociateAccessPolicy"),
        create=_create_grant,
        read=_read_grant,
        delete=_delete_grant,
        **_WHOLE,
    ),
    Kind(
        token="aws:eks/podIdentityAssociation:PodIdentityAssociation",
        label="EKS Pod Identity Association",
        operation="CreatePodIdentityAssociation",
        request=partial(_request, "CreatePodIdentityAssociation"),
        create=_create_tie,
        read=_read_tie,
        delete=_delete_tie,
        **_WHOLE,
    ),
)
