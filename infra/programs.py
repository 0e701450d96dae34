"""
The programs of what outlives runs, in the order in which they stand on one another, from what is wanted in one place.

Each gets what those below it gave; a preview of what is not there yet gets nothing, and copes.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from infra import cluster, platform
from mig import labels
from mig.kubeconfig import kubeconfig
from mig.release import RELEASES

_AWS = ("ec2", "iam", "eks", "kms", "cloudwatch", "ecr", "resourcegroups")
_KUBERNETES = ("provider", "admissionregistration.v1", "core.v1", "helm.v3", "meta.v1", "resource.v1")
"""Parts of Pulumi's two SDKs."""

_NOT_YET = {"endpoint": "https://not.there.yet", "certificate_authority": ""}

Given = Mapping[str, Any]
"""What a stack exports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One long-lived stack."""

    name: str
    """As people call it: `cluster`."""
    stack: str
    program: Callable[[Given], Callable[[], None]]
    """Of what the layers below it gave."""
    sdk: tuple[str, ...] = ()
    """The modules of Pulumi's SDKs that the program asks for; each is imported when first asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What shall stand, for whom, and where."""

    cluster: str
    region: str
    account: str
    zones: tuple[str, ...]
    bucket: str
    administrators: tuple[str, ...]
    reached_from: tuple[str, ...]
    """CIDRs from which the API server may be reached over the internet."""
    kubernetes: str
    release: str
    """The pair of NVIDIA versions, by its name."""
    instance_types: tuple[str, ...]
    kubeconfig: str = field(default="", repr=False)
    """Content of one that leads to the cluster. Empty: it is written from what the cluster's stack gives."""


def layers(wanted: Wanted) -> tuple[Layer, ...]:
    """From the ground up."""
    return (
        Layer(
            name="cluster",
            stack=cluster.stack_name(wanted.cluster),
            program=lambda _: _cluster(wanted),
            sdk=tuple(f"pulumi_aws.{part}" for part in _AWS),
        ),
        Layer(
            name="platform",
            stack=platform.stack_name(wanted.cluster),
            program=lambda given: _platform(wanted, given),
            sdk=tuple(f"pulumi_kubernetes.{part}" for part in _KUBERNETES),
        ),
    )


def warm(*layers: Layer) -> None:
    """Import what the programs need: whoever waits for the engine has the seconds that it takes."""
    for layer in layers:
        for module in layer.sdk:
            import_module(module)


def stack_names(name: str) -> tuple[str, ...]:
    """The long-lived stacks of a cluster, from the ground up, by its name alone."""
    return (cluster.stack_name(name), platform.stack_name(name))


def _cluster(wanted: Wanted) -> Callable[[], None]:
    return cluster.program(
        cluster.ClusterArgs(
            name=wanted.cluster,
            region=wanted.region,
            account=wanted.account,
            zones=wanted.zones,
            bucket=wanted.bucket,
            owner=labels.OWNER,
            administrators=wanted.administrators,
            reached_from=wanted.reached_from,
            kubernetes=wanted.kubernetes,
        )
    )


def _platform(wanted: Wanted, given: Given) -> Callable[[], None]:
    reached = {name: given.get(name, nothing) for name, nothing in _NOT_YET.items()}
    return platform.program(
        platform.PlatformArgs(
            cluster=wanted.cluster,
            release=RELEASES[wanted.release],
            kubeconfig=wanted.kubeconfig or json.dumps(kubeconfig(wanted.cluster, wanted.region, **reached)),
            instance_types=wanted.instance_types,
        )
    )
