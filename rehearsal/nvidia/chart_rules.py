"""
What Helm answers to a release of NVIDIA's charts that cannot be: their own checks, and what a wait would end in. Pure.

Other charts are not looked at. Words are the chart's where docs/nvidia.md (section 9) has them from its source.
"""

from mig import labels
from mig.release import RELEASES
from rehearsal.kubernetes.helm import Release as HelmRelease
from rehearsal.nvidia.installed import OPERATOR_CHART, Values, at, driver_row, operator_row

_STRATEGIES = ("none", "single", "mixed")
_KNOWN = {
    OPERATOR_CHART: [row.operator for row in RELEASES.values()],
    **{row.dra_chart: [row.dra_version] for row in RELEASES.values()},
}


def refusal(release: HelmRelease) -> str:
    """Why Helm does not install it; empty: it does."""
    if release.chart not in _KNOWN:
        return ""
    if operator_row(release) is None and driver_row(release) is None:
        known = ", ".join(_KNOWN[release.chart])
        return f"chart {release.chart} {release.version} is not simulated: of its versions, {known} is known here"
    return _operator(release.values) if release.chart == OPERATOR_CHART else _driver(release)


def _operator(values: Values) -> str:
    if at(values, "clusterPolicy.deployCR", default=True) and at(values, "gpuCluster.deployCR", default=False):
        return "clusterPolicy.deployCR and gpuCluster.deployCR exclude each other"
    strategy = at(values, "mig.strategy", default="single")
    if strategy not in _STRATEGIES:
        supported = ", ".join(f'"{each}"' for each in _STRATEGIES)
        return f'spec.mig.strategy: Unsupported value: "{strategy}": supported values: {supported}'
    return ""


def _driver(release: HelmRelease) -> str:
    values = release.values
    if release.namespace == "default" and not at(values, "allowDefaultNamespace", default=False):
        return "Running in the 'default' namespace is not recommended. Set 'allowDefaultNamespace=true' to bypass this"
    if at(values, "resources.gpus.enabled", default=True) and not at(
        values, "gpuResourcesEnabledOverride", default=False
    ):
        return (
            "when 'resources.gpus.enabled=true' this DRA driver cannot be deployed alongside the standard GPU device "
            "plugin on the same node; to force it: --set 'gpuResourcesEnabledOverride=true'"
        )
    selector = at(values, "kubeletPlugin.nodeSelector", default={})
    if not all(isinstance(value, str) for value in selector.values()):
        return "cannot unmarshal bool into Go struct field PodSpec.spec.template.spec.nodeSelector of type string"
    if (
        at(values, "resources.computeDomains.enabled", default=True)
        and at(values, "controller.affinity", default=None) is None
    ):
        return (
            f"timed out waiting for the condition: the controller of {labels.DRA_NAMESPACE} asks for a control-plane "
            "node, and EKS shows none (resources.computeDomains.enabled, controller.affinity)"
        )
    return ""
