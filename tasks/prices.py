"""What instances cost in the account that a request names: asked of AWS's price list and of EC2's spot history."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mig.errors import Failed, Temporary
from mig.rates import TABLE, Rates
from mig.spec import RunSpec
from tasks.aws import call
from tasks.connect import Site, account_of
from tasks.progress import say

_LIST_REGION = "us-east-1"
"""Where the price list of every region is asked: it is served in few."""

_PLAIN = {
    "serviceCode": "AmazonEC2",
    "productFamily": "Compute Instance",
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
"""Which of a type's many products is the one that is launched: as Karpenter asks (pkg/providers/pricing/pricing.go)."""

_SPOT_SYSTEMS = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")


def rates(spec: RunSpec) -> Rates:
    """
    What the request's instance types cost where it takes place; by the dated table in a rehearsal.

    Where AWS cannot be asked, or may not be, the table counts, and one line says so and why.
    """
    account = account_of(spec)
    if account is None:
        return TABLE
    try:
        return Rates(
            region=account.region,
            on_demand={name: usd for name in spec.instance_types if (usd := _on_demand(account, name)) is not None},
            spot=_spot(account, spec),
            source=f"AWS's price list of {datetime.now(UTC):%Y-%m-%d}",
        )
    except (Temporary, Failed) as trouble:
        say(f"prices are those of the {TABLE.source}, of {TABLE.region}: {trouble}")
        return TABLE


def _on_demand(account: Site, instance_type: str) -> float | None:
    wanted = {**_PLAIN, "regionCode": account.region, "instanceType": instance_type}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    where = replace(account, region=_LIST_REGION)
    listed = call(where, "pricing", "get_products", ServiceCode="AmazonEC2", Filters=filters)["PriceList"]
    return next((usd for product in listed for usd in _usd(json.loads(product))), None)


def _usd(product: dict[str, Any]) -> list[float]:
    """The prices of a product's terms on demand; some are 0, of what is sold otherwise."""
    terms = product["terms"].get("OnDemand", {}).values()
    prices = (each["pricePerUnit"]["USD"] for term in terms for each in term["priceDimensions"].values())
    return [usd for usd in map(float, prices) if usd > 0]


def _spot(account: Site, spec: RunSpec) -> dict[tuple[str, str], float]:
    """The newest price in each zone, where spot is asked for at all."""
    if "spot" not in spec.capacity.markets:
        return {}
    asked = {"InstanceTypes": list(spec.instance_types), "ProductDescriptions": list(_SPOT_SYSTEMS)}
    found = call(account, "ec2", "describe_spot_price_history", StartTime=datetime.now(UTC), **asked)
    newest = sorted(found["SpotPriceHistory"], key=lambda each: each["Timestamp"])
    return {(each["InstanceType"], each["AvailabilityZone"]): float(each["SpotPrice"]) for each in newest}
