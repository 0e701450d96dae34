"""The charts' objects have the names and selectors that others rely on."""

import pytest

from mig import labels
from mig.release import RELEASES, Release
from rehearsal.nvidia.charts import RELEASE, manifests

MADE = list(manifests())
DAEMON_SETS = {m["metadata"]["name"]: m["spec"]["template"] for m in MADE if m["kind"] == "DaemonSet"}


@pytest.mark.parametrize(
    ("name", "switch"),
    [
        ("gpu-feature-discovery", "gpu-feature-discovery"),
        ("nvidia-dcgm-exporter", "dcgm-exporter"),
        ("nvidia-operator-validator", "operator-validator"),
        ("nvidia-mig-manager", "mig-manager"),
    ],
)
def test_operands(name: str, switch: str) -> None:
    """Each of the operator's parts is found by its label `app`, and switched by its own node label."""
    template = DAEMON_SETS[name]

    assert template["metadata"]["labels"] == {"app": name}
    assert template["spec"]["nodeSelector"] == {f"nvidia.com/gpu.deploy.{switch}": "true"}


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_plugin(release: Release) -> None:
    """Each pair's plugin is found by its pair's label, paused as its pair pauses it, and on its pair's nodes only."""
    template = DAEMON_SETS[release.plugin_daemonset]
    required = template["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    asked = [{e["key"]: e["values"] for e in term["matchExpressions"]} for term in required["nodeSelectorTerms"]]

    assert template["metadata"]["labels"] == {release.plugin_label: "kubelet-plugin"}
    assert dict(release.plugin_node_selector) == template["spec"]["nodeSelector"]
    assert asked == [
        {labels.PCI_PRESENT: ["true"], RELEASE: [release.name]},
        {labels.GPU_PRESENT: ["true"], RELEASE: [release.name]},
    ]


@pytest.mark.parametrize("name", DAEMON_SETS)
def test_tolerate_the_gpu_taint(name: str) -> None:
    """All of them run on nodes that keep other pods away."""
    assert labels.GPU_TAINT in {each["key"] for each in DAEMON_SETS[name]["spec"]["tolerations"]}


def test_device_classes() -> None:
    """The driver's three classes, each by the type of device that it is for."""
    classes = {
        m["metadata"]["name"]: m["spec"]["selectors"][0]["cel"]["expression"]
        for m in MADE
        if m["kind"] == "DeviceClass"
    }

    assert {name: expression.rsplit("==", 1)[1].strip(" '") for name, expression in classes.items()} == {
        "gpu.nvidia.com": "gpu",
        "mig.nvidia.com": "mig",
        "vfio.gpu.nvidia.com": "vfio",
    }
