"""
AWS's price list, as far as GetProducts tells of instances on demand: moto has no such service.

Its figures are the table's that plans are drawn by: prices are not what a World is for, and here nobody invents any.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mig.gpu import INSTANCE_TYPES, PRICED_REGION

_SIGNED_FOR = "/pricing/aws4_request"


def asked(environ: Mapping[str, Any]) -> bool:
    """Whether a request is for the price list."""
    return _SIGNED_FOR in environ.get("HTTP_AUTHORIZATION", "")


def answer(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """What GetProducts answers, as WSGI has it."""
    body = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
    listed = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(each) for each in products(body.get("Filters", ()))]}
    start_response("200 OK", [("Content-Type", "application/x-amz-json-1.1")])
    return [json.dumps(listed).encode()]


def products(filters: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """The products that pass the filters, with as much of each as AWS's own has and anybody here reads."""
    wanted = {each["Field"]: each["Value"] for each in filters}
    return [
        _product(kind.name, kind.usd_per_hour)
        for kind in INSTANCE_TYPES.values()
        if kind.usd_per_hour is not None
        and wanted.get("instanceType", kind.name) == kind.name
        and wanted.get("regionCode", PRICED_REGION) == PRICED_REGION
    ]


def _product(instance_type: str, usd: float) -> dict[str, Any]:
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": f"{usd:.10f}"}}
    return {
        "product": {"attributes": {"instanceType": instance_type, "regionCode": PRICED_REGION}},
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {"SKU.JRTCKXETXF": {"priceDimensions": {"SKU.JRTCKXETXF.6YS6EN2CT7": dimension}}}},
    }
