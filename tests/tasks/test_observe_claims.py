"""Promises of looking at a whole cluster: what is published, and what anybody's claims say of it."""

from typing import Any

import pytest

from mig import labels
from tasks import kube, observe
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
OURS = f'device.driver == "{labels.DRIVER}"'

Object = dict[str, Any]


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Object]]:
    """The collections of an API server."""
    held: dict[str, list[Object]] = {
        observe.CLASSES: [
            device_class("mig-1g.5gb.nvidia.com", OURS),
            device_class("anything-small", f'device.attributes["{labels.DRIVER}"].profile == "1g.5gb"'),
            device_class("nic.example.com", 'device.driver == "nic.example.com"'),
        ]
    }
    monkeypatch.setattr(observe, "kubernetes", lambda _: None)
    monkeypatch.setattr(kube, "items", lambda _, path, **__: held[path])
    return held


def device_class(name: str, expression: str) -> Object:
    """A DeviceClass with one selector."""
    return {"metadata": {"name": name}, "spec": {"selectors": [{"cel": {"expression": expression}}]}}


def published(pool: str, *names: str, generation: int = 1) -> Object:
    """A ResourceSlice."""
    spec = {"pool": {"name": pool, "generation": generation}, "devices": [{"name": name} for name in names]}
    return {"metadata": {"name": pool}, "spec": spec}


def claim(*requests: Object, labelled: Object | None = None, **status: Any) -> Object:
    """A claim of somebody's."""
    metadata = {"name": "c", "namespace": "other", "labels": labelled or {}}
    return {"metadata": metadata, "spec": {"devices": {"requests": list(requests)}}, "status": status}


def exactly(device_class: str = "mig-1g.5gb.nvidia.com", **more: Any) -> Object:
    """A request for devices of one class."""
    return {"name": "r", "exactly": {"deviceClassName": device_class, **more}}


def given(device: str, driver: str = labels.DRIVER, **more: Any) -> Object:
    """A status that names one device."""
    return {"allocation": {"devices": {"results": [{"driver": driver, "pool": "n1", "device": device, **more}]}}}


def test_devices_are_those_of_a_pools_newest_generation(lists: dict[str, list[Object]]) -> None:
    """While a driver renews a pool its old slices are still there, and count no more."""
    lists[observe.SLICES] = [
        published("n1", "old", generation=1),
        published("n1", "a", generation=2),
        published("n1", "b", generation=2),
        published("n2", "c"),
    ]

    assert {"n1": ["a", "b"], "n2": ["c"]} == {
        pool: [each.name for each in devices] for pool, devices in observe.devices(SITE).items()
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(claim(exactly(), **given("a")), [((("n1", "a"),), ())], id="it holds one"),
        pytest.param(claim(exactly(count=2)), [((), ("1g.5gb", "1g.5gb"))], id="it waits for two"),
        pytest.param(claim(exactly("anything-small")), [((), ("anything-small",))], id="a class of somebody's own"),
        pytest.param(
            claim({"name": "r", "firstAvailable": [exactly()["exactly"], {"deviceClassName": "anything-small"}]}),
            [((), ("1g.5gb",))],
            id="of alternatives the first",
        ),
        pytest.param(claim(exactly("nic.example.com")), [], id="another driver's class"),
        pytest.param(claim(exactly(), **given("eth1", driver="nic.example.com")), [], id="another driver's device"),
        pytest.param(claim(exactly(), **given("a", adminAccess=True)), [], id="it only looks"),
        pytest.param(claim(exactly(adminAccess=True)), [], id="it wants to look only"),
    ],
)
def test_a_claim(lists: dict[str, list[Object]], said: Object, expected: list[Any]) -> None:
    """What it holds by pool and device, and what it waits for by profile; none of it, and it is not told at all."""
    lists[observe.CLAIMS] = [said]

    assert expected == [(seen.held, seen.waits_for) for seen in observe.claims(SITE)]


def test_a_claim_that_is_being_deleted_waits_for_nothing(lists: dict[str, list[Object]]) -> None:
    """It will never be given anything."""
    leaving = claim(exactly())
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    lists[observe.CLAIMS] = [leaving]

    assert () == observe.claims(SITE)


def test_a_holder_is_a_run_or_the_claim_itself(lists: dict[str, list[Object]]) -> None:
    """Ours are told by their run, a stranger's by namespace and name."""
    lists[observe.CLAIMS] = [claim(exactly(), labelled={labels.RUN: "r-1"}), claim(exactly())]

    assert ["r-1", "other/c"] == [seen.holder for seen in observe.claims(SITE)]
