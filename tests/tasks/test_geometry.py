"""Promises of telling MIG Manager a geometry of our own: beside what others told it, and never instead."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from mig.errors import Failed
from mig.manifest import node_config
from mig.plan import Plan, draw
from mig.spec import read
from tasks import geometry
from tasks.connect import Site

OTHERS = {"mig-others": [{"devices": "all", "mig-enabled": True, "mig-devices": {"7g.40gb": 1}}]}
SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())


class FakeClock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        """The time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.time += seconds


class Cluster:
    """An API server with one ConfigMap at most, versioned as the real one does; others may write before us."""

    def __init__(self, *, interruptions: int = 0) -> None:
        self.there: dict[str, Any] | None = None
        self.asked: list[str] = []
        self.version = 0
        self._interruptions = interruptions

    def param_serialize(self, method: str, path: str, **details: Any) -> tuple[str, str, dict[str, Any] | None]:
        """As the official client does: what `call_api` will be given."""
        return method, path, details["body"]

    def call_api(self, method: str, path: str, body: dict[str, Any] | None, **_: Any) -> SimpleNamespace:
        """Read, create or replace."""
        self.asked.append(method)
        if method == "GET":
            return _answer(200, self.there) if self.there else _answer(404, {"message": "not found"})
        assert body is not None
        assert geometry.PATH == (path if method == "PUT" else f"{path}/{body['metadata']['name']}")
        if self._interruptions:
            self._interruptions -= 1
            self.hold({f"mig-other-{self.version}": []})
        if method == "PUT" and body["metadata"]["resourceVersion"] == str(self.version):
            return self._taken(body)
        if method == "POST" and self.there is None:
            return self._taken(body)
        return _answer(409, {"message": "the object has been modified"})

    def hold(self, configs: dict[str, Any]) -> None:
        """Take in what somebody else writes beside what is there."""
        self._taken(node_config({"version": "v1", "mig-configs": {**self.configs, **configs}}))

    @property
    def configs(self) -> dict[str, Any]:
        """What MIG Manager can be asked for."""
        found: dict[str, Any] = json.loads(self.there["data"][geometry.KEY])["mig-configs"] if self.there else {}
        return found

    def _taken(self, body: dict[str, Any]) -> SimpleNamespace:
        self.version += 1
        self.there = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        return _answer(200, self.there)


def _answer(status: int, body: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(status=status, read=json.dumps(body).encode)


def planned(*slices: str) -> Plan:
    """A plan with a workload on each slice."""
    tiny = {"kind": "train", "model": "mlp"}
    workloads = [{"name": f"w{index}", "slice": slice_, **tiny} for index, slice_ in enumerate(slices)]
    return draw(read({"name": "r", "workloads": workloads}), "r-1")


def tell(cluster: Cluster, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell MIG Manager of that cluster."""
    clock = FakeClock()
    monkeypatch.setattr(geometry, "kubernetes", lambda _: cluster)
    monkeypatch.setattr(geometry, "clock", lambda _: clock)
    geometry.tell_mig_manager(SITE, plan)


OWN = planned("4g.20gb", "1g.10gb")


def test_a_shipped_geometry_needs_no_telling(monkeypatch: pytest.MonkeyPatch) -> None:
    """What MIG Manager has ready is neither read nor written."""
    cluster = Cluster()

    tell(cluster, planned("small"), monkeypatch)

    assert [] == cluster.asked


def test_the_first_geometry_makes_the_config_map(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody told anything yet, the ConfigMap is made with the plan's own entry."""
    cluster = Cluster()

    tell(cluster, OWN, monkeypatch)

    assert [OWN.nodes[0].config_name] == list(cluster.configs)


def test_entries_of_others_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """One's own entry is added beside those of other runs, which stay as they are."""
    cluster = Cluster()
    cluster.hold(OTHERS)

    tell(cluster, OWN, monkeypatch)

    assert ["mig-others", OWN.nodes[0].config_name] == list(cluster.configs)
    assert OTHERS["mig-others"] == cluster.configs["mig-others"]


def test_telling_twice_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry is named by its content: the second run that needs it finds it."""
    cluster = Cluster()
    tell(cluster, OWN, monkeypatch)
    before = cluster.configs

    tell(cluster, OWN, monkeypatch)

    assert before == cluster.configs


@pytest.mark.parametrize("held", [{}, OTHERS], ids=["while it is made", "while it is changed"])
def test_who_writes_in_between_loses_nothing(held: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """When somebody else was faster, what they wrote is read again and kept."""
    cluster = Cluster(interruptions=2)
    if held:
        cluster.hold(held)

    tell(cluster, OWN, monkeypatch)

    assert len(held) + 2 + 1 == len(cluster.configs)
    assert {*held, OWN.nodes[0].config_name} <= set(cluster.configs)


def test_a_crowd_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """When others always write first, the run ends with the reason after two minutes."""
    with pytest.raises(Failed, match="^capacity: not within 2 minutes: another run is telling MIG Manager"):
        tell(Cluster(interruptions=1000), OWN, monkeypatch)
