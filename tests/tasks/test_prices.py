"""Prices are asked of AWS where the request takes place there; where they cannot be had, the dated table counts."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from mig.rates import TABLE
from mig.spec import RunSpec, read
from rehearsal.aws.price_list import products
from tasks import aws, prices
from tasks.connect import Site

SITE = Site(target="eks", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=1, simulated=())
SPEC = read({"target": "eks", "instance_types": ["p4d.24xlarge", "p5e.48xlarge"]})
DAY = datetime(2026, 11, 25, tzinfo=UTC)


class Aws:
    """An account that answers, until it does not."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.asked: list[Mapping[str, Any]] = []

    def get_products(self, **asked: Any) -> dict[str, Any]:
        """The price list, as the stage has it."""
        self._note(asked)
        return {"PriceList": [json.dumps(each) for each in products(asked["Filters"])]}

    def describe_spot_price_history(self, **asked: Any) -> dict[str, Any]:
        """Two prices of one zone, the older one last."""
        self._note(asked)
        told = {"InstanceType": "p4d.24xlarge", "AvailabilityZone": "us-east-1a"}
        return {
            "SpotPriceHistory": [
                {**told, "SpotPrice": "6.5", "Timestamp": DAY},
                {**told, "SpotPrice": "9.9", "Timestamp": DAY.replace(day=1)},
            ]
        }

    def _note(self, asked: Mapping[str, Any]) -> None:
        if self.trouble:
            raise self.trouble
        self.asked.append(asked)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The account of a request on AWS."""
    made = Aws()
    monkeypatch.setattr(aws, "aws", lambda *_: made)
    monkeypatch.setattr(prices, "account_of", lambda spec: SITE if spec.target == "eks" else None)
    return made


@pytest.mark.usefixtures("account")
def test_aws_is_asked() -> None:
    """The list's price on demand, the newest one of spot; a type without a price has none."""
    rates = prices.rates(SPEC)

    assert ({"p4d.24xlarge": 21.957642}, {("p4d.24xlarge", "us-east-1a"): 6.5}) == (rates.on_demand, rates.spot)
    assert rates.source.startswith("AWS's price list of ")


def test_spot_is_asked_only_where_it_may_be_used(account: Aws) -> None:
    """A request for nodes on demand asks for their price alone."""
    on_demand = SPEC.model_copy(update={"capacity": SPEC.capacity.model_copy(update={"markets": ("on-demand",)})})

    assert {} == prices.rates(on_demand).spot
    assert 2 == len(account.asked)


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetProducts"), id="forbidden"),
        pytest.param(EndpointConnectionError(endpoint_url="https://api.pricing"), id="away"),
    ],
)
def test_the_table_counts_where_aws_cannot_be_asked(
    account: Aws, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """One line says which prices are used instead, and why."""
    said: list[str] = []
    monkeypatch.setattr(prices, "say", said.append)
    account.trouble = trouble

    assert TABLE == prices.rates(SPEC)
    (line,) = said
    assert line.startswith("prices are those of the table of 2026-07-20, of us-east-1: ")


def test_a_rehearsal_asks_nobody(account: Aws) -> None:
    """Its prices are the table's."""
    assert TABLE == prices.rates(RunSpec())
    assert [] == account.asked
