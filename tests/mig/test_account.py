"""Whether an account can carry a request: what stands in the way is one sentence, before anything is created."""

from dataclasses import replace

import pytest

from mig.account import Asked, Cluster, Seen, assumed_role, check, quota
from mig.errors import Refused

TYPE = "p4d.24xlarge"
ASKED = Asked(region="us-east-1", cluster="mig", bucket="mig-1", instance_types=(TYPE,), raise_missing=True)
CLUSTER = Cluster(version="1.35", status="ACTIVE", authentication="API", auto_mode=False)
SEEN = Seen(account="1", offered={TYPE: ("us-east-1a",)}, vcpus={"L-417A185B": 96}, cluster=CLUSTER)


REFUSED = [
    pytest.param(
        Seen(credentials="NoCredentials"),
        "AWS: there are no credentials; accepted: a profile, a role or keys that boto3's default chain finds",
        id="no credentials",
    ),
    pytest.param(
        Seen(credentials="ExpiredToken"),
        "AWS: the credentials have expired (ExpiredToken); accepted: new ones: sign in again",
        id="expired credentials",
    ),
    pytest.param(
        Seen(credentials="InvalidClientTokenId"),
        "AWS: the credentials are not accepted (InvalidClientTokenId); accepted: a profile",
        id="credentials of nobody",
    ),
    pytest.param(
        replace(SEEN, bucket="foreign"),
        "eks.state: the bucket mig-1 is not account 1's, whose the credentials are; accepted: credentials of its",
        id="credentials of another account",
    ),
    pytest.param(
        replace(SEEN, bucket="absent"),
        "eks.state: there is no bucket mig-1; accepted: the one that `mig bootstrap` makes",
        id="no bucket",
    ),
    pytest.param(
        replace(SEEN, state_version=2),
        "eks.state: the state in mig-1 is of version 2, which a newer Pulumi wrote; accepted: version 1,",
        id="a state that a newer version wrote",
    ),
    pytest.param(
        replace(SEEN, offered={}),
        "instance_types: us-east-1 does not offer p4d.24xlarge; accepted: types of that region",
        id="a region without the type",
    ),
    pytest.param(
        replace(SEEN, vcpus={"L-417A185B": 0}),
        "instance_types: the quota L-417A185B (Running On-Demand P instances) in us-east-1 is 0 vCPUs; accepted:",
        id="a quota of nothing",
    ),
    pytest.param(
        replace(SEEN, cluster=replace(CLUSTER, version="1.33")),
        "eks.cluster: mig has Kubernetes 1.33, without DRA; accepted: 1.34 or later",
        id="a cluster too old",
    ),
    pytest.param(
        replace(SEEN, cluster=replace(CLUSTER, auto_mode=True)),
        "eks.cluster: mig is in Auto Mode, where no DRA driver runs; accepted: a cluster with managed node groups",
        id="Auto Mode",
    ),
    pytest.param(
        replace(SEEN, cluster=replace(CLUSTER, authentication="CONFIG_MAP")),
        "eks.cluster: mig knows no access entries (authentication mode CONFIG_MAP); accepted: API or",
        id="a cluster that lets nobody in by access entries",
    ),
    pytest.param(
        replace(SEEN, cluster=replace(CLUSTER, status="DELETING")),
        "eks.cluster: mig is DELETING; accepted: a cluster that is ACTIVE",
        id="a cluster that goes",
    ),
]
"""Accounts that cannot carry the request, each with the sentence that says why."""


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(SEEN, id="a cluster that is there"),
        pytest.param(replace(SEEN, cluster=None), id="one that will be raised"),
        pytest.param(replace(SEEN, vcpus={}), id="a quota that could not be asked is not held against anybody"),
    ],
)
def test_an_account_that_can_carry_it(seen: Seen) -> None:
    """Nothing stands in the way."""
    check(seen, ASKED)


@pytest.mark.parametrize(("seen", "sentence"), REFUSED)
def test_what_stands_in_the_way(seen: Seen, sentence: str) -> None:
    """The sentence names what is wrong, where, and what would be accepted."""
    with pytest.raises(Refused) as refused:
        check(seen, ASKED)

    assert str(refused.value).startswith(sentence)


def test_a_cluster_that_is_not_to_be_raised() -> None:
    """A request that raises nothing needs one that is there."""
    with pytest.raises(Refused, match=r"eks\.cluster: us-east-1 has no cluster mig, and the request has none raised"):
        check(replace(SEEN, cluster=None), replace(ASKED, raise_missing=False))


def test_one_type_that_can_be_had_is_enough() -> None:
    """The request lists types by preference: it can be carried out when one of them can be had."""
    types = (TYPE, "g7e.2xlarge")
    seen = replace(SEEN, offered=dict.fromkeys(types, ("us-east-1a",)), vcpus={quota(TYPE): 0, quota(types[1]): 8})

    check(seen, replace(ASKED, instance_types=types))


@pytest.mark.parametrize(
    ("caller", "role"),
    [
        pytest.param("arn:aws:sts::1:assumed-role/admin/ada@here", "admin", id="a role's session"),
        pytest.param("arn:aws-cn:sts::1:assumed-role/admin/i-1", "admin", id="in another partition"),
        pytest.param("arn:aws:iam::1:user/ada", "", id="a user"),
    ],
)
def test_whose_session_a_caller_is(caller: str, role: str) -> None:
    """EKS lets in a role, and not one of its sessions."""
    assert role == assumed_role(caller)
