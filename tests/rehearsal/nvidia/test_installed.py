"""What wakes on a node follows from releases and values: those of the product, and each with one wrong word."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from infra import dra_driver, gpu_operator
from mig import labels
from mig.release import ARTICLE, CURRENT, RELEASES, Release
from rehearsal.kubernetes.helm import Release as HelmRelease
from rehearsal.nvidia.installed import TOLERATIONS, Driver, Installed, Operator, installed

Values = Mapping[str, Any]
ALL = frozenset({"gfd", "migManager", "dcgmExporter", "devicePlugin"})
OURS = ALL - {"devicePlugin"}


def operator(release: Release, *changes: tuple[str, Any], version: str = "") -> HelmRelease:
    """The operator as the product installs it, with values changed by their paths."""
    return HelmRelease(
        name="gpu-operator",
        namespace=labels.OPERATOR_NAMESPACE,
        revision=1,
        chart="gpu-operator",
        version=version or release.operator,
        values=changed(gpu_operator.values(release), *changes),
    )


def driver(release: Release, *changes: tuple[str, Any]) -> HelmRelease:
    """The DRA driver as the product installs it, with values changed by their paths."""
    return HelmRelease(
        name="dra-driver",
        namespace=labels.DRA_NAMESPACE,
        revision=1,
        chart=release.dra_chart,
        version=release.dra_version,
        values=changed(dra_driver.values(release), *changes),
    )


def standing(release: Release) -> Installed:
    """What stands where the product has raised its platform."""
    return installed((operator(release), driver(release)))


def changed(values: Values, *changes: tuple[str, Any]) -> dict[str, Any]:
    """Values with others at these paths."""
    made = dict(values)
    for path, value in changes:
        first, _, rest = path.partition(".")
        made[first] = changed(made.get(first, {}), (rest, value)) if rest else value
    return made


OPERATOR = Operator(
    release=CURRENT,
    namespace="gpu-operator",
    parts=OURS,
    strategy="mixed",
    config_map="mig-pipeline-mig-parted",
    reboots=True,
)
DRIVER = Driver(
    release=CURRENT,
    namespace="nvidia-dra-driver",
    domains=False,
    node_selector={"nvidia.com/gpu.deploy.client": "true"},
    tolerations=TOLERATIONS,
)


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_what_the_product_installs(release: Release) -> None:
    """In either pair it is what is relied on: no device plugin, mixed slices, our file alone, reboots allowed."""
    selector = {labels.DEPLOY_CLIENT: "true"} if release is CURRENT else {}
    wanted = Installed(
        operator=replace(OPERATOR, release=release), driver=replace(DRIVER, release=release, node_selector=selector)
    )

    assert wanted == standing(release)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        pytest.param(("migManager.enabled", False), {"parts": OURS - {"migManager"}}, id="no MIG Manager"),
        pytest.param(("migManager.enabled", "false"), {"parts": OURS - {"migManager"}}, id="a word is a word to YAML"),
        pytest.param(("gfd.enabled", False), {"parts": OURS - {"gfd"}}, id="no GFD"),
        pytest.param(("devicePlugin", {}), {"parts": ALL}, id="the device plugin is the chart's default"),
        pytest.param(("dcgmExporter.enabled", False), {"parts": OURS - {"dcgmExporter"}}, id="no exporter"),
        pytest.param(("nfd.enabled", False), {"discovery": False}, id="nobody finds the GPUs"),
        pytest.param(("mig", {}), {"strategy": "single"}, id="the chart's default strategy"),
        pytest.param(("migManager.config.name", "misspelt"), {"config_map": "misspelt"}, id="another file"),
        pytest.param(("migManager.config", {}), {"config_map": ""}, id="the file that MIG Manager has itself"),
        pytest.param(("migManager.config.default", ""), {"default_config": ""}, id="no default"),
        pytest.param(("migManager.env", []), {"reboots": False}, id="no reboot"),
        pytest.param(("clusterPolicy.deployCR", False), {"policy": False, "parts": frozenset()}, id="no ClusterPolicy"),
        pytest.param(("daemonsets.tolerations", []), {"tolerations": ()}, id="kept away by our taint"),
        pytest.param(("operator.defaultRuntime", "docker"), {}, id="a key that does nothing"),
        pytest.param(("driver.enabled", True), {}, id="a driver that finds the host's own, and leaves"),
    ],
)
def test_a_value_of_the_operator(change: tuple[str, Any], wanted: Mapping[str, Any]) -> None:
    """It changes what its chart says it changes, and nothing else."""
    assert replace(OPERATOR, **wanted) == installed([operator(CURRENT, change)]).operator


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        pytest.param(("resources.gpus.enabled", False), {"announces": False}, id="no GPUs"),
        pytest.param(("resources.computeDomains.enabled", True), {"domains": True}, id="compute domains"),
        pytest.param(("nvidiaDriverRoot", "/run/nvidia/driver"), {"root": "/run/nvidia/driver"}, id="another root"),
        pytest.param(("kubeletPlugin.nodeSelector", {"a": "b"}), {"node_selector": {"a": "b"}}, id="other nodes"),
        pytest.param(("kubeletPlugin.tolerations", []), {"tolerations": ()}, id="kept away by our taint"),
        pytest.param(("kubeletPlugin.affinity", {}), {"affinity": {}}, id="no affinity"),
    ],
)
def test_a_value_of_the_driver(change: tuple[str, Any], wanted: Mapping[str, Any]) -> None:
    """It changes what its chart says it changes, and nothing else."""
    assert replace(DRIVER, **wanted) == installed([driver(CURRENT, change)]).driver


def test_the_older_driver_tolerates_nothing_by_itself() -> None:
    """Its chart's default has no toleration: untold, its plugin never comes to a GPU node of ours."""
    untold = installed([driver(ARTICLE, ("kubeletPlugin", {}))]).driver

    assert untold is not None
    assert () == untold.tolerations


def test_nothing_is_installed() -> None:
    """Nothing wakes, whatever else stands in the cluster."""
    other = replace(operator(CURRENT), name="kube-prometheus-stack", chart="kube-prometheus-stack")

    assert Installed() == installed([]) == installed([other])


def test_a_version_of_which_nothing_is_known() -> None:
    """It is not taken for one that is."""
    assert None is installed([operator(CURRENT, version="v25.3.0")]).operator


def test_a_version_without_its_letter() -> None:
    """Helm takes it for the same."""
    assert OPERATOR == installed([operator(CURRENT, version="26.7.0")]).operator


def test_the_newest_revision_counts() -> None:
    """An upgrade replaces what was there, whatever order it is read in."""
    upgraded = replace(operator(ARTICLE), revision=2)

    assert ARTICLE == getattr(installed([upgraded, operator(CURRENT)]).operator, "release", None)


def test_two_pairs_mixed() -> None:
    """Each part behaves as its own version does."""
    stands = installed([operator(CURRENT), driver(ARTICLE)])

    assert stands.operator is not None
    assert stands.driver is not None
    assert (CURRENT, ARTICLE) == (stands.operator.release, stands.driver.release)
