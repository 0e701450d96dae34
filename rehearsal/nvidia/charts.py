"""
What stands in a cluster where NVIDIA's charts were told so, as far as somebody looks at it.

DaemonSets and DeviceClasses, under their real names, in their releases' namespaces, with their real selectors. What a
program in one of those pods was told stands in its pod's manifest, as for the real one, and is read there (`Told`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mig import labels
from mig.release import RELEASES, Release
from rehearsal.api_server import ApiServer, Object
from rehearsal.nvidia import installed
from rehearsal.nvidia.installed import Driver, Installed, Operator

NFD = "gpu-operator-node-feature-discovery-worker"
GFD = "gpu-feature-discovery"
MIG_MANAGER = "nvidia-mig-manager"
DCGM_EXPORTER = "nvidia-dcgm-exporter"
DEVICE_PLUGIN = "nvidia-device-plugin-daemonset"
VALIDATOR = "nvidia-operator-validator"
PLUGINS = frozenset(release.plugin_daemonset for release in RELEASES.values())
NAMES = frozenset({NFD, GFD, MIG_MANAGER, DCGM_EXPORTER, DEVICE_PLUGIN, VALIDATOR, *PLUGINS})
"""Every DaemonSet whose programs are simulated."""

MIG_MANAGER_SWITCH = f"{labels.DEPLOY}mig-manager"
"""The operator sets it where GFD says that MIG is possible."""

GPUS = "gpus"
"""The plugin's container that announces GPUs."""

STRATEGY, REBOOT, DRIVER_ROOT = "MIG_STRATEGY", "WITH_REBOOT", "NVIDIA_DRIVER_ROOT"
"""What containers are told by their environment."""

_CONFIG_VOLUME = "mig-parted-config"
_DAEMON_SETS = "/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}"
_DEVICE_CLASSES = "/apis/resource.k8s.io/v1/deviceclasses/{name}"
_TYPES = {"gpu.nvidia.com": "gpu", "mig.nvidia.com": "mig", "vfio.gpu.nvidia.com": "vfio"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a program is told by the pod that it runs in."""

    release: Release
    """Whose version its image is."""
    namespace: str
    containers: frozenset[str]
    environment: Mapping[str, str]
    """All containers' together."""
    config_map: str
    """What it mounts as MIG Manager's file; empty: nothing."""

    @classmethod
    def by(cls, pod: Object) -> "Told":
        """Read its manifest."""
        spec = pod["spec"]
        images = {each["image"] for each in spec["containers"]}
        maps = (volume["configMap"]["name"] for volume in spec.get("volumes", ()) if volume["name"] == _CONFIG_VOLUME)
        return cls(
            release=next(row for row in RELEASES.values() if images & _images(row)),
            namespace=pod["metadata"]["namespace"],
            containers=frozenset(each["name"] for each in spec["containers"]),
            environment={v["name"]: v["value"] for each in spec["containers"] for v in each.get("env", ())},
            config_map=next(maps, ""),
        )


def bring(api: ApiServer, before: Installed, now: Installed) -> None:
    """Make the cluster hold what belongs to `now`; what only belonged to `before` goes."""
    wanted = dict(objects(now))
    for path in dict(objects(before)).keys() - wanted.keys():
        api.delete(path)
    for path, manifest in wanted.items():
        api.apply(path, manifest, fieldManager="helm", force="true")


def objects(stands: Installed) -> Iterator[tuple[str, Object]]:
    """Everything that `bring` makes, by its path."""
    for manifest in manifests(stands):
        path = _DAEMON_SETS if manifest["kind"] == "DaemonSet" else _DEVICE_CLASSES
        yield path.format(**manifest["metadata"]), manifest


def manifests(stands: Installed) -> Iterator[Object]:
    """The objects of both charts, and of the operator's ClusterPolicy."""
    if stands.operator is not None:
        yield from _operands(stands.operator)
    if stands.driver is not None and stands.driver.announces:
        yield from (_device_class(name, stands.driver.release) for name in stands.driver.release.device_classes)
    if stands.driver is not None and (stands.driver.announces or stands.driver.domains):
        yield _plugin(stands.driver)


def _operands(operator: Operator) -> Iterator[Object]:
    """Each part that is on; its switch is a node's label, which MIG Manager may pause."""
    release, parts = operator.release, operator.parts
    if operator.discovery:
        yield _nfd(operator)
    if operator.policy:
        yield _operand(operator, VALIDATOR, "operator-validator", image=_operator_image(release))
    if installed.GFD in parts:
        told = {STRATEGY: operator.strategy}
        yield _operand(operator, GFD, "gpu-feature-discovery", image=_gfd_image(release), told=told)
    if installed.DEVICE_PLUGIN in parts:
        told = {STRATEGY: operator.strategy}
        yield _operand(operator, DEVICE_PLUGIN, "device-plugin", image=_gfd_image(release), told=told)
    if installed.DCGM_EXPORTER in parts:
        yield _operand(operator, DCGM_EXPORTER, "dcgm-exporter", image=_operator_image(release))
    if installed.MIG_MANAGER in parts:
        yield _mig_manager(operator)


def _nfd(operator: Operator) -> Object:
    """Node Feature Discovery's worker: on every node, for it is the one that finds the GPUs."""
    its = {"app.kubernetes.io/name": "node-feature-discovery", "role": "worker"}
    pod = {
        "tolerations": list(installed.TOLERATIONS),
        "containers": [_container("worker", _operator_image(operator.release))],
    }
    return _daemon_set(operator.namespace, NFD, its, pod)


def _mig_manager(operator: Operator) -> Object:
    told = {REBOOT: str(operator.reboots).lower()}
    made = _operand(operator, MIG_MANAGER, "mig-manager", image=_mig_manager_image(operator.release), told=told)
    if operator.config_map:
        volume = {"name": _CONFIG_VOLUME, "configMap": {"name": operator.config_map}}
        made["spec"]["template"]["spec"]["volumes"] = [volume]
    return made


def _operand(
    operator: Operator, name: str, switch: str, *, image: str, told: Mapping[str, str] | None = None
) -> Object:
    pod = {
        "nodeSelector": {f"{labels.DEPLOY}{switch}": "true"},
        "tolerations": [dict(each) for each in operator.tolerations],
        "containers": [_container(name, image, told or {})],
    }
    return _daemon_set(operator.namespace, name, {"app": name}, pod)


def _plugin(driver: Driver) -> Object:
    """The DRA kubelet plugin: where there is a GPU, by the chart's own affinity, or where it was told."""
    image, told = _driver_image(driver.release), {DRIVER_ROOT: driver.root}
    names = ((GPUS, driver.announces), ("compute-domains", driver.domains))
    pod = {
        "nodeSelector": dict(driver.node_selector),
        "affinity": _where_a_gpu_is() if driver.affinity is None else dict(driver.affinity),
        "tolerations": [dict(each) for each in driver.tolerations],
        "containers": [_container(name, image, told) for name, on in names if on],
    }
    its = {driver.release.plugin_label: "kubelet-plugin"}
    return _daemon_set(driver.namespace, driver.release.plugin_daemonset, its, pod)


def _where_a_gpu_is() -> Object:
    keys = (labels.PCI_PRESENT, labels.GPU_PRESENT)
    terms = [{"matchExpressions": [{"key": key, "operator": "In", "values": ["true"]}]} for key in keys]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def _daemon_set(namespace: str, name: str, its: Mapping[str, str], pod: Mapping[str, Any]) -> Object:
    common = {"priorityClassName": "system-node-critical", "automountServiceAccountToken": False}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(its)},
        "spec": {
            "selector": {"matchLabels": dict(its)},
            "template": {"metadata": {"labels": dict(its)}, "spec": {**common, **pod}},
        },
    }


def _device_class(name: str, release: Release) -> Object:
    driver, kind = (
        f"device.driver == '{labels.DRIVER}'",
        f"device.attributes['{labels.DRIVER}'].type == '{_TYPES[name]}'",
    )
    spec: Object = {"selectors": [{"cel": {"expression": f"{driver} && {kind}"}}]}
    if name == labels.DRIVER and release.extended_resource:
        spec["extendedResourceName"] = release.extended_resource
    return {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": name}, "spec": spec}


def _container(name: str, image: str, told: Mapping[str, str] | None = None) -> Object:
    environment = [{"name": key, "value": value} for key, value in (told or {}).items()]
    return {"name": name, "image": image, **({"env": environment} if environment else {})}


def _images(release: Release) -> frozenset[str]:
    """What tells a pod's release: its image, whichever part it is of."""
    return frozenset(image(release) for image in (_operator_image, _gfd_image, _mig_manager_image, _driver_image))


def _operator_image(release: Release) -> str:
    return f"nvcr.io/nvidia/gpu-operator:{release.operator}"


def _gfd_image(release: Release) -> str:
    return f"nvcr.io/nvidia/k8s-device-plugin:{release.gfd}"


def _mig_manager_image(release: Release) -> str:
    return f"nvcr.io/nvidia/cloud-native/k8s-mig-manager:{release.mig_manager}"


def _driver_image(release: Release) -> str:
    return f"nvcr.io/nvidia/{release.dra_chart}:{release.dra_version}"
