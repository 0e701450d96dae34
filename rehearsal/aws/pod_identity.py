"""EKS pod identity: which role the pods of a service account have. moto knows nothing of it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """One association; its fields are those of EKS's API."""

    cluster_name: str
    namespace: str
    service_account: str
    role_arn: str
    association_arn: str
    association_id: str
    tags: Mapping[str, str]
    created_at: datetime
    modified_at: datetime


def association(request: Mapping[str, Any], *, arn_prefix: str) -> Association:
    """What CreatePodIdentityAssociation makes; `arn_prefix` is `arn:aws:eks:REGION:ACCOUNT`."""
    now = datetime.now(UTC)
    identity = f"a-{uuid.uuid4().hex[:17]}"
    return Association(
        cluster_name=request["clusterName"],
        namespace=request["namespace"],
        service_account=request["serviceAccount"],
        role_arn=request["roleArn"],
        association_arn=f"{arn_prefix}:podidentityassociation/{request['clusterName']}/{identity}",
        association_id=identity,
        tags=request.get("tags", {}),
        created_at=now,
        modified_at=now,
    )
