"""Promises of the one place where AWS's answers become ours."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

from mig.errors import Failed, PipelineError, Temporary
from tasks import aws
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())


def refusing(code: str) -> ClientError:
    """AWS's answer with a code."""
    return ClientError({"Error": {"Code": code, "Message": "in its own words"}}, "DescribeCluster")


def asked(monkeypatch: pytest.MonkeyPatch, answer: Any) -> Any:
    """One call, answered so."""

    def describe_cluster(**parameters: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return {**answer, "asked": parameters}

    monkeypatch.setattr(
        aws, "aws", lambda _, service: {"eks": SimpleNamespace(describe_cluster=describe_cluster)}[service]
    )
    return aws.call(SITE, "eks", "describe_cluster", name="mig")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("ThrottlingException", Temporary, id="who is throttled asks again"),
        pytest.param("Throttling", Temporary, id="who is throttled by an older API asks again"),
        pytest.param("RequestLimitExceeded", Temporary, id="who is throttled by EC2 asks again"),
        pytest.param("SlowDown", Temporary, id="who is throttled by S3 asks again"),
        pytest.param("TooManyRequestsException", Temporary, id="too many requests are asked again"),
        pytest.param("ServiceUnavailable", Temporary, id="a service that is away is asked again"),
        pytest.param("InternalError", Temporary, id="AWS's own trouble passes"),
        pytest.param("ResourceInUseException", Temporary, id="what is being changed can be changed later"),
        pytest.param("ResourceNotFoundException", aws.Missing, id="a cluster that is not there is missing"),
        pytest.param("NoSuchEntity", aws.Missing, id="a role that is not there is missing"),
        pytest.param("NoSuchKey", aws.Missing, id="an object that is not there is missing"),
        pytest.param("404", aws.Missing, id="an object that is not there is missing also to HEAD"),
        pytest.param("InvalidLaunchTemplateName.NotFound", aws.Missing, id="EC2 says it with a suffix"),
        pytest.param("AccessDeniedException", Failed, id="a missing right does not come by waiting"),
        pytest.param("UnauthorizedOperation", Failed, id="a missing right of EC2 does not come by waiting"),
        pytest.param("InvalidParameterException", Failed, id="what is wrong stays wrong"),
        pytest.param("NotHeardOf", Failed, id="an unknown code is not guessed at"),
        pytest.param("NotFoundInAnyTable", Failed, id="a code that only begins like one is unknown"),
    ],
)
def test_every_refusal_is_one_of_ours_by_its_code(
    code: str, expected: type[PipelineError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code alone says whether to ask again, whether it is missing, or whether the run has failed."""
    with pytest.raises(PipelineError) as refused:
        asked(monkeypatch, refusing(code))

    assert expected is type(refused.value)


def test_a_refusal_names_call_code_and_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person reads what was asked, and AWS's own words."""
    with pytest.raises(Failed, match="^aws: eks.describe_cluster: AccessDenied: in its own words$"):
        asked(monkeypatch, refusing("AccessDenied"))


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), id="no connection"),
        pytest.param(NoCredentialsError(), id="no credentials"),
    ],
)
def test_no_answer_is_trouble_that_may_pass(error: BotoCoreError, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where AWS did not answer at all, the call may be made again after a delay."""
    with pytest.raises(Temporary, match="^AWS did not answer eks.describe_cluster: ") as trouble:
        asked(monkeypatch, error)

    assert aws.DELAY == trouble.value.delay


def test_errors_of_the_library_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks for the cause finds boto3's own error."""
    error = refusing("AccessDenied")

    with pytest.raises(Failed) as refused:
        asked(monkeypatch, error)

    assert error is refused.value.__cause__


def test_an_answer_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What AWS answers is returned, and parameters go to it as they were given."""
    assert {"cluster": {}, "asked": {"name": "mig"}} == asked(monkeypatch, {"cluster": {}})
