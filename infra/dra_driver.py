"""NVIDIA's DRA driver: its kubelet plugin announces the MIG devices of a node, as MIG Manager has cut them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from infra.objects import Chart, install
from mig import labels
from mig.release import Release

if TYPE_CHECKING:
    import pulumi


NAME = "dra-driver"
"""One for both pairs: who changes the pair has its chart replaced, and never two plugins on a node."""


def values(release: Release) -> dict[str, Any]:
    """What the chart is told; where the plugin runs differs by the release."""
    plugin = {
        "nodeSelector": dict(release.plugin_node_selector),
        "tolerations": [dict(toleration) for toleration in release.plugin_tolerations],
    }
    return {
        "gpuResourcesEnabledOverride": True,  # the chart refuses GPUs without this acknowledgement
        "resources": {"computeDomains": {"enabled": False}},
        "kubeletPlugin": {key: value for key, value in plugin.items() if value},
    }


def dra_driver(
    release: Release, opts: "pulumi.ResourceOptions", *, after: Sequence["pulumi.Resource"]
) -> "pulumi.Resource":
    """The driver's chart."""
    import pulumi

    following = pulumi.ResourceOptions(depends_on=list(after))
    return install(chart(release), pulumi.ResourceOptions.merge(opts, following))


def chart(release: Release) -> Chart:
    """The chart as we install it."""
    return Chart(
        name=NAME,
        namespace=labels.DRA_NAMESPACE,
        chart=release.dra_chart,
        version=release.dra_version,
        repository=release.dra_repository,
        values=values(release),
    )
