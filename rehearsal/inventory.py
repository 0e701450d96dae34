"""What an open World holds, asked of it as anybody would ask a real one: its API server and its AWS account."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

from mig import labels
from rehearsal.api_server import ApiServer
from rehearsal.node.services import ADDRESS

_COSTS = ("pending", "running", "shutting-down")
"""States of an instance that is billed, or was until now."""


def nodes(environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """The cluster's nodes, a few facts of each."""
    return [_node(node) for node in _objects(environment, "/api/v1/nodes")]


def services(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """The Services that can be reached, and where."""
    return [_service(each) for each in _objects(environment, "/api/v1/services") if _address(each)]


def billed(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """The instances that cost something now, with the run that each belongs to."""
    ec2 = boto3.client(
        "ec2",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    asked = ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "instance-state-name", "Values": list(_COSTS)}]
    )
    return [_instance(each) for page in asked for group in page["Reservations"] for each in group["Instances"]]


def _objects(environment: Mapping[str, str], path: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as scratch:
        api = ApiServer(Path(environment["KUBECONFIG"]), scratch=Path(scratch), connections=1)
        try:
            return list(api.get(path)["items"])
        finally:
            api.close()


def _service(service: Mapping[str, Any]) -> dict[str, str]:
    metadata = service["metadata"]
    return {
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "run": metadata.get("labels", {}).get(labels.RUN, ""),
        "address": _address(service),
    }


def _address(service: Mapping[str, Any]) -> str:
    return str(service["metadata"].get("annotations", {}).get(ADDRESS, ""))


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    ready = next((c["status"] for c in node["status"].get("conditions", ()) if c["type"] == "Ready"), "Unknown")
    its = node["metadata"]["labels"]
    return {
        "name": node["metadata"]["name"],
        "ready": ready == "True",
        "instance_type": its.get(labels.INSTANCE_TYPE, ""),
        "run": its.get(labels.RUN, ""),
        "mig": its.get(labels.MIG_CONFIG_STATE, ""),
    }


def _instance(instance: Mapping[str, Any]) -> dict[str, str]:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}
    return {
        "id": instance["InstanceId"],
        "instance_type": instance["InstanceType"],
        "state": instance["State"]["Name"],
        "zone": instance["Placement"]["AvailabilityZone"],
        "market": instance.get("InstanceLifecycle", "on-demand"),
        "run": tags.get(labels.TAG_RUN, ""),
    }
