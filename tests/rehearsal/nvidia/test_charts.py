"""What stands in a cluster has the names and selectors that others rely on, and its pods say what they were told."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mig import labels
from mig.release import ARTICLE, CURRENT, RELEASES, Release
from rehearsal.api_server import ApiServer, Object
from rehearsal.nvidia.charts import NAMES, Told, bring, manifests
from rehearsal.nvidia.installed import Driver, Installed, Operator
from tests.rehearsal.nvidia.test_installed import standing

STANDS = standing(CURRENT)


def daemon_sets(stands: Installed) -> dict[str, Object]:
    """Their templates, by name."""
    return {m["metadata"]["name"]: m["spec"]["template"] for m in manifests(stands) if m["kind"] == "DaemonSet"}


def with_operator(**changes: Any) -> Installed:
    """What the product installs, its operator changed."""
    assert STANDS.operator is not None
    return replace(STANDS, operator=replace(STANDS.operator, **changes))


def with_driver(**changes: Any) -> Installed:
    """What the product installs, its driver changed."""
    assert STANDS.driver is not None
    return replace(STANDS, driver=replace(STANDS.driver, **changes))


@pytest.mark.parametrize(
    ("name", "switch"),
    [
        ("gpu-feature-discovery", "gpu-feature-discovery"),
        ("nvidia-dcgm-exporter", "dcgm-exporter"),
        ("nvidia-operator-validator", "operator-validator"),
        ("nvidia-mig-manager", "mig-manager"),
        ("nvidia-device-plugin-daemonset", "device-plugin"),
    ],
)
def test_operands(name: str, switch: str) -> None:
    """Each of the operator's parts is found by its label `app`, and switched by its own node label."""
    template = daemon_sets(Installed(operator=Operator(release=CURRENT, namespace="gpu-operator")))[name]

    assert template["metadata"]["labels"] == {"app": name}
    assert template["spec"]["nodeSelector"] == {f"nvidia.com/gpu.deploy.{switch}": "true"}


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_plugin(release: Release) -> None:
    """Each pair's plugin is found by its pair's label, paused as its pair pauses it, and comes to GPU nodes only."""
    template = daemon_sets(standing(release))[release.plugin_daemonset]
    required = template["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    asked = [{e["key"]: e["values"] for e in term["matchExpressions"]} for term in required["nodeSelectorTerms"]]

    assert template["metadata"]["labels"] == {release.plugin_label: "kubelet-plugin"}
    assert dict(release.plugin_node_selector) == template["spec"]["nodeSelector"]
    assert asked == [{labels.PCI_PRESENT: ["true"]}, {labels.GPU_PRESENT: ["true"]}]


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_tolerate_the_gpu_taint(release: Release) -> None:
    """As the product installs them, all of them run on nodes that keep other pods away."""
    for template in daemon_sets(standing(release)).values():
        assert labels.GPU_TAINT in {each["key"] for each in template["spec"]["tolerations"]}


@pytest.mark.parametrize(
    ("stands", "gone"),
    [
        pytest.param(with_operator(parts=frozenset({"gfd", "dcgmExporter"})), {"nvidia-mig-manager"}, id="MIG Manager"),
        pytest.param(
            with_operator(discovery=False), {"gpu-operator-node-feature-discovery-worker"}, id="feature discovery"
        ),
        pytest.param(
            with_operator(policy=False, parts=frozenset()),
            {"gpu-feature-discovery", "nvidia-dcgm-exporter", "nvidia-mig-manager", "nvidia-operator-validator"},
            id="all of a ClusterPolicy's",
        ),
        pytest.param(with_driver(announces=False), {"dra-driver-nvidia-gpu-kubelet-plugin"}, id="a plugin of nothing"),
        pytest.param(replace(STANDS, driver=None), {"dra-driver-nvidia-gpu-kubelet-plugin"}, id="the driver"),
    ],
)
def test_what_is_off_is_not_there(stands: Installed, gone: set[str]) -> None:
    """And everything else is."""
    assert gone == daemon_sets(STANDS).keys() - daemon_sets(stands).keys()


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_pods_say_what_they_were_told(release: Release) -> None:
    """A program reads its pod: version, namespace, strategy, file, whether it may reboot, where the driver is."""
    made = daemon_sets(standing(release))
    told = {
        name: Told.by({"metadata": {"namespace": "n"}, "spec": template["spec"]}) for name, template in made.items()
    }

    assert {release.name} == {each.release.name for each in told.values()}
    assert {"n"} == {each.namespace for each in told.values()}
    assert {"MIG_STRATEGY": "mixed"} == told["gpu-feature-discovery"].environment
    assert {"WITH_REBOOT": "true"} == told["nvidia-mig-manager"].environment
    assert labels.MIG_PARTED_CONFIG == told["nvidia-mig-manager"].config_map
    assert {"NVIDIA_DRIVER_ROOT": "/"} == told[release.plugin_daemonset].environment
    assert {"gpus"} == told[release.plugin_daemonset].containers


def test_every_name_is_known() -> None:
    """Whatever is on, a node knows whose pods it has."""
    everything = Installed(
        operator=Operator(release=ARTICLE, namespace="gpu-operator"), driver=Driver(release=ARTICLE, namespace="d")
    )

    assert daemon_sets(everything).keys() | daemon_sets(STANDS).keys() == NAMES


def test_device_classes() -> None:
    """The driver's three classes, each by the type of device that it is for; none without a driver of GPUs."""

    def classes(stands: Installed) -> dict[str, str]:
        found = {m["metadata"]["name"]: m["spec"] for m in manifests(stands) if m["kind"] == "DeviceClass"}
        expressions = {name: spec["selectors"][0]["cel"]["expression"] for name, spec in found.items()}
        return {name: expression.rsplit("==", 1)[1].strip(" '") for name, expression in expressions.items()}

    assert {"gpu.nvidia.com": "gpu", "mig.nvidia.com": "mig", "vfio.gpu.nvidia.com": "vfio"} == classes(STANDS)
    assert {} == classes(with_driver(announces=False))


class FakeApi(ApiServer):
    """Notes what is applied and deleted, by path."""

    def __init__(self) -> None:
        self.there: set[str] = set()

    def apply(self, path: str, body: Object, **query: str) -> Object:
        """It is there."""
        assert query["fieldManager"]
        self.there.add(path)
        return body

    def delete(self, path: str, options: Object | None = None, **query: str) -> None:  # noqa: ARG002 (the real one's)
        """It is not."""
        self.there.remove(path)


@pytest.mark.parametrize(
    ("now", "left"),
    [
        pytest.param(standing(ARTICLE), lambda name: "vfio" not in name, id="the other pair"),
        pytest.param(Installed(), lambda _: False, id="nothing"),
    ],
)
def test_bring(now: Installed, left: Callable[[str], bool]) -> None:
    """What stood before and does not now goes: another pair's plugin and classes, or all of it."""
    api = FakeApi()
    bring(api, Installed(), STANDS)
    before = set(api.there)
    bring(api, STANDS, now)

    assert [] == [path for path in api.there if not left(path)]
    assert len(daemon_sets(STANDS)) == sum("daemonsets" in path for path in before)
    assert len(daemon_sets(now)) == sum("daemonsets" in path for path in api.there)
