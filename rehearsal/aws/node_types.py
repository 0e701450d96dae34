"""The types that nodes are made of, as the stand-in provider knows them: launch template and node group."""

from collections.abc import Mapping
from typing import Any

from rehearsal.aws import model as aws_model
from rehearsal.aws.resource import Aws, Inputs, Kind, Outputs, Request, Unfinished, dictionary, listed, unless_missing

_NODE_GROUP_NAMES = {"nodeGroupName": "nodegroupName", "nodeRoleArn": "nodeRole", "subnetIds": "subnets"}
"""Where Pulumi's spelling differs by more than a capital letter."""

_TEMPLATE_NAMES = {"name": "LaunchTemplateName", "description": "VersionDescription"}
_TEMPLATE_DATA_NAMES = {"vpcSecurityGroupIds": "SecurityGroupIds", "securityGroupNames": "SecurityGroups"}
_TEMPLATE_OWN = frozenset({"tags", "region", "updateDefaultVersion", "defaultVersion", *_TEMPLATE_NAMES})
_PROVIDER_ONLY = frozenset({"region", "forceUpdateVersion", "tagsAll"})


def _template_request(inputs: Inputs) -> Request:
    shape = aws_model.operation("ec2", "CreateLaunchTemplate").input_shape
    data = {_TEMPLATE_DATA_NAMES.get(name, name): value for name, value in inputs.items() if name not in _TEMPLATE_OWN}
    tags = {"TagSpecifications": [_template_tags(inputs["tags"])]} if inputs.get("tags") else {}
    return {
        **{_TEMPLATE_NAMES[name]: inputs[name] for name in _TEMPLATE_NAMES if name in inputs},
        "LaunchTemplateData": aws_model.request(data, shape.members["LaunchTemplateData"]),
        **tags,
    }


def _template_tags(tags: Mapping[str, str]) -> Request:
    return {"ResourceType": "launch-template", "Tags": listed(tags)}


def _create_template(aws: Aws, inputs: Inputs) -> str:
    template = aws.client("ec2").create_launch_template(**_template_request(inputs))["LaunchTemplate"]
    made: str = template["LaunchTemplateId"]
    return made


def _read_template(aws: Aws, identity: str) -> Outputs | None:
    found = aws.client("ec2").describe_launch_templates(LaunchTemplateIds=[identity])["LaunchTemplates"]
    if not found:
        return None
    template = found[0]
    tags = dictionary(template.get("Tags", []))
    return {
        "arn": f"arn:aws:ec2:{aws.region}:123456789012:launch-template/{identity}",
        "name": template["LaunchTemplateName"],
        "latestVersion": template["LatestVersionNumber"],
        "defaultVersion": template["DefaultVersionNumber"],
        "tags": tags,
        "tagsAll": tags,
    }


def _update_template(aws: Aws, identity: str, inputs: Inputs) -> None:
    data = _template_request(inputs)["LaunchTemplateData"]
    aws.client("ec2").create_launch_template_version(LaunchTemplateId=identity, LaunchTemplateData=data)


def _delete_template(aws: Aws, identity: str) -> None:
    if _read_template(aws, identity) is not None:
        aws.client("ec2").delete_launch_template(LaunchTemplateId=identity)


def _node_group_request(inputs: Inputs) -> Request:
    shape = aws_model.operation("eks", "CreateNodegroup").input_shape
    named = {_NODE_GROUP_NAMES.get(key, key): value for key, value in inputs.items() if key not in _PROVIDER_ONLY}
    request: Request = aws_model.request(named, shape)
    return request


def _create_node_group(aws: Aws, inputs: Inputs) -> str:
    made = aws.client("eks").create_nodegroup(**_node_group_request(inputs))["nodegroup"]
    identity = f"{made['clusterName']}:{made['nodegroupName']}"
    settled = aws.wait(lambda: _settled(aws, identity))
    if settled["status"] != "ACTIVE":
        reasons = "; ".join(f"{', '.join(i['resourceIds'])}: {i['code']}: {i['message']}" for i in _issues(settled))
        raise Unfinished(
            identity,
            f"waiting for EKS Node Group ({identity}) create: unexpected state '{settled['status']}', wanted target"
            f" 'ACTIVE'. last error: {reasons}",
        )
    return identity


def _read_node_group(aws: Aws, identity: str) -> Outputs | None:
    group = _described(aws, identity)
    if group is None:
        return None
    return {
        "arn": group["nodegroupArn"],
        "clusterName": group["clusterName"],
        "nodeGroupName": group["nodegroupName"],
        "status": group["status"],
        "version": group["version"],
        "releaseVersion": group["releaseVersion"],
        "scalingConfig": group["scalingConfig"],
        "labels": group.get("labels", {}),
        "taints": group.get("taints", []),
        "resources": [
            {"autoscalingGroups": group["resources"]["autoScalingGroups"], "remoteAccessSecurityGroupId": ""}
        ],
        "tags": group.get("tags", {}),
        "tagsAll": group.get("tags", {}),
    }


def _update_node_group(aws: Aws, identity: str, inputs: Inputs) -> None:
    live, wanted = _described(aws, identity) or {}, _node_group_request(inputs)
    stale_labels = [key for key in live.get("labels", {}) if key not in wanted.get("labels", {})]
    stale_taints = [taint for taint in live.get("taints", []) if taint not in wanted.get("taints", [])]
    aws.client("eks").update_nodegroup_config(
        **_of(identity),
        labels={"addOrUpdateLabels": wanted.get("labels", {}), "removeLabels": stale_labels},
        taints={"addOrUpdateTaints": wanted.get("taints", []), "removeTaints": stale_taints},
        scalingConfig=wanted.get("scalingConfig", {}),
    )
    aws.wait(lambda: _settled(aws, identity))


def _delete_node_group(aws: Aws, identity: str) -> None:
    if _described(aws, identity) is None:
        return
    aws.client("eks").delete_nodegroup(**_of(identity))
    aws.wait(lambda: True if _described(aws, identity) is None else None)


def _settled(aws: Aws, identity: str) -> dict[str, Any] | None:
    """The group, once it is neither being created nor updated."""
    group = _described(aws, identity)
    return group if group and group["status"] not in {"CREATING", "UPDATING"} else None


def _described(aws: Aws, identity: str) -> dict[str, Any] | None:
    found = unless_missing(lambda: aws.client("eks").describe_nodegroup(**_of(identity)))
    return found["nodegroup"] if found else None


def _of(identity: str) -> dict[str, str]:
    cluster, name = identity.split(":")
    return {"clusterName": cluster, "nodegroupName": name}


def _issues(group: Mapping[str, Any]) -> list[dict[str, Any]]:
    issues: list[dict[str, Any]] = group["health"]["issues"]
    return issues


KINDS: tuple[Kind, ...] = (
        Kind(
            token="aws:ec2/launchTemplate:LaunchTemplate",  # noqa: S106 (Pulumi calls a type's name a token)
            label="EC2 Launch Template",
            service="ec2",
            operation="CreateLaunchTemplate",
            name="name",
            fixed=frozenset({"name", "namePrefix"}),
            request=_template_request,
            create=_create_template,
            read=_read_template,
            update=_update_template,
            delete=_delete_template,
        ),
        Kind(
            token="aws:eks/nodeGroup:NodeGroup",  # noqa: S106 (Pulumi calls a type's name a token)
            label="EKS Node Group",
            service="eks",
            operation="CreateNodegroup",
            name="nodeGroupName",
            fixed=frozenset({
                "amiType",
                "capacityType",
                "clusterName",
                "diskSize",
                "instanceTypes",
                "nodeGroupName",
                "nodeRoleArn",
                "remoteAccess",
                "subnetIds",
            }),
            request=_node_group_request,
            create=_create_node_group,
            read=_read_node_group,
            update=_update_node_group,
            delete=_delete_node_group,
        ),
)  # fmt: skip
