"""Helm refuses what NVIDIA's charts refuse, in their words, and what it would wait for in vain."""

from dataclasses import replace
from typing import Any

import pytest

from mig.release import CURRENT, RELEASES, Release
from rehearsal.kubernetes.helm import Release as HelmRelease
from rehearsal.nvidia.chart_rules import refusal
from tests.rehearsal.nvidia.test_installed import driver, operator


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_what_the_product_installs_is_taken(release: Release) -> None:
    """Both charts of either pair."""
    assert ["", ""] == [refusal(operator(release)), refusal(driver(release))]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        pytest.param(
            operator(CURRENT, version="v25.3.0"),
            "chart gpu-operator v25.3.0 is not simulated: of its versions, v26.7.0, v25.10.1 is known here",
            id="a version of which nothing is known",
        ),
        pytest.param(
            operator(CURRENT, ("gpuCluster.deployCR", True)),
            "clusterPolicy.deployCR and gpuCluster.deployCR exclude each other",
            id="both stacks",
        ),
        pytest.param(
            operator(CURRENT, ("mig.strategy", "mixd")),
            'spec.mig.strategy: Unsupported value: "mixd": supported values: "none", "single", "mixed"',
            id="a strategy that there is not",
        ),
        pytest.param(
            driver(CURRENT, ("gpuResourcesEnabledOverride", False)),
            "when 'resources.gpus.enabled=true' this DRA driver cannot be deployed alongside the standard GPU device "
            "plugin on the same node; to force it: --set 'gpuResourcesEnabledOverride=true'",
            id="GPUs without the acknowledgement",
        ),
        pytest.param(
            replace(driver(CURRENT), namespace="default"),
            "Running in the 'default' namespace is not recommended. Set 'allowDefaultNamespace=true' to bypass this",
            id="the default namespace",
        ),
        pytest.param(
            driver(CURRENT, ("kubeletPlugin.nodeSelector", {"nvidia.com/gpu.deploy.client": True})),
            "cannot unmarshal bool into Go struct field PodSpec.spec.template.spec.nodeSelector of type string",
            id="true where a text is wanted",
        ),
        pytest.param(
            driver(CURRENT, ("resources.computeDomains", {})),
            "timed out waiting for the condition: the controller of nvidia-dra-driver asks for a control-plane node, "
            "and EKS shows none (resources.computeDomains.enabled, controller.affinity)",
            id="a controller that finds no node",
        ),
    ],
)
def test_refused(asked: HelmRelease, sentence: str) -> None:
    """One sentence says what is wrong."""
    assert sentence == refusal(asked)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("resources.gpus.enabled", False), id="no GPUs, so nothing to acknowledge"),
        pytest.param(("controller.affinity", {}), id="a controller that goes anywhere"),
    ],
)
def test_taken_all_the_same(change: tuple[str, Any]) -> None:
    """What is unusual and works is not refused."""
    changes = [("gpuResourcesEnabledOverride", False)] if "gpus" in change[0] else [("resources.computeDomains", {})]

    assert "" == refusal(driver(CURRENT, change, *changes))


def test_other_charts_are_not_looked_at() -> None:
    """Nothing is known of their values."""
    assert "" == refusal(replace(operator(CURRENT), chart="kube-prometheus-stack", version="88.4.0"))
