"""What an AWS account is seen to have and to allow, asked before anything is created in it; judged by mig.account."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import yaml
from botocore.exceptions import ClientError

from infra.network import Zone, choose
from infra.programs import Wanted
from mig.account import STATE_VERSION, Asked, Bucket, Cluster, Seen, assumed_role, check, quota
from mig.errors import Failed, PipelineError
from mig.spec import RunSpec
from tasks.aws import Missing, call
from tasks.caller import asked_who
from tasks.connect import Site, aws, kubeconfig_before

_META = ".pulumi/meta.yaml"
"""Where a self-managed state says of which version it is (pulumi v3.259.0, backend/diy/meta.go)."""

_WHOSE: Mapping[str, Bucket] = {
    "404": "absent",
    "NoSuchBucket": "absent",
    "403": "foreign",
    "AccessDenied": "foreign",
    "301": "foreign",
}
"""By what S3 answers who asks for a bucket's head."""


def checked(site: Site, spec: RunSpec) -> Seen:
    """Look at the account, and raise Refused for what stands in the way of the request."""
    asked = Asked(
        region=site.region,
        cluster=site.cluster,
        bucket=site.bucket,
        instance_types=spec.instance_types,
        raise_missing=spec.eks.raise_missing,
    )
    seen = observe(site, asked)
    check(seen, asked)
    return seen


def observe(site: Site, asked: Asked) -> Seen:
    """One look; without credentials that hold nothing further is asked."""
    account, trouble = asked_who(aws(site, "sts"))
    if trouble:
        return Seen(credentials=trouble)
    bucket = bucket_of(site, account)
    return Seen(
        account=account,
        bucket=bucket,
        offered={
            name: tuple(zone.name for zone in zones(site, (name,)) if zone.types) for name in asked.instance_types
        },
        vcpus=_quotas(site, asked.instance_types),
        cluster=_cluster(site),
        state_version=_state_version(site) if bucket == "ours" else STATE_VERSION,
    )


def wanted(site: Site, spec: RunSpec) -> Wanted:
    """What shall stand here for a request. Raises Refused where the region cannot carry it."""
    caller = call(site, "sts", "get_caller_identity")
    return Wanted(
        cluster=site.cluster,
        region=site.region,
        account=str(caller["Account"]),
        zones=choose(zones(site, spec.instance_types), spec.instance_types),
        bucket=site.bucket,
        administrators=(_principal(site, str(caller["Arn"])),),
        reached_from=spec.eks.reached_from,
        kubernetes=spec.eks.kubernetes,
        release=spec.release,
        instance_types=spec.instance_types,
        kubeconfig=kubeconfig_before(site),
    )


def stands(site: Site) -> bool:
    """Whether the cluster is there, whoever made it."""
    try:
        call(site, "eks", "describe_cluster", name=site.cluster)
    except Missing:
        return False
    return True


def bucket_of(site: Site, account: str) -> Bucket:
    """Whose the place's bucket is: S3 answers 404 for none, 403 for another account's, 301 for another region's."""
    try:
        aws(site, "s3").head_bucket(Bucket=site.bucket, ExpectedBucketOwner=account)
    except ClientError as error:
        return _WHOSE.get(_code(error)) or _unknown(error)
    return "ours"


def zones(site: Site, instance_types: Sequence[str]) -> tuple[Zone, ...]:
    """The availability zones of the region, and which of these types each offers."""
    there = [{"Name": "zone-type", "Values": ["availability-zone"]}]
    found = call(site, "ec2", "describe_availability_zones", Filters=there)["AvailabilityZones"]
    wanted_types = [{"Name": "instance-type", "Values": list(instance_types)}]
    offers = partial(call, site, "ec2", "describe_instance_type_offerings", LocationType="availability-zone")
    offered = {(o["Location"], o["InstanceType"]) for o in offers(Filters=wanted_types)["InstanceTypeOfferings"]}
    return tuple(
        Zone(
            name=zone["ZoneName"],
            identity=zone["ZoneId"],
            types=frozenset(name for name in instance_types if (zone["ZoneName"], name) in offered),
        )
        for zone in found
    )


def _principal(site: Site, caller: str) -> str:
    """Whom an access entry lets in: the caller, or the role of its session, whose path only IAM knows."""
    role = assumed_role(caller)
    return str(call(site, "iam", "get_role", RoleName=role)["Role"]["Arn"]) if role else caller


def _quotas(site: Site, instance_types: Sequence[str]) -> dict[str, float]:
    """By code; one that this account may not ask for, or the place does not know, is left out."""
    found: dict[str, float] = {}
    for code in sorted({quota(name) for name in instance_types}):
        with suppress(PipelineError):
            answer = call(site, "service-quotas", "get_service_quota", ServiceCode="ec2", QuotaCode=code)
            found[code] = float(answer["Quota"]["Value"])
    return found


def _cluster(site: Site) -> Cluster | None:
    try:
        seen: dict[str, Any] = call(site, "eks", "describe_cluster", name=site.cluster)["cluster"]
    except Missing:
        return None
    return Cluster(
        version=seen["version"],
        status=seen["status"],
        authentication=seen.get("accessConfig", {}).get("authenticationMode", "API"),
        auto_mode=bool(seen.get("computeConfig", {}).get("enabled")),
    )


def _state_version(site: Site) -> int:
    try:
        written = call(site, "s3", "get_object", Bucket=site.bucket, Key=_META)["Body"].read()
    except Missing:  # nothing has been raised yet
        return STATE_VERSION
    return int(yaml.safe_load(written)["version"])


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def _unknown(error: ClientError) -> Bucket:
    raise Failed("aws", f"s3.head_bucket: {error.response['Error']}") from error
