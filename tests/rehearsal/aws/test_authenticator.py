"""A token is taken when its form, its age and its signature are those that EKS takes; the product's own is."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit

import boto3
import pytest

from rehearsal.aws.authenticator import NotTaken, User, user
from tasks.token import credential

REGION = "us-east-1"
ADA = User(name="arn:aws:iam::1:user/ada", groups=("system:masters",))


@dataclass
class Account:
    """One cluster, and one key of somebody who is let in."""

    names: tuple[str, ...] = ("other", "mig")
    keys: dict[str, str] = field(default_factory=lambda: {"AKIA1": "hush"})
    entries: dict[str, User] = field(default_factory=lambda: {"mig": ADA})

    def clusters(self) -> tuple[str, ...]:
        """By name."""
        return self.names

    def secret(self, access_key: str) -> str | None:
        """Of a key."""
        return self.keys.get(access_key)

    def admitted(self, cluster: str, _: str) -> User | None:
        """Who is let in."""
        return self.entries.get(cluster)


def token(cluster: str = "mig", *, key: str = "hush", region: str = REGION) -> str:
    """As `mig token` makes it."""
    session = boto3.Session(aws_access_key_id="AKIA1", aws_secret_access_key=key, region_name=region)
    return str(credential(session, cluster, now=datetime.now(UTC))["status"]["token"])


def changed(**parameters: str) -> str:
    """A token whose question has been changed after it was signed; an empty value takes a parameter away."""
    encoded = token().partition(".")[2]
    url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    renamed = {name.replace("_", "-"): value for name, value in parameters.items()}
    asked = {name: value for name, value in {**dict(parse_qsl(url.query)), **renamed}.items() if value}
    whole = url._replace(query=urlencode(asked)).geturl()
    return f"k8s-aws-v1.{base64.urlsafe_b64encode(whole.encode()).decode().rstrip('=')}"


def asked(told: str, account: Account | None = None, *, later: timedelta = timedelta()) -> User:
    """Whom the token makes its bearer."""
    return user(told, account or Account(), region=REGION, now=datetime.now(UTC) + later)


def test_our_own_token_is_taken() -> None:
    """Whoever holds a key of somebody with an access entry is taken for him, for a quarter of an hour."""
    assert ADA == asked(token())
    assert ADA == asked(token(), later=timedelta(minutes=14))


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        pytest.param(partial(str, "Basic YTpi"), "missing expected", id="no token of EKS's"),
        pytest.param(partial(str, "k8s-aws-v1.%%%"), "Only base64", id="no base64"),
        pytest.param(partial(str, f"k8s-aws-v1.{'a' * 5000}"), "too large", id="too large"),
        pytest.param(partial(token, region="eu-west-1"), "unexpected address", id="another region's STS"),
        pytest.param(partial(token, key="guessed"), "SignatureDoesNotMatch", id="another secret"),
        pytest.param(partial(token, "lab"), "SignatureDoesNotMatch", id="signed for another cluster"),
        pytest.param(
            partial(token, "other"), "the cluster other has no access entry", id="a cluster that lets nobody in"
        ),
        pytest.param(partial(changed, Action="AssumeRole"), "unexpected action", id="another question"),
        pytest.param(partial(changed, Role="r"), 'non-whitelisted query parameter "role"', id="one parameter more"),
        pytest.param(
            partial(changed, X_Amz_SignedHeaders="host"), "did not sign the x-k8s-aws-id", id="an unsigned cluster"
        ),
        pytest.param(partial(changed, X_Amz_Expires="901"), "invalid X-Amz-Expires", id="too long a life"),
        pytest.param(partial(changed, X_Amz_Date="today"), "error parsing X-Amz-Date", id="no date"),
        pytest.param(partial(changed, X_Amz_Date=""), "x-amz-date must be present", id="without a date"),
        pytest.param(partial(changed, X_Amz_Date="20260101T000000Z"), "is expired", id="a date long ago"),
    ],
)
def test_what_is_not_taken(told: Callable[[], str], sentence: str) -> None:
    """Anything else is refused, and the sentence says why."""
    with pytest.raises(NotTaken, match=sentence):
        asked(told())


def test_an_old_token_is_not_taken() -> None:
    """After a quarter of an hour a token is worth nothing."""
    with pytest.raises(NotTaken, match="is expired"):
        asked(token(), later=timedelta(minutes=16))


def test_nobodys_key_is_not_taken() -> None:
    """A key that the account does not know is nobody's, however well it has signed."""
    with pytest.raises(NotTaken, match="InvalidClientTokenId"):
        asked(token(), Account(keys={}))
