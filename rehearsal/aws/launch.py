"""Launching instances into the simulated EC2 as an Auto Scaling group does: with its template's tags and disks."""

from dataclasses import dataclass
from typing import Any

from moto.autoscaling.models import ASG_NAME_TAG
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.utils import convert_tag_spec

from mig import labels
from mig.offer import Market
from rehearsal.aws.bill import Item
from rehearsal.faults import Enrolment
from rehearsal.node.instance import Instance

AMI = "ami-0e5ab1a2023d1a000"
"""Stands for the EKS image of the node group's AMI type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a node group launches; fixed for its life."""

    group: str
    """Name of the Auto Scaling group."""
    instance_type: str
    market: Market
    subnet: str
    zone: str
    template_id: str
    """EKS's own launch template, made from the one that was given."""
    run_id: str
    """By the tag that the template puts on instances; empty where it puts none."""
    node_labels: dict[str, str]
    node_taints: tuple[dict[str, str], ...]
    """As Kubernetes writes them."""


def run(ec2: Any, recipe: Recipe, count: int) -> list[Any]:  # noqa: ANN401 (moto has no types)
    """Make them exist in moto's EC2, with the tags that the template puts on each kind of resource."""
    data = ec2.get_launch_template(recipe.template_id).default_version().data
    tags = convert_tag_spec(data.get("TagSpecifications", []))
    reservation = ec2.run_instances(
        AMI,
        count,
        None,  # user data: the simulated machine needs none
        [],
        instance_type=recipe.instance_type,
        is_instance_type_default=False,
        lifecycle="spot" if recipe.market == "spot" else None,
        subnet_id=recipe.subnet,
        launch_template={"LaunchTemplateId": recipe.template_id},
        metadata_options=data.get("MetadataOptions"),
        block_device_mappings=data.get("BlockDeviceMappings", []),
        tags={"instance": {ASG_NAME_TAG: recipe.group}, "volume": tags.get("volume", {})},
    )
    for launched in reservation.instances:
        for interface in launched.nics.values():
            interface.add_tags(tags.get("network-interface", {}))
            interface.delete_on_termination = True  # as of every first interface; moto would leave it behind
    return list(reservation.instances)


def machine(launched: Any, recipe: Recipe, enrolment: Enrolment) -> Instance:  # noqa: ANN401 (moto has no types)
    """What the node agent must know of it."""
    return Instance(
        id=launched.id,
        name=launched.private_dns_name,
        instance_type=recipe.instance_type,
        zone=recipe.zone,
        market=recipe.market,
        labels=dict(recipe.node_labels),
        taints=[dict(taint) for taint in recipe.node_taints],
        run_id=recipe.run_id,
        enrolment=enrolment,
    )


def item(launched: Any, recipe: Recipe, *, since: float) -> Item:  # noqa: ANN401 (moto has no types)
    """Its line on the bill."""
    return Item(
        instance_id=launched.id,
        instance_type=recipe.instance_type,
        market=recipe.market,
        zone=recipe.zone,
        run_id=recipe.run_id,
        since=since,
    )


def template_tags(data: dict[str, Any], resource_type: str) -> dict[str, str]:
    """What a launch template puts on one kind of resource."""
    tags: dict[str, str] = convert_tag_spec(data.get("TagSpecifications", [])).get(resource_type, {})
    return tags


def run_of(data: dict[str, Any]) -> str:
    """The run that a launch template's instances belong to."""
    return template_tags(data, "instance").get(labels.TAG_RUN, "")


def zones_with(instance_type: str, region: str) -> frozenset[str]:
    """Where AWS offers the type at all, by moto's copy of DescribeInstanceTypeOfferings."""
    offerings = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    return frozenset(offer["Location"] for offer in offerings if offer["InstanceType"] == instance_type)
