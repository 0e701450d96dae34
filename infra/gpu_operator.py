"""
NVIDIA's GPU Operator with MIG Manager, told what the nodes of ours are and where it finds geometries.

Driver and container toolkit are in the AL2023 NVIDIA image, and the device plugin must not share a node with the DRA
driver: all three are off. What the chart has as its default is not said again, node feature discovery among it. Which
keys the charts have is held by tests/infra/test_charts.py.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from infra.objects import Chart, declare, install
from mig import labels
from mig.manifest import node_config
from mig.parted import standing_config
from mig.release import Release

if TYPE_CHECKING:
    import pulumi

NAME = "gpu-operator"
REPOSITORY = "https://helm.ngc.nvidia.com/nvidia"
NODE_LABEL = {"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node", "action": "replace"}
"""The exporter writes its node as `Hostname` or `hostname`, by its version: dashboard and alerts use this one."""


def values(release: Release) -> dict[str, Any]:
    """What the chart is told."""
    return {
        "driver": {"enabled": False},
        "toolkit": {"enabled": False},
        "devicePlugin": {"enabled": False},
        "mig": {"strategy": "mixed"},
        "migManager": {
            "config": {"name": labels.MIG_PARTED_CONFIG},
            "env": [{"name": "WITH_REBOOT", "value": "true"}],  # an A100 behind a hypervisor refuses the reset
        },
        "dcgmExporter": {"serviceMonitor": {"enabled": True, "relabelings": [NODE_LABEL]}},
        **release.operator_values,
    }


def gpu_operator(
    release: Release, opts: "pulumi.ResourceOptions", *, after: Sequence["pulumi.Resource"]
) -> "pulumi.Resource":
    """
    The ConfigMap of geometries, then the operator, whose MIG Manager mounts it.

    Runs add entries to the ConfigMap (tasks.geometry), so what stands in it is nobody's to set back: the engine makes
    it, and leaves its data alone.
    """
    import pulumi

    ours = pulumi.ResourceOptions(ignore_changes=["data"], depends_on=after)
    config = declare(node_config(standing_config()), pulumi.ResourceOptions.merge(opts, ours))
    following = pulumi.ResourceOptions(depends_on=[config, *after])
    return install(chart(release), pulumi.ResourceOptions.merge(opts, following))


def chart(release: Release) -> Chart:
    """The chart as we install it."""
    return Chart(
        name=NAME,
        namespace=labels.OPERATOR_NAMESPACE,
        chart="gpu-operator",
        version=release.operator,
        repository=REPOSITORY,
        values=values(release),
    )
