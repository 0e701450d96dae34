"""
A pod's files: its volumes in a private folder, and for each container a working directory in which they are mounted.

There is no root file system of a pod's own. A container's workingDir becomes a folder here, and a mount below it
becomes a link at the same place in that folder: a manifest whose processes use relative paths runs the same here and in
a container. A mount at /tmp becomes the process's TMPDIR. Read-only mounts and size limits are not enforced.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rehearsal import private
from rehearsal.api_server import Object
from rehearsal.node.container import Held
from rehearsal.node.pod_environment import CONFIG_ERROR, Lookup, data, field

MOUNT_ERROR = "FailedMount"

_TEMPORARY = PurePosixPath("/tmp")  # noqa: S108 (a path of the manifest, not of this machine)
_API_ACCESS = PurePosixPath("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod that did not decline finds a token of its service account: processes here get none."""

_MODE = 0o644


@dataclass(frozen=True, slots=True)
class File:
    """One file of a volume."""

    content: bytes
    mode: int


def write_volumes(pod: Object, folder: Path, lookup: Lookup) -> None:
    """Bring every volume of the pod to what its manifest says. Raises Held for what is not there."""
    for volume in pod["spec"].get("volumes", []):
        if _is_api_access(volume):
            continue
        place = private.folder(_volume(folder, volume["name"]))
        for path, file in contents(volume, pod, lookup).items():
            target = place / path
            private.folder(target.parent)
            private.write(target, file.content).chmod(file.mode)


def contents(volume: Object, pod: Object, lookup: Lookup) -> dict[str, File]:
    """The files that a volume starts with, by their path in it; an emptyDir starts with none."""
    if "emptyDir" in volume:
        return {}
    if "projected" in volume:
        projected = volume["projected"]
        mode = projected.get("defaultMode", _MODE)
        return {
            path: file for source in projected.get("sources", []) for path, file in _files(source, mode, pod, lookup)
        }
    source = next((kind for kind in ("configMap", "secret", "downwardAPI") if kind in volume), None)
    if source is None:
        kind = next((key for key in volume if key != "name"), "nothing")
        raise Held(MOUNT_ERROR, f"volume {volume['name']}: {kind} is not known to a rehearsal")
    return dict(_files({source: volume[source]}, volume[source].get("defaultMode", _MODE), pod, lookup))


def working_directory(pod: Object, container: Object, folder: Path) -> Path:
    """A fresh working directory with the container's mounts. Raises Held for a mount that it cannot hold."""
    root = folder / "containers" / str(container["name"])
    if root.is_symlink():
        root.unlink()
    shutil.rmtree(root, ignore_errors=True)
    links = dict(_mounts(pod, container, folder))
    if PurePosixPath() not in links:
        private.folder(root)
    for place in sorted(links):  # what holds others comes before them
        _link(root / place, links[place])
    return root


def temporary_directory(container: Object, folder: Path) -> Path:
    """What the container's process shall take for /tmp."""
    for mount in container.get("volumeMounts", []):
        if PurePosixPath(mount["mountPath"]) == _TEMPORARY:
            return _volume(folder, str(mount["name"]))
    return private.folder(folder / "temporary" / container["name"])


def _link(place: Path, target: Path) -> None:
    if not target.exists():  # a subPath that nobody has written yet
        private.folder(target)
    private.folder(place.parent)
    if place.is_symlink():  # a mount within a volume is left there by the run before this one
        place.unlink()
    place.symlink_to(target)


def _mounts(pod: Object, container: Object, folder: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    """Where in the working directory which folder is to be found."""
    home = PurePosixPath(container.get("workingDir") or "/nowhere")
    hidden = {volume["name"] for volume in pod["spec"].get("volumes", []) if _is_api_access(volume)}
    for mount in container.get("volumeMounts", []):
        path = PurePosixPath(mount["mountPath"])
        if mount["name"] in hidden or path in {_API_ACCESS, _TEMPORARY}:
            continue
        if not path.is_relative_to(home):
            said = f"its workingDir {home}" if "workingDir" in container else "a workingDir: it has none"
            raise Held(
                CONFIG_ERROR,
                f"container {container['name']} mounts {path}, which is not below {said}; "
                "a rehearsal's pods are processes, and have only their working directory to themselves",
            )
        yield path.relative_to(home), _volume(folder, mount["name"]) / mount.get("subPath", "")


def _files(source: Object, mode: int, pod: Object, lookup: Lookup) -> Iterator[tuple[str, File]]:
    if "downwardAPI" in source:
        for item in source["downwardAPI"].get("items", []):
            yield item["path"], File(field(pod, item["fieldRef"]["fieldPath"]).encode(), item.get("mode", mode))
        return
    kind, wanted = ("ConfigMap", source["configMap"]) if "configMap" in source else ("Secret", source.get("secret"))
    if wanted is None:
        return  # a token: its pod gets none here
    name = wanted.get("name") or wanted["secretName"]
    found = lookup(kind, name)
    if found is None:
        if wanted.get("optional"):
            return
        raise Held(MOUNT_ERROR, f'{kind.lower()} "{name}" not found')
    entries = data(kind, found)
    items = wanted.get("items") or [{"key": key, "path": key} for key in entries]
    for item in items:
        if item["key"] not in entries:
            raise Held(MOUNT_ERROR, f"{kind.lower()} references non-existent config key: {item['key']}")
        yield item["path"], File(entries[item["key"]], item.get("mode", mode))


def _is_api_access(volume: Object) -> bool:
    sources = volume.get("projected", {}).get("sources", [])
    return any("serviceAccountToken" in source for source in sources)


def _volume(folder: Path, name: str) -> Path:
    return folder / "volumes" / name
