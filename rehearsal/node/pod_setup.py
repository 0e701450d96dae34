"""What a pod stands on: from its manifest to a process that can be started."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from mig.release import Release
from rehearsal import private
from rehearsal.api_server import ApiError, ApiServer, Object
from rehearsal.clock import Clock
from rehearsal.node import claims, pod_environment, pod_volumes
from rehearsal.node.claims import DRA_ERROR, Device, Devices
from rehearsal.node.container import Container, Held
from rehearsal.node.container_log import Logs
from rehearsal.node.pod_environment import CONFIG_ERROR
from rehearsal.node.pod_identity_agent import PodIdentityAgent
from rehearsal.node.runtime import Process, Runtime

_SLICES = "/apis/resource.k8s.io/v1/resourceslices"
_PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
"""`python` in a command is the one that the stage runs on: it has what the workloads need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What all pods of one node share."""

    node: str
    driver: Callable[[], Release | None]
    """The DRA driver that stands in the cluster now."""
    api: ApiServer
    runtime: Runtime
    devices: Devices
    identity: PodIdentityAgent
    logs: Logs
    clock: Clock
    folder: Path
    """Of the pods' files, each below its UID."""
    environment: Mapping[str, str]
    """What every process is told besides its manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What one pod has been given before its first container starts."""

    folder: Path
    devices: tuple[Device, ...]
    credentials: Mapping[str, str]
    """How its processes find their S3 credentials."""


def prepare(pod: Object, site: Site) -> Footing:
    """Devices, volumes, credentials. Raises Held for what is not there yet; may be called again then."""
    metadata, spec = pod["metadata"], pod["spec"]
    folder = private.folder(site.folder / metadata["uid"])
    devices = _devices(pod, site)
    site.devices.take(devices, metadata["uid"])
    pod_volumes.write_volumes(pod, folder, lambda kind, name: _look_up(kind, name, pod, site))
    account = (metadata["namespace"], spec.get("serviceAccountName", "default"))
    credentials = site.identity.environment(metadata["uid"], account, folder)
    return Footing(folder=folder, devices=devices, credentials=credentials)


def clear(pod: Object, site: Site) -> None:
    """Leave nothing of a pod's files."""
    shutil.rmtree(site.folder / pod["metadata"]["uid"], ignore_errors=True)
    site.logs.clear(owner(pod))


def owner(pod: Object) -> tuple[str, str, str]:
    """Whom a log belongs to."""
    metadata = pod["metadata"]
    return metadata["namespace"], metadata["name"], metadata["uid"]


def process(pod: Object, container: Container, footing: Footing, site: Site) -> Process:
    """What a container runs. Raises Held for what its manifest asks and is not there."""
    metadata, spec = pod["metadata"], pod["spec"]
    manifest = next(c for c in [*spec.get("initContainers", []), *spec["containers"]] if c["name"] == container.name)
    temporary = str(pod_volumes.temporary_directory(manifest, footing.folder))
    visible = claims.visible(manifest, footing.devices)
    env = {
        "PATH": _PATH,
        "HOSTNAME": metadata["name"],
        "HOME": temporary,
        "TMPDIR": temporary,
        "OMP_NUM_THREADS": str(pod_environment.threads(manifest, os.cpu_count() or 1)),
        **site.environment,
        **footing.credentials,
        **pod_environment.environment(pod, manifest, lambda kind, name: _look_up(kind, name, pod, site)),
        **({"NVIDIA_VISIBLE_DEVICES": visible} if visible else {}),
    }
    return Process(
        container_id=container.run,
        argv=pod_environment.command(manifest, env),
        folder=pod_volumes.working_directory(pod, manifest, footing.folder),
        environment=env,
        log=site.logs.path(owner(pod), container.name, container.restarts),
    )


def _devices(pod: Object, site: Site) -> tuple[Device, ...]:
    names = claims.claim_names(pod)
    if not names:
        return ()
    namespace = pod["metadata"]["namespace"]
    try:
        slices = site.api.get(_SLICES, fieldSelector=f"spec.nodeName={site.node}")["items"]
        found = {
            claim: site.api.get(f"/apis/resource.k8s.io/v1/namespaces/{namespace}/resourceclaims/{name}")
            for claim, name in names.items()
        }
    except ApiError as error:
        raise Held(DRA_ERROR, str(error)) from error
    return tuple(
        device
        for claim, content in found.items()
        for device in claims.devices(pod, claim, content, slices, site.driver())
    )


def _look_up(kind: str, name: str, pod: Object, site: Site) -> Object | None:
    try:
        return site.api.get(f"/api/v1/namespaces/{pod['metadata']['namespace']}/{kind.lower()}s/{name}")
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise Held(CONFIG_ERROR, str(error)) from error
