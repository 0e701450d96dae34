"""
Where a run takes place, and the clients to reach it. The only file that asks which target it is on.

A `Site` is a value without secrets: it names where the secrets lie. Tasks take it and ask here for a client; what they
do with one is the same on every target.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import load_kube_config

from infra.backend import Backend
from mig.errors import Failed, Refused
from mig.spec import RunSpec
from tasks import world
from tasks.wait import PacedClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a run takes place."""

    target: str
    address: str
    """The private file with the environment a run needs to attach."""
    region: str
    bucket: str
    """Where data sets and results lie."""
    cluster: str
    """EKS's name of the cluster."""
    time_scale: float
    """How much faster than the wall's the clock of cloud and nodes runs; 1 on a real cloud."""
    simulated: tuple[str, ...]
    """What is not real here, a sentence each; empty on a real cloud."""


@contextmanager
def site(spec: RunSpec, run_id: str, *, tell: Callable[[str], None], nth: int = 1) -> Iterator[Site]:
    """
    The place where this run happens, for as long as it does; it is the nth try of its request.

    A rehearsal uses the World that `MIG_WORLD` names, or opens one and closes it at the end. Raises Refused for a
    target that cannot be run yet, Failed when the World does not open.
    """
    if spec.target != "rehearsal":
        raise Refused("target", f"{spec.target} is planned and priced, but cannot be run yet", accepted="rehearsal")
    with nullcontext(world.given()) if world.given() else world.opened(spec.rehearsal.time_scale, tell) as address:
        place = attach(address)
        if place.time_scale != spec.rehearsal.time_scale:
            scale = f"{place.time_scale:g}"
            raise Refused("rehearsal.time_scale", f"the open World's clock runs at {scale}", accepted=scale)
        world.ask("enroll", address, told=_enrolment(spec, run_id, nth))
        yield place


def standing() -> Site:
    """The place that stands without any run: the World that `MIG_WORLD` names. Raises Refused where it names none."""
    if not world.given():
        raise Refused(world.GIVEN, "names no World", accepted="the file that `mig world open` printed")
    return attach(world.given())


def attach(address: str) -> Site:
    """The place that a World's private file describes. Raises Failed when it is not there any more."""
    said = _world(address)
    environment = said["environment"]
    return Site(
        target="rehearsal",
        address=address,
        region=environment["AWS_REGION"],
        bucket=environment["MIG_BUCKET"],
        cluster=environment["MIG_CLUSTER"],
        time_scale=said["time_scale"],
        simulated=tuple(said["simulated"]),
    )


def clock(place: Site) -> PacedClock:
    """The clock on which cloud and nodes take their time."""
    return PacedClock(scale=place.time_scale)


@lru_cache(maxsize=4)
def kubernetes(place: Site) -> ApiClient:
    """A client of the cluster's API server."""
    configuration = Configuration()
    load_kube_config(config_file=_environment(place)["KUBECONFIG"], client_configuration=configuration)
    configuration.connection_pool_maxsize = 32
    return ApiClient(configuration)


@lru_cache(maxsize=16)
def aws(place: Site, service: str) -> Any:  # noqa: ANN401 (boto3 makes its clients' types at run time)
    """
    A boto3 client.

    Calls are tried once, but for S3: a capacity refusal is an answer, and EC2 dresses it as a server error that
    botocore would ask again.
    """
    environment = _environment(place)
    endpoint = environment.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environment.get("AWS_ENDPOINT_URL")
    config = Config(retries={"total_max_attempts": 5 if service == "s3" else 1, "mode": "standard"})
    if service == "s3":
        config = config.merge(Config(s3={"addressing_style": "path"}, signature_version="s3v4"))
    return boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=place.region,
    ).client(service, endpoint_url=endpoint, config=config)


def backend(place: Site) -> Backend:
    """Where Pulumi's engine, state and providers are."""
    environment = _environment(place)
    return Backend(
        url=environment["PULUMI_BACKEND_URL"],
        home=environment["PULUMI_HOME"],
        passphrase=environment["PULUMI_CONFIG_PASSPHRASE"],
        pulumi_root=environment["MIG_PULUMI_ROOT"],
        environment={name: value for name, value in environment.items() if name.startswith(("AWS_", "PULUMI_"))},
    )


@lru_cache(maxsize=4)
def _environment(place: Site) -> Mapping[str, str]:
    environment: dict[str, str] = _world(place.address)["environment"]
    return environment


def _world(address: str) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads(Path(address).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Failed("connect", f"no World at {address}: it was closed, or never opened") from error
    return said


def _enrolment(spec: RunSpec, run_id: str, nth: int) -> str:
    met = (fault for fault in spec.rehearsal.faults if not fault.tries or nth <= fault.tries)
    faults = [fault.model_dump(exclude={"tries"}) for fault in met]
    return json.dumps({"run_id": run_id, "seed": spec.rehearsal.seed, "faults": faults, "release": spec.release})
