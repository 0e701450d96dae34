"""What an account has and allows is observed by asking it, and what could not be asked is held against nobody."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from mig.account import Asked, Cluster, Seen
from mig.spec import RunSpec
from tasks import account, aws
from tasks.connect import Site

TYPE = "p4d.24xlarge"
SITE = Site(target="eks", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=1, simulated=())
ASKED = Asked(region="us-east-1", cluster="mig", bucket="b", instance_types=(TYPE,), raise_missing=True)


class Body:
    """What S3 streams."""

    def read(self) -> bytes:
        """A state's own version."""
        return b"version: 1\n"


class Aws:
    """An account where everything is as it should be, until something is changed."""

    def __init__(self) -> None:
        self.troubles: dict[str, Exception] = {}
        self.arn = "arn:aws:sts::1:assumed-role/admin/ada"

    def __getattr__(self, operation: str) -> Any:
        """AWS's answers."""
        answers: dict[str, Any] = {
            "get_caller_identity": {"Account": "1", "Arn": self.arn},
            "head_bucket": {},
            "get_object": {"Body": Body()},
            "get_role": {"Role": {"Arn": "arn:aws:iam::1:role/teams/admin"}},
            "get_service_quota": {"Quota": {"Value": 96.0}},
            "describe_cluster": {
                "cluster": {
                    "version": "1.35",
                    "status": "ACTIVE",
                    "accessConfig": {"authenticationMode": "API"},
                    "computeConfig": {"enabled": False},
                }
            },
            "describe_availability_zones": {
                "AvailabilityZones": [
                    {"ZoneName": f"us-east-1{letter}", "ZoneId": f"use1-az{n}"}
                    for n, letter in enumerate("abcd", start=4)
                ]
            },
            "describe_instance_type_offerings": {
                "InstanceTypeOfferings": [{"Location": "us-east-1b", "InstanceType": TYPE}]
            },
        }

        def call(**_: object) -> Any:
            if operation in self.troubles:
                raise self.troubles[operation]
            return answers[operation]

        return call


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The account."""
    made = Aws()
    for module in (account, aws):
        monkeypatch.setattr(module, "aws", lambda *_: made)
    return made


def refusing(code: str) -> ClientError:
    """AWS's answer with a code."""
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


@pytest.mark.usefixtures("there")
def test_what_is_there_is_seen() -> None:
    """Account, zones of a type, quota, cluster."""
    expected = Seen(
        account="1",
        offered={TYPE: ("us-east-1b",)},
        vcpus={"L-417A185B": 96},
        cluster=Cluster(version="1.35", status="ACTIVE", authentication="API", auto_mode=False),
    )

    assert expected == account.observe(SITE, ASKED)


@pytest.mark.parametrize(
    ("operation", "trouble", "field", "expected"),
    [
        pytest.param("get_caller_identity", NoCredentialsError(), "credentials", "NoCredentials", id="no credentials"),
        pytest.param("get_caller_identity", refusing("ExpiredToken"), "credentials", "ExpiredToken", id="expired ones"),
        pytest.param("head_bucket", refusing("404"), "bucket", "absent", id="no bucket"),
        pytest.param("head_bucket", refusing("403"), "bucket", "foreign", id="somebody else's bucket"),
        pytest.param("get_object", refusing("NoSuchKey"), "state_version", 1, id="nothing was ever raised"),
        pytest.param("describe_cluster", refusing("ResourceNotFoundException"), "cluster", None, id="no cluster"),
        pytest.param("get_service_quota", refusing("AccessDeniedException"), "vcpus", {}, id="a quota not to be asked"),
    ],
)
def test_what_is_wrong_is_seen(there: Aws, operation: str, trouble: Exception, field: str, expected: object) -> None:
    """Each answer of AWS becomes a fact, and none of them ends the look."""
    there.troubles = {operation: trouble}

    assert expected == getattr(account.observe(SITE, ASKED), field)


def test_what_is_wanted_follows_from_request_and_account(there: Aws) -> None:
    """The role of whoever asks administers the cluster, by its whole name; the zones have the type among them."""
    by_role = account.wanted(SITE, RunSpec())
    there.arn = "arn:aws:iam::1:user/ada"
    by_user = account.wanted(SITE, RunSpec())

    assert ("arn:aws:iam::1:role/teams/admin",) == by_role.administrators
    assert (there.arn,) == by_user.administrators
    assert "us-east-1b" in by_role.zones
    assert ("1", "1.35", "current") == (by_role.account, by_role.kubernetes, by_role.release)
    assert "" == by_role.kubeconfig  # only the cluster tells, once it is there
