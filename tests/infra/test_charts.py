"""Every value that a chart is told is a key of that chart: Helm takes any other in silence, and it does nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra import dra_driver, gpu_operator, monitoring
from mig.release import RELEASES, Release

OPERATOR = {
    # NVIDIA/gpu-operator, deployments/gpu-operator/values.yaml at v25.10.1 and v26.7.0: docs/nvidia.md's sources
    "driver.enabled", "toolkit.enabled", "devicePlugin.enabled", "nfd.enabled", "mig.strategy",
    "migManager.enabled", "migManager.env", "migManager.config.default", "migManager.config.create",
    "migManager.config.name", "migManager.config.data", "gfd.enabled", "cdi.enabled", "daemonsets.tolerations",
    "dcgmExporter.enabled", "dcgmExporter.serviceMonitor.enabled", "dcgmExporter.serviceMonitor.interval",
    "dcgmExporter.serviceMonitor.honorLabels", "dcgmExporter.serviceMonitor.additionalLabels",
    "dcgmExporter.serviceMonitor.relabelings", "operator.runtimeClass",
}  # fmt: skip
OPERATORS = {"article": OPERATOR, "current": {*OPERATOR, "clusterPolicy.deployCR", "gpuCluster.deployCR"}}
"""Both `deployCR` are new in v26.7.0."""

DRA_DRIVER = {
    # deployments/helm/nvidia-dra-driver-gpu/values.yaml at v25.8.1, and of kubernetes-sigs/dra-driver-nvidia-gpu,
    # deployments/helm/dra-driver-nvidia-gpu/values.yaml at 0f5a1bc2
    "nvidiaDriverRoot", "gpuResourcesEnabledOverride", "resources.gpus.enabled", "resources.computeDomains.enabled",
    "kubeletPlugin.nodeSelector", "kubeletPlugin.tolerations", "kubeletPlugin.affinity", "featureGates",
    "logVerbosity", "webhook.enabled", "allowDefaultNamespace",
}  # fmt: skip
MONITORING = {
    # prometheus-community/helm-charts, charts/kube-prometheus-stack/values.yaml at 001f3a6d
    "additionalPrometheusRulesMap", "prometheus.prometheusSpec.serviceMonitorSelectorNilUsesHelmValues",
    "kubeControllerManager.enabled", "kubeEtcd.enabled", "kubeProxy.enabled", "kubeScheduler.enabled",
    # its charts of Grafana and of kube-state-metrics
    "grafana.admin.existingSecret", "grafana.admin.userKey", "grafana.admin.passwordKey", "grafana.service.type",
    "kube-state-metrics.metricLabelsAllowlist",
}  # fmt: skip
Values = Mapping[str, Any]


def unknown(values: Values, known: set[str], path: str = "") -> Iterator[str]:
    """The paths of values that no key of the chart is at, or above."""
    for name, value in values.items():
        here = f"{path}{name}"
        if here in known:
            continue
        if isinstance(value, Mapping) and any(key.startswith(f"{here}.") for key in known):
            yield from unknown(value, known, f"{here}.")
        else:
            yield here


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_operator(release: Release) -> None:
    """The operator's chart has every key, in either pair."""
    assert [] == list(unknown(gpu_operator.values(release), OPERATORS[release.name]))


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_dra_driver(release: Release) -> None:
    """So has the DRA driver's."""
    assert [] == list(unknown(dra_driver.values(release), DRA_DRIVER))


def test_monitoring() -> None:
    """So has the monitoring's."""
    assert [] == list(unknown(monitoring.values(), MONITORING))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"operator": {"defaultRuntime": "containerd"}}, ["operator.defaultRuntime"], id="the article's"),
        pytest.param({"migmanager": {"enabled": True}}, ["migmanager"], id="another spelling"),
        pytest.param({"driver": False}, ["driver"], id="a value where there is a section"),
    ],
)
def test_a_key_that_there_is_not(values: Values, expected: list[str]) -> None:
    """It is found."""
    assert expected == list(unknown(values, OPERATORS["current"]))


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_what_the_node_s_image_has_is_off(release: Release) -> None:
    """Driver and toolkit are in the image, and a device plugin would offer what the DRA driver gives away."""
    values = gpu_operator.values(release)

    assert [False] * 3 == [values[part]["enabled"] for part in ("driver", "toolkit", "devicePlugin")]


@pytest.mark.parametrize(
    ("name", "plugin"),
    [
        pytest.param(
            "current", {"nodeSelector": {"nvidia.com/gpu.deploy.client": "true"}}, id="MIG Manager bounces the plugin"
        ),
        pytest.param(
            "article",
            {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]},
            id="the older chart tolerates nothing by itself",
        ),
    ],
)
def test_plugin(name: str, plugin: Values) -> None:
    """Where the plugin runs is what the pairs differ by."""
    assert plugin == dra_driver.values(RELEASES[name])["kubeletPlugin"]
