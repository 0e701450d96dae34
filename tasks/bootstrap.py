"""
What an account needs once in a region before anything else: a bucket for state and results, a key for state's secrets.

They stand outside every stack, and nothing of ours deletes them: who takes down a cluster keeps its results, and finds
its state from anywhere. Every step looks first, so that it may be done again and again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mig import labels
from mig.account import bucket_name
from mig.errors import Failed, Refused
from tasks.account import bucket_of
from tasks.aws import Missing, call
from tasks.connect import Site

COSTS = "1.00 USD a month for the key, and 0.023 USD a month for each GB in the bucket (list prices of us-east-1)"
"""aws.amazon.com/kms/pricing, aws.amazon.com/s3/pricing; requests cost besides, by the thousand."""

_OLD_VERSION_DAYS = 30
"""For so long a state or result that was overwritten can be had back."""

_UPLOAD_DAYS = 7
"""After so many days an upload that was never ended is thrown away: until then its parts are paid for, unseen."""

_TAG = {"Key": labels.TAG_OWNER, "Value": labels.OWNER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that an account has now."""

    what: str
    made: bool
    """Just now; else it was there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What bootstrap leaves."""

    parts: tuple[Part, ...]
    state: str
    """The address that a request names as `eks.state`."""


def site(region: str, bucket: str) -> Site:
    """Account and region by the credentials that boto3 finds; no bucket means the one whose name follows from both."""
    place = Site(target="eks", address="", region=region, bucket=bucket, cluster="", time_scale=1, simulated=())
    if bucket:
        return place
    account = call(place, "sts", "get_caller_identity")["Account"]
    return replace(place, bucket=bucket_name(account, region))


def prepare(place: Site) -> Prepared:
    """Make what is missing. Raises Refused when the bucket's name is somebody else's."""
    bucket, key = _bucket(place), _key(place)
    return Prepared(parts=(bucket, key), state=f"s3://{place.bucket}")


def _bucket(place: Site) -> Part:
    made = not _is_ours(place)
    if made:
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": place.region}}
        _s3(place, "create_bucket", **({} if place.region == "us-east-1" else elsewhere))
    for operation, settings in _SETTINGS.items():
        _s3(place, operation, **settings)
    _s3(place, "put_bucket_policy", Policy=json.dumps(_encrypted_on_the_way(place.bucket)))
    return Part(
        what=f"bucket {place.bucket}: private, encrypted, versioned; old versions go after {_OLD_VERSION_DAYS} days",
        made=made,
    )


def _is_ours(place: Site) -> bool:
    """Whether it is there already. Raises Refused where its name is somebody else's."""
    whose = bucket_of(place, str(call(place, "sts", "get_caller_identity")["Account"]))
    if whose == "foreign":
        why = f"{place.bucket} is a bucket of somebody else, or of another region"
        raise Refused("--bucket", why, accepted="a name that is nobody's yet")
    return whose == "ours"


def _key(place: Site) -> Part:
    what = f"key {labels.STATE_KEY}: encrypts the secrets in Pulumi's state, renewed every year"
    try:
        state = call(place, "kms", "describe_key", KeyId=labels.STATE_KEY)["KeyMetadata"]["KeyState"]
    except Missing:
        pass
    else:
        if state != "Enabled":
            raise Failed("bootstrap", f"the key {labels.STATE_KEY} is {state}: cancel its deletion, or enable it")
        return Part(what=what, made=False)
    tag = {"TagKey": labels.TAG_OWNER, "TagValue": labels.OWNER}
    made = call(place, "kms", "create_key", Description="Secrets in the Pulumi state of mig-pipeline", Tags=[tag])
    identity = made["KeyMetadata"]["KeyId"]
    call(place, "kms", "enable_key_rotation", KeyId=identity)
    call(place, "kms", "create_alias", AliasName=labels.STATE_KEY, TargetKeyId=identity)
    return Part(what=what, made=True)


def _s3(place: Site, operation: str, **settings: object) -> Mapping[str, Any]:
    return call(place, "s3", operation, Bucket=place.bucket, **settings)


def _encrypted_on_the_way(bucket: str) -> Mapping[str, Any]:
    """Nobody speaks to it in clear."""
    arn = f"arn:aws:s3:::{bucket}"
    in_clear = {"Bool": {"aws:SecureTransport": "false"}}
    refused = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    return {"Version": "2012-10-17", "Statement": [{**refused, "Condition": in_clear}]}


_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "put_public_access_block": {
        "PublicAccessBlockConfiguration": dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
    },
    "put_bucket_encryption": {
        "ServerSideEncryptionConfiguration": {
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        }
    },
    "put_bucket_versioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    "put_bucket_lifecycle_configuration": {
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "ID": "leftovers",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": _OLD_VERSION_DAYS},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _UPLOAD_DAYS},
                }
            ]
        }
    },
    "put_bucket_tagging": {"Tagging": {"TagSet": [_TAG]}},
}
"""What is set each time: the same again changes nothing."""
