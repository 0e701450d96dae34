"""
Whether an account can carry what is asked of it: a judge over what was observed there, before anything is created.

It refuses with the first thing that is wrong, in one sentence that names the field, or the command that helps.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mig.errors import Refused
from mig.gpu import INSTANCE_TYPES
from mig.spec import OLDEST_KUBERNETES

STATE_VERSION = 1
"""Of a self-managed state, in its `.pulumi/meta.yaml`: pulumi v3.259.0 writes and reads 1 (backend/diy/meta.go)."""

Bucket = Literal["ours", "absent", "foreign"]

_NO_CREDENTIALS = "NoCredentials"
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})

_QUOTAS: Mapping[str, tuple[str, str]] = {
    "p": ("L-417A185B", "Running On-Demand P instances"),
    "g": ("L-DB2E81BA", "Running On-Demand G and VT instances"),
}
"""Service Quotas' codes, by the first letter of a type; counted in vCPUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster that is there."""

    version: str
    status: str
    authentication: str
    """`API`, `API_AND_CONFIG_MAP` or `CONFIG_MAP`."""
    auto_mode: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request needs of its account."""

    region: str
    cluster: str
    bucket: str
    instance_types: tuple[str, ...]
    raise_missing: bool
    """Whether a cluster that is not there is raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was observed; what could not be asked, because something before it failed, is as empty as it comes."""

    credentials: str = ""
    """AWS's code of what is wrong with them, `NoCredentials` where there are none; empty: they hold."""
    account: str = ""
    bucket: Bucket = "ours"
    offered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Zones of the region that offer a type; a type that none offers is not there."""
    vcpus: Mapping[str, float] = field(default_factory=dict)
    """Quotas by Service Quotas' code; one that could not be asked is not there."""
    cluster: Cluster | None = None
    state_version: int = STATE_VERSION


def check(seen: Seen, asked: Asked) -> None:
    """Raise Refused for the first thing that stands in the way; in the order in which one would mend it."""
    if seen.credentials:
        raise no_credentials(seen.credentials)
    _check_state(seen, asked)
    _check_types(seen, asked)
    _check_cluster(seen.cluster, asked)


def quota(instance_type: str) -> str:
    """Service Quotas' code of the vCPUs that on-demand instances of a type are counted in."""
    return _QUOTAS[instance_type[0]][0]


def bucket_name(account: str, region: str) -> str:
    """The bucket of state and results that `mig bootstrap` makes where no other is named."""
    return f"mig-pipeline-{account}-{region}"


def assumed_role(caller: str) -> str:
    """The role whose session a caller is, by STS's ARN, in which the role's path is missing; empty: it is no role's."""
    session = re.fullmatch(r"arn:aws[a-z-]*:sts::\d+:assumed-role/([^/]+)/.+", caller)
    return session[1] if session else ""


def no_credentials(code: str) -> Refused:
    """What is said of credentials that do not hold."""
    helps = "a profile, a role or keys that boto3's default chain finds"
    if code == _NO_CREDENTIALS:
        return Refused("AWS", "there are no credentials", accepted=helps)
    if code in _EXPIRED:
        return Refused("AWS", f"the credentials have expired ({code})", accepted="new ones: sign in again")
    return Refused("AWS", f"the credentials are not accepted ({code})", accepted=helps)


def _check_state(seen: Seen, asked: Asked) -> None:
    if seen.bucket == "absent":
        raise Refused("eks.state", f"there is no bucket {asked.bucket}", accepted="the one that `mig bootstrap` makes")
    if seen.bucket == "foreign":
        why = f"the bucket {asked.bucket} is not account {seen.account}'s, whose the credentials are"
        raise Refused("eks.state", why, accepted="credentials of its account, or a bucket of this one")
    if seen.state_version > STATE_VERSION:
        why = f"the state in {asked.bucket} is of version {seen.state_version}, which a newer Pulumi wrote"
        raise Refused("eks.state", why, accepted=f"version {STATE_VERSION}, or a newer mig-pipeline")


def _check_types(seen: Seen, asked: Asked) -> None:
    offered = [name for name in asked.instance_types if seen.offered.get(name)]
    if not offered:
        named = ", ".join(asked.instance_types)
        raise Refused("instance_types", f"{asked.region} does not offer {named}", accepted="types of that region")
    short = [name for name in offered if _vcpus(seen, name) < INSTANCE_TYPES[name].vcpus]
    if len(short) == len(offered):
        code, words = _QUOTAS[short[0][0]]
        needed = min(INSTANCE_TYPES[name].vcpus for name in short)
        why = f"the quota {code} ({words}) in {asked.region} is {_vcpus(seen, short[0]):g} vCPUs"
        raise Refused("instance_types", why, accepted=f"{needed} or more: docs/eks.md says how to ask for it")


def _vcpus(seen: Seen, instance_type: str) -> float:
    """A quota that could not be asked is not held against anybody."""
    return seen.vcpus.get(quota(instance_type), float("inf"))


def _check_cluster(cluster: Cluster | None, asked: Asked) -> None:
    at = "eks.cluster"
    if cluster is None:
        if not asked.raise_missing:
            why = f"{asked.region} has no cluster {asked.cluster}, and the request has none raised"
            raise Refused(at, why, accepted="a cluster that is there, or eks.raise_missing: true")
        return
    oldest = ".".join(map(str, OLDEST_KUBERNETES))
    if tuple(map(int, cluster.version.split("."))) < OLDEST_KUBERNETES:
        raise Refused(
            at, f"{asked.cluster} has Kubernetes {cluster.version}, without DRA", accepted=f"{oldest} or later"
        )
    if cluster.auto_mode:
        why = f"{asked.cluster} is in Auto Mode, where no DRA driver runs"
        raise Refused(at, why, accepted="a cluster with managed node groups")
    if cluster.authentication == "CONFIG_MAP":
        why = f"{asked.cluster} knows no access entries (authentication mode CONFIG_MAP)"
        raise Refused(at, why, accepted="API or API_AND_CONFIG_MAP")
    if cluster.status in {"DELETING", "FAILED"}:
        raise Refused(at, f"{asked.cluster} is {cluster.status}", accepted="a cluster that is ACTIVE")
