"""What a cluster keeps for its runs: a registry for the baked image, a group for reservations that are bought later."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_aws import ecr, resourcegroups

_KEPT_IMAGES = 20
"""Baked images are 20 GB and more: the newest of them stay."""


def reservations_group(cluster: str) -> str:
    """The name of a cluster's group of capacity reservations."""
    return f"{cluster}-reservations"


def images(cluster: str, tags: Mapping[str, str]) -> "ecr.Repository":
    """The registry of the images that runs may name."""
    from pulumi_aws import ecr

    repository = ecr.Repository(
        "images",
        name=f"{cluster}/workload",
        image_tag_mutability="IMMUTABLE",  # what a report names can be pulled again
        image_scanning_configuration={"scan_on_push": True},
        force_delete=True,  # images are built again from deployments/Dockerfile
        tags=dict(tags),
    )
    expiry = {
        "rulePriority": 1,
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": _KEPT_IMAGES},
        "action": {"type": "expire"},
    }
    ecr.LifecyclePolicy("images", repository=repository.name, policy=json.dumps({"rules": [expiry]}))
    return repository


def reservations(cluster: str, tags: Mapping[str, str]) -> "resourcegroups.Group":
    """
    A group of capacity reservations, empty at first.

    On-demand launches name it: they use whatever reservation is put there later, and run at the on-demand price as
    long as none is.
    """
    from pulumi_aws import resourcegroups

    accepted = {"name": "allowed-resource-types", "values": ["AWS::EC2::CapacityReservation"]}
    return resourcegroups.Group(
        "reservations",
        name=reservations_group(cluster),
        configurations=[
            {"type": "AWS::EC2::CapacityReservationPool"},
            {"type": "AWS::ResourceGroups::Generic", "parameters": [accepted]},
        ],
        tags=dict(tags),
    )
