"""
The calls that moto lacks or answers too simply, put where its server looks them up.

moto routes by module tables: one backend class and one table of URLs for each service. Both are replaced here, once per
process.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import moto.autoscaling.urls
import moto.ec2.urls
from moto.autoscaling.models import autoscaling_backends
from moto.autoscaling.responses import AutoScalingResponse
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import InvalidClientTokenIdError
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.responses import EC2Response
from moto.ecr.models import ecr_backends
from moto.eks.models import eks_backends
from moto.iam.access_control import IAMPolicy
from moto.iam.models import AccessKey, AWSManagedPolicy, iam_backends
from moto.kms.models import kms_backends
from moto.logs.models import logs_backends
from moto.resourcegroups.models import resourcegroups_backends
from moto.s3.models import FakeBucket, s3_backends
from moto.sts.models import STSBackend

from rehearsal.aws import eks_calls
from rehearsal.aws.account import USER, user_arn
from rehearsal.aws.eks import EksBackend

_SERVICES = (
    autoscaling_backends,
    ec2_backends,
    ecr_backends,
    eks_backends,
    iam_backends,
    kms_backends,
    logs_backends,
    resourcegroups_backends,
    s3_backends,
)
"""What the account knows of."""

_AWS_POLICIES = {
    "AmazonEBSCSIDriverPolicy": "/service-role/",
    "AmazonEC2ContainerRegistryPullOnly": "/",
    "AmazonEKSClusterPolicy": "/",
    "AmazonEKSWorkerNodePolicy": "/",
    "AmazonEKS_CNI_Policy": "/",
}
"""Of those that AWS keeps, the ones that are used here, by path: all 1,500 take moto a second to read."""

_OVER_TLS_ONLY = {"Bool": {"aws:SecureTransport": "false"}}
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC).isoformat()


class AutoScalingCalls(AutoScalingResponse):  # type: ignore[misc]  # moto has no types
    """Auto Scaling's calls."""

    def describe_scaling_activities(self) -> ActionResult:
        """What the groups tell; moto always says nothing."""
        wanted = self._get_param("AutoScalingGroupName")
        groups = self.autoscaling_backend.describe_auto_scaling_groups([wanted] if wanted else [])
        return ActionResult({"Activities": [told for group in groups for told in getattr(group, "activities", ())]})


class Ec2Calls(EC2Response):  # type: ignore[misc]  # moto has no types
    """EC2's calls."""

    def describe_capacity_reservations(self) -> ActionResult:
        """The simulated account has none."""
        return ActionResult({"CapacityReservations": []})

    def describe_spot_price_history(self) -> ActionResult:
        """What spot costs is in no table of ours, and moto's own figure is no price."""
        return ActionResult({"SpotPriceHistory": []})

    def delete_nat_gateway(self) -> ActionResult:
        """With its interface, which moto would leave behind."""
        interface = self.ec2_backend.nat_gateways[self._get_param("NatGatewayId")]._eni.id  # noqa: SLF001 (nowhere else)
        gone = super().delete_nat_gateway()
        self.ec2_backend.delete_network_interface(interface)
        return gone


def install() -> None:
    """From now on moto's server answers with these."""
    os.environ["MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS"] = "false"  # a bucket is private to its account, unless it says so
    eks_backends.backend = EksBackend
    eks_calls.install()
    moto.autoscaling.urls.url_paths = {"{0}/$": AutoScalingCalls.dispatch}
    moto.ec2.urls.url_paths = {"{0}/": Ec2Calls.dispatch}
    STSBackend.get_caller_identity = _caller
    FakeBucket.get_permission = _permission


def forget(keys: Mapping[str, str]) -> None:
    """Clear what an account before this one left in the process; its one user has these keys, secret by id."""
    for service in _SERVICES:
        service.clear()
    s3_backends.bucket_accounts.clear()
    iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    written: Mapping[str, Any] = {"CreateDate": _LONG_AGO, "UpdateDate": _LONG_AGO, "DefaultVersionId": "v1"}
    for name, path in _AWS_POLICIES.items():
        policy = AWSManagedPolicy.from_data(name, DEFAULT_ACCOUNT_ID, "aws", {**written, "Path": path, "Document": {}})
        iam.managed_policies[policy.arn] = policy
    user = iam.create_user("us-east-1", USER)
    for identity, secret in keys.items():
        key = AccessKey(USER, prefix="AKIA", account_id=DEFAULT_ACCOUNT_ID)
        key.access_key_id, key.secret_access_key = identity, secret
        user.access_keys.append(key)


def _caller(sts: STSBackend, access_key: str, *_region: str) -> tuple[str, str, str]:
    """Whose the key is: where it is nobody's, moto would answer with an ARN that AWS has not, nor EKS an entry for."""
    user = iam_backends[sts.account_id]["aws"].get_user_from_access_key_id(access_key)
    if user is None:
        raise InvalidClientTokenIdError
    return "AIDASIMULATED", user_arn(sts.account_id), sts.account_id


def _permission(bucket: FakeBucket, action: str, resource: str) -> Any:  # noqa: ANN401 (moto has no types)
    """What the bucket's policy says: loopback, which has no TLS, stands for it, and moto knows no conditions."""
    written = json.loads(bucket.policy.decode()) if bucket.policy else {"Statement": []}
    said = [each for each in written["Statement"] if each.get("Condition") != _OVER_TLS_ONLY]
    return IAMPolicy(json.dumps({**written, "Statement": said})).is_action_permitted(action, resource)
