"""Where a request takes place on AWS follows from the request and the credentials that boto3 finds."""

from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError, NoCredentialsError

from mig.errors import Refused
from mig.spec import RunSpec, read
from tasks import connect
from tasks.connect import Site

SITE = Site(target="eks", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=1, simulated=())


class Aws:
    """An account with a cluster, where nothing is wrong until something is."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.trouble = trouble

    def client(self, *_: object, **__: object) -> "Aws":
        """Any service's."""
        return self

    def get_caller_identity(self) -> dict[str, Any]:
        """Whose the credentials are."""
        return self._answer({"Account": "123"})

    def describe_cluster(self, **_: object) -> dict[str, Any]:
        """The cluster."""
        return self._answer({"cluster": {"endpoint": "https://1.eks", "certificateAuthority": {"data": "QQ=="}}})

    def _answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        if self.trouble:
            raise self.trouble
        return answer


def asked(**eks: str) -> RunSpec:
    """A request on AWS."""
    return read({"target": "eks", "eks": {"region": "eu-west-1", **eks}})


@pytest.mark.parametrize(
    ("state", "bucket"),
    [
        pytest.param("s3://mine/part", "mine", id="the one that is named"),
        pytest.param("", "mig-pipeline-123-eu-west-1", id="else that of bootstrap"),
    ],
)
def test_the_bucket(monkeypatch: pytest.MonkeyPatch, state: str, bucket: str) -> None:
    """State and results lie in one bucket, which outlives everything."""
    monkeypatch.setattr(connect, "session", lambda _: Aws())

    place = connect.standing_for(asked(state=state))

    assert (bucket, "eu-west-1", "mig", 1, ()) == (
        place.bucket,
        place.region,
        place.cluster,
        place.time_scale,
        place.simulated,
    )


def test_without_credentials_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, before anything is asked for."""
    monkeypatch.setattr(connect, "session", lambda _: Aws(NoCredentialsError()))

    with pytest.raises(Refused, match="AWS: there are no credentials"):
        connect.standing_for(asked())


def test_a_kubeconfig_is_written_from_what_eks_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """It leads to the cluster's endpoint, and holds no secret."""
    monkeypatch.setattr(connect, "aws", lambda *_: Aws())

    written = yaml.safe_load(connect.kubeconfig(SITE))

    assert "https://1.eks" == written["clusters"][0]["cluster"]["server"]
    assert "mig" == written["users"][0]["user"]["exec"]["command"]


def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what would raise it."""
    missing = ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "DescribeCluster")
    monkeypatch.setattr(connect, "aws", lambda *_: Aws(missing))

    with pytest.raises(
        Refused, match=r"eks.cluster: us-east-1 has no cluster mig; accepted: one that `mig platform up`"
    ):
        connect.kubeconfig(SITE)


def test_what_lies_in_s3_is_a_click_away() -> None:
    """On AWS in its console, where whoever looks logs in: no link opens anything by itself."""
    assert (
        "https://us-east-1.console.aws.amazon.com/s3/object/b?region=us-east-1&prefix=runs%2Fr-1%2Freport.html"
        == connect.link(SITE, "s3://b/runs/r-1/report.html")
    )


def test_a_cluster_that_is_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no address yet, and the sentence says so."""
    there = Aws()
    monkeypatch.setattr(there, "describe_cluster", lambda **_: {"cluster": {"status": "CREATING"}})
    monkeypatch.setattr(connect, "aws", lambda *_: there)

    with pytest.raises(Refused, match=r"eks.cluster: mig is CREATING; accepted: a cluster that is ACTIVE"):
        connect.kubeconfig(SITE)


def test_a_run_on_aws_takes_place_in_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """No World is opened; what would catch its nodes, and what would not, is said before there are any."""
    monkeypatch.setattr(connect, "session", lambda _: Aws())
    said: list[str] = []

    with connect.site(asked(), "r-1", tell=said.append) as place:
        assert "eks" == place.target

    (line,) = said
    assert ["`mig sweep`", "nothing inside AWS acts yet"] == [
        w for w in ("`mig sweep`", "nothing inside AWS acts yet") if w in line
    ]


def test_nodes_that_are_there_already_cannot_be_used_yet() -> None:
    """The sentence names the targets that can be run."""
    later = read({"target": "existing"})

    with (
        pytest.raises(Refused, match="target: existing is planned and priced, but cannot be run yet; accepted: "),
        connect.site(later, "r-1", tell=print),
    ):
        pass


def test_kubernetes_is_asked_by_a_token_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call carries a bearer token, and no process is started for it."""
    monkeypatch.setattr(connect, "aws", lambda *_: Aws())
    keys = {"aws_access_key_id": "AKIA1", "aws_secret_access_key": "secret"}
    monkeypatch.setattr(connect, "session", lambda region: boto3.Session(region_name=region, **keys))

    held = connect.kubernetes.__wrapped__(SITE).configuration.auth_settings()["BearerToken"]["value"]

    assert held.startswith("Bearer k8s-aws-v1.")


def test_state_is_shared_and_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the account finds the state in its bucket, and its secrets by its key."""
    monkeypatch.setattr(connect.shutil, "which", lambda _: "/opt/pulumi/bin/pulumi")

    backend = connect.backend(SITE)

    assert ("s3://b?region=us-east-1", "awskms://alias/mig-pipeline?region=us-east-1", "/opt/pulumi") == (
        backend.url,
        backend.secrets,
        backend.pulumi_root,
    )


def test_without_an_engine_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what is missing on PATH."""
    monkeypatch.setattr(connect.shutil, "which", lambda _: None)

    with pytest.raises(Refused, match="PATH: there is no Pulumi engine on it; accepted: pulumi, of version 3.259"):
        connect.backend(SITE)
