"""
Where a run takes place, and the clients to reach it. The only file that asks which target it is on.

A `Site` is a value without secrets: it names where the secrets lie. Tasks take it and ask here for a client; what they
do with one is the same on every target.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import load_kube_config_from_dict

from infra.backend import Backend
from mig import labels
from mig.account import bucket_name, no_credentials
from mig.errors import Failed, Refused
from mig.kubeconfig import kubeconfig as write_kubeconfig
from mig.sections import Where
from mig.spec import RunSpec
from tasks import world
from tasks.caller import asked_who
from tasks.token import Bearer
from tasks.wait import PacedClock

LINK_SECONDS = 7 * 24 * 3600
"""The longest that S3 lets a signed address be valid."""
NETS = (
    "on AWS: the run takes its nodes down when it ends, automations of Prefect's when it was cancelled or fell silent, "
    "`mig sweep` when its lease has lapsed; nothing inside AWS acts yet when all of these are dead"
)
"""What catches nodes that are billed, said before there are any."""


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
    if spec.target == "existing":
        why = "existing is planned and priced, but cannot be run yet"
        raise Refused("target", why, accepted="rehearsal, eks")
    if spec.target == "eks":
        tell(NETS)
        yield on_eks(spec)
        return
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


def standing_for(where: RunSpec | Where) -> Site:
    """The place that a request names and that stands without any run."""
    return on_eks(where) if where.target == "eks" else standing()


def on_eks(where: RunSpec | Where) -> Site:
    """The place on AWS that a request names; whether the account can carry it is looked at by tasks.account."""
    eks = where.eks
    bucket = eks.state.removeprefix("s3://").partition("/")[0]
    if not bucket:
        account, trouble = asked_who(session(eks.region).client("sts"))
        if trouble:
            raise no_credentials(trouble)
        bucket = bucket_name(account, eks.region)
    return Site(
        target="eks",
        address="",
        region=eks.region,
        bucket=bucket,
        cluster=eks.cluster,
        time_scale=1,
        simulated=(),
    )


def named_subnets(place: Site, spec: RunSpec) -> tuple[str, ...]:
    """Those that a request names for its nodes here; none: the cluster's own."""
    return spec.eks.subnets if place.target == "eks" else ()


def account_of(spec: RunSpec) -> Site | None:
    """The account whose prices a request is held to, before anything is looked at in it; None: a World's has none."""
    return on_eks(spec) if spec.target == "eks" else None


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
    configuration, way = Configuration(), yaml.safe_load(kubeconfig(place))
    if place.target == "eks":
        # The same token as `mig token` makes, without a process for each: every thread of a run would start one.
        way["users"][0]["user"] = {}
        bearer = Bearer(session(place.region), place.cluster)
        bearer(configuration)
        configuration.refresh_api_key_hook = bearer
    load_kube_config_from_dict(way, client_configuration=configuration)
    configuration.connection_pool_maxsize = 32
    return ApiClient(configuration)


def kubeconfig(place: Site) -> str:
    """
    What leads to the cluster's API server: its content, without a secret on AWS.

    Raises Refused where the cluster is not there.
    """
    if place.target != "eks":
        return Path(_environment(place)["KUBECONFIG"]).read_text(encoding="utf-8")
    try:
        seen = aws(place, "eks").describe_cluster(name=place.cluster)["cluster"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise Failed("connect", f"eks.describe_cluster: {error.response['Error']}") from error
        why = f"{place.region} has no cluster {place.cluster}"
        raise Refused("eks.cluster", why, accepted="one that `mig platform up` has raised") from error
    if "endpoint" not in seen:  # while EKS makes it, it has none
        raise Refused("eks.cluster", f"{place.cluster} is {seen['status']}", accepted="a cluster that is ACTIVE")
    authority = seen["certificateAuthority"]["data"]
    written = write_kubeconfig(place.cluster, place.region, endpoint=seen["endpoint"], certificate_authority=authority)
    return yaml.safe_dump(written, sort_keys=False)


def kubeconfig_before(place: Site) -> str:
    """What leads to a cluster that may not be there yet; empty on AWS, where only the cluster itself tells."""
    return "" if place.target == "eks" else kubeconfig(place)


@lru_cache(maxsize=16)
def aws(place: Site, service: str) -> Any:  # noqa: ANN401 (boto3 makes its clients' types at run time)
    """
    A boto3 client.

    Calls are tried once, but for S3: a capacity refusal is an answer, and EC2 dresses it as a server error that
    botocore would ask again.
    """
    config = Config(retries={"total_max_attempts": 5 if service == "s3" else 1, "mode": "standard"})
    if place.target == "eks":
        return session(place.region).client(service, config=config)
    environment = _environment(place)
    endpoint = environment.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environment.get("AWS_ENDPOINT_URL")
    if service == "s3":
        config = config.merge(Config(s3={"addressing_style": "path"}, signature_version="s3v4"))
    return _monitored(place).client(service, endpoint_url=endpoint, config=config)


@cache  # and never let go: what it tells the World by is a socket
def _monitored(place: Site) -> boto3.Session:
    """With the World's credentials, and telling it each call: what would have to be allowed on AWS."""
    environment = _environment(place)
    core = Session()
    for name, value in environment.items():
        if name.startswith("AWS_CSM_"):
            core.set_config_variable(name.removeprefix("AWS_").lower(), value)
    return boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=place.region,
        botocore_session=core,
    )


def link(place: Site, address: str) -> str:
    """
    What a browser follows to an `s3://` address, for whoever looks at a run.

    On AWS that is the console, which knows who may look. In a rehearsal the address is signed, for as long as that can
    last: its S3 has no pages, and ends with its World.
    """
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if place.target == "eks":
        asked = urlencode({"region": place.region, "prefix": key})
        return f"https://{place.region}.console.aws.amazon.com/s3/object/{bucket}?{asked}"
    what = {"Bucket": bucket, "Key": key}
    return str(aws(place, "s3").generate_presigned_url("get_object", Params=what, ExpiresIn=LINK_SECONDS))


def session(region: str) -> boto3.Session:
    """Whatever credentials boto3's default chain finds: environment, profile, web identity, pod, instance."""
    return boto3.Session(region_name=region)


def backend(place: Site) -> Backend:
    """Where Pulumi's engine, state and providers are."""
    if place.target == "eks":
        return _shared_backend(place)
    environment = _environment(place)
    return Backend(
        url=environment["PULUMI_BACKEND_URL"],
        home=environment["PULUMI_HOME"],
        passphrase=environment["PULUMI_CONFIG_PASSPHRASE"],
        pulumi_root=environment["MIG_PULUMI_ROOT"],
        environment={name: value for name, value in environment.items() if name.startswith(("AWS_", "PULUMI_"))},
    )


def _shared_backend(place: Site) -> Backend:
    """State in the bucket that outlives everything, its secrets by a KMS key: who has the account finds it there."""
    engine = shutil.which("pulumi")
    if engine is None:
        raise Refused("PATH", "there is no Pulumi engine on it", accepted="pulumi, of version 3.259 or later")
    return Backend(
        url=f"s3://{place.bucket}?region={place.region}",
        home=str(Path("~/.cache/mig-pipeline/pulumi").expanduser()),
        passphrase="",
        pulumi_root=str(Path(engine).resolve().parents[1]),
        # The kubernetes provider asks `mig token`, which whoever runs .venv/bin/mig need not have on PATH.
        environment={
            "AWS_REGION": place.region,
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        },
        secrets=f"awskms://{labels.STATE_KEY}?region={place.region}",
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
    return json.dumps({"run_id": run_id, "seed": spec.rehearsal.seed, "faults": faults})
