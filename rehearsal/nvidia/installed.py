"""
What NVIDIA's two charts come to in a cluster: who runs on its nodes, and how they were told to behave.

A judge of values: releases go in as Helm has recorded them, and each of their values counts as the chart's template and
the operator read it (docs/nvidia.md, section 9). What nobody set has the chart's default. How a version behaves is
`mig.release`'s; of a version that is not there nothing is known, so nothing of it wakes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mig import labels
from mig.release import RELEASES, Release
from rehearsal.kubernetes.helm import Release as HelmRelease

OPERATOR_CHART = "gpu-operator"
GFD, MIG_MANAGER, DCGM_EXPORTER, DEVICE_PLUGIN = "gfd", "migManager", "dcgmExporter", "devicePlugin"
"""The operator's parts that somebody sees, by the section of the chart's values that switches each."""

TOLERATIONS: tuple[Mapping[str, str], ...] = ({"key": labels.GPU_TAINT, "operator": "Exists", "effect": "NoSchedule"},)
"""The operator chart's default, and the newer driver chart's."""

_ON_BY_DEFAULT = (GFD, MIG_MANAGER, DCGM_EXPORTER, DEVICE_PLUGIN)
_SHIPPED_CONFIG_MAP = "default-mig-parted-config"
"""The older operator's own file, under the name that its chart has as a default: as if no other was named."""

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A GPU Operator, as its chart was told."""

    release: Release
    namespace: str
    discovery: bool = True
    """Whether Node Feature Discovery came along: the operator labels no node of which NFD does not say it has a GPU."""
    policy: bool = True
    """Whether there is a ClusterPolicy: without it the operator labels nothing, and none of its parts runs."""
    parts: frozenset[str] = frozenset(_ON_BY_DEFAULT)
    strategy: str = "single"
    """GFD's."""
    config_map: str = ""
    """What MIG Manager mounts, and reads alone; empty: what it ships, or generates, itself."""
    default_config: str = "all-disabled"
    """What a node that asks for nothing is labelled with: that one literally, or nothing."""
    reboots: bool = False
    """Whether MIG Manager may reboot a node whose MIG mode does not change without."""
    tolerations: tuple[Mapping[str, str], ...] = TOLERATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A DRA driver, as its chart was told."""

    release: Release
    namespace: str
    announces: bool = True
    """Whether its plugin has the container that announces GPUs."""
    domains: bool = True
    """Whether it has the one for compute domains; with neither there is no plugin."""
    root: str = "/"
    """Where it looks for NVIDIA's driver. On the AL2023 image that is the host's own root, and nowhere else."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    affinity: Mapping[str, Any] | None = None
    """None: the chart's own."""
    tolerations: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What stands of NVIDIA's in a cluster."""

    operator: Operator | None = None
    driver: Driver | None = None


def installed(releases: Iterable[HelmRelease]) -> Installed:
    """What stands, by the newest revision of each release."""
    newest: dict[tuple[str, str], HelmRelease] = {}
    for each in sorted(releases, key=lambda release: release.revision):
        newest[each.namespace, each.name] = each
    return Installed(
        operator=next((_operator(each, row) for each in newest.values() if (row := operator_row(each))), None),
        driver=next((_driver(each, row) for each in newest.values() if (row := driver_row(each))), None),
    )


def operator_row(release: HelmRelease) -> Release | None:
    """How this version of the operator's chart behaves; None: it is another chart, or nobody knows."""
    same = (row for row in RELEASES.values() if _plain(row.operator) == _plain(release.version))
    return next(same, None) if release.chart == OPERATOR_CHART else None


def driver_row(release: HelmRelease) -> Release | None:
    """The same of the driver's, whose chart has another name in each pair."""
    of_chart = (row for row in RELEASES.values() if row.dra_chart == release.chart)
    return next((row for row in of_chart if _plain(row.dra_version) == _plain(release.version)), None)


def at(values: Values, path: str, *, default: Any) -> Any:  # noqa: ANN401 (what a chart takes is any JSON)
    """A value by its path, `migManager.config.name`; the default where nobody set one."""
    found: Any = values
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return default
        found = found[name]
    return found


def _operator(release: HelmRelease, row: Release) -> Operator:
    values = release.values
    policy = _written(at(values, "clusterPolicy.deployCR", default=True))
    name = str(at(values, "migManager.config.name", default=""))
    return Operator(
        release=row,
        namespace=release.namespace,
        discovery=bool(at(values, "nfd.enabled", default=True)),
        policy=policy,
        parts=frozenset(
            part for part in _ON_BY_DEFAULT if policy and _written(at(values, f"{part}.enabled", default=True))
        ),
        strategy=str(at(values, "mig.strategy", default="single")),
        config_map="" if name == _SHIPPED_CONFIG_MAP else name,
        default_config=str(at(values, "migManager.config.default", default="all-disabled")),
        reboots=_variable(at(values, "migManager.env", default=()), "WITH_REBOOT") == "true",
        tolerations=tuple(at(values, "daemonsets.tolerations", default=TOLERATIONS)),
    )


def _driver(release: HelmRelease, row: Release) -> Driver:
    values = release.values
    default = () if row.plugin_tolerations else TOLERATIONS  # a release names them where the chart has none
    return Driver(
        release=row,
        namespace=release.namespace,
        announces=bool(at(values, "resources.gpus.enabled", default=True)),
        domains=bool(at(values, "resources.computeDomains.enabled", default=True)),
        root=str(at(values, "nvidiaDriverRoot", default="/")),
        node_selector=at(values, "kubeletPlugin.nodeSelector", default={}),
        affinity=at(values, "kubeletPlugin.affinity", default=None),
        tolerations=tuple(at(values, "kubeletPlugin.tolerations", default=default)),
    )


def _written(value: object) -> bool:
    """As a template that writes the value down: what YAML then reads is a boolean, quoted before or not."""
    return str(value).lower() == "true"


def _variable(env: Iterable[Mapping[str, str]], name: str) -> str:
    return next((each.get("value", "") for each in env if each["name"] == name), "")


def _plain(version: str) -> str:
    """Helm takes either for the same version."""
    return version.removeprefix("v")
