"""
The work pool of our deployments: found, made, or brought to what deployments/work-pool.yaml says.

A process worker needs no more than the pool's type. What a pod is on Kubernetes stands in that file; only the image and
what else the place gives to every run are a person's to say, and stay said.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound

from flows.documents import mapping
from mig.errors import Refused

Template = Mapping[str, Any]

FILE = Path("deployments/work-pool.yaml")
"""Beside prefect.yaml."""

PoolType = Literal["process", "kubernetes"]

NAMES: Mapping[PoolType, str] = {"process": "local", "kubernetes": "cluster"}
"""The pool's name where nothing else is said: the value that its variable is given when it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What kind of pool the deployments shall have."""

    type: PoolType = "process"
    template: Template = field(default_factory=dict)
    """Of its runs, on Kubernetes; image and environment may be missing in it."""
    image: str = ""
    """Of its pods. Empty: the one that the pool has."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """For each of its runs, beside what the pool gives them already."""


def wanted(file: Path, pool_type: PoolType, *, image: str = "", env: Iterable[str] = ()) -> Wanted:
    """What a person asks for, with the template that belongs to a prefect.yaml. Raises Refused for what cannot be."""
    words = [each.partition("=") for each in env]
    environment = {name: value for name, is_said, value in words if name and is_said}
    if len(environment) < len(words):
        raise Refused("--env", "each sets one of its own", accepted="NAME=VALUE")
    if pool_type == "process":
        if image or environment:
            raise Refused("--image, --env", "a process has none", accepted="--pool-type kubernetes")
        return Wanted()
    template = mapping(file.resolve().parent / FILE, named="FILE", accepted=f"{FILE} beside it")
    return Wanted(type=pool_type, template=template, image=image, environment=environment)


def bring(prefect: SyncPrefectClient, name: str, pool: Wanted) -> None:
    """Make the pool, or bring it to what is wanted. Raises Refused for one of another type, or without an image."""
    try:
        found = prefect.read_work_pool(name)
    except ObjectNotFound:
        template = filled(pool, {})
        prefect.create_work_pool(WorkPoolCreate(name=name, type=pool.type, base_job_template=dict(template)))
        return
    if found.type != pool.type:
        accepted = (
            f"a pool of type {pool.type}: the Prefect variable names it; or `mig deploy --pool-type {found.type}`"
        )
        raise Refused("work_pool.name", f"{name} is of type {found.type}", accepted=accepted)
    if pool.type == "kubernetes":
        template = filled(pool, found.base_job_template)
        prefect.update_work_pool(name, WorkPoolUpdate(base_job_template=dict(template)))


def filled(pool: Wanted, there: Template) -> Template:
    """The template with what a person has said of the place, now or when the pool was made."""
    if pool.type == "process":
        from prefect.workers.process import ProcessWorker

        return ProcessWorker.get_default_base_job_template()
    template = deepcopy(dict(pool.template))
    image, env = (template["variables"]["properties"][name] for name in ("image", "env"))
    said = there.get("variables", {}).get("properties", {})
    image["default"] = pool.image or said.get("image", {}).get("default", "")
    if not image["default"]:
        raise Refused(
            "--image", "the pool's pods have none yet", accepted="of deployments/Dockerfile.worker, by digest"
        )
    env["default"] = {**said.get("env", {}).get("default", {}), **env["default"], **pool.environment}
    return template
