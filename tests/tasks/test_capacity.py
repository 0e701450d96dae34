"""Promises of asking AWS for the offers of a plan, one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mig.errors import Failed, NoCapacity
from mig.notice import Notice
from mig.offer import GpuNodes, Offer
from mig.plan import Plan, draw
from mig.spec import RunSpec, read
from tasks import aws, capacity
from tasks.connect import Site

SITE = Site(target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
SPEC = read({
    "name": "r",
    "workloads": [{"name": "small", "kind": "train", "model": "mlp", "slice": "small"}],
    "capacity": {"markets": ["spot", "on-demand"], "zones": ["us-east-1a"]},
})  # fmt: skip
PLAN = draw(SPEC, "r-1")

LAUNCHED = ("Successful", "Launching a new EC2 instance")
LAUNCHING = ("PreInService", "")
REFUSED = "Could not launch On-Demand Instances. {} - {} Launching EC2 instance failed."
SHORT = ("Failed", REFUSED.format("InsufficientInstanceCapacity", "There is none."))
DENIED = ("Failed", REFUSED.format("UnauthorizedOperation", "You may not."))

Activities = Sequence[tuple[str, str]]
"""Status and message of each activity of one group."""


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


class Account:
    """An account whose answers to each attempt are known, group by group; it remembers what was done in which order."""

    def __init__(self, *attempts: Mapping[str, Activities]) -> None:
        self._attempts = attempts
        self._now: Mapping[str, Activities] = {}
        self.done: list[str] = []

    def make_groups(self, _: Site, __: RunSpec, ___: Plan, offer: Offer, attempt: int) -> tuple[str, ...]:
        """The groups of one attempt."""
        self._now = self._attempts[attempt - 1]
        self.done.append(f"make {offer.market}")
        return tuple(self._now)

    def subnets(self, *_: object) -> dict[str, str]:
        """Where the cluster has some: not in the first zone of the region."""
        return {"us-east-1b": "subnet-b", "us-east-1d": "subnet-d"}

    def scale(self, _: Site, group: str, nodes: int) -> None:
        """Ask for nodes."""
        self.done.append(f"scale {group} to {nodes}")

    def drop_attempt(self, _: Site, run_id: str, attempt: int) -> None:
        """Destroy an attempt."""
        self.done.append(f"drop {run_id}-{attempt}")

    def describe_nodegroup(self, *, clusterName: str, nodegroupName: str) -> dict[str, Any]:  # noqa: N803 (AWS's names)
        """One group of one node, as EKS describes it."""
        assert SITE.cluster == clusterName
        resources = {"autoScalingGroups": [{"name": f"asg-{nodegroupName}"}]}
        return {"nodegroup": {"scalingConfig": {"maxSize": 1}, "resources": resources}}

    def describe_scaling_activities(self, *, AutoScalingGroupName: str) -> dict[str, Any]:  # noqa: N803 (AWS's name)
        """What Auto Scaling did for a group."""
        activities = self._now[AutoScalingGroupName.removeprefix("asg-")]
        return {"Activities": [{"StatusCode": status, "StatusMessage": said} for status, said in activities]}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Nothing takes time, and MIG Manager knows the plan's geometry."""
    made = FakeClock()
    monkeypatch.setattr(capacity, "clock", lambda _: made)
    monkeypatch.setattr(capacity, "tell_mig_manager", lambda *_: None)
    return made


def acquire(account: Account, monkeypatch: pytest.MonkeyPatch, spec: RunSpec = SPEC) -> GpuNodes:
    """Ask that account for the plan's nodes."""
    monkeypatch.setattr(aws, "aws", lambda *_: account)
    monkeypatch.setattr(capacity, "provision", account)
    nodes: GpuNodes = capacity.acquire.fn(SITE, spec, PLAN)
    return nodes


def test_zones_that_nobody_names_are_the_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cluster has no subnet nothing is asked for."""
    everywhere = read({"capacity": {"markets": ["on-demand"]}})
    account = Account({"g1": [SHORT]}, {"g1": [LAUNCHED]})

    nodes = acquire(account, monkeypatch, everywhere)

    assert ["on-demand p4d.24xlarge us-east-1b", "on-demand p4d.24xlarge us-east-1d"] == [t.rung for t in nodes.tried]


def test_the_first_offer_that_holds_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes carry the offer, the groups and the stack they came with; nothing further is asked for."""
    account = Account({"g1": [LAUNCHED]})

    nodes = acquire(account, monkeypatch)

    assert ("spot p4d.24xlarge us-east-1a", ("g1",), "r-1-1", 1) == (
        nodes.offer.rung,
        nodes.node_groups,
        nodes.stack,
        nodes.expected,
    )
    assert ["make spot", "scale g1 to 1"] == account.done


def test_a_refused_attempt_is_gone_before_the_next_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two attempts never exist side by side."""
    account = Account({"g1": [SHORT]}, {"g2": [LAUNCHED]})

    acquire(account, monkeypatch)

    assert ["make spot", "scale g1 to 1", "drop r-1-1", "make on-demand", "scale g2 to 1"] == account.done


def test_what_was_tried_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes remember every offer that was asked, in order, with AWS's code and sentence."""
    nodes = acquire(Account({"g1": [SHORT]}, {"g2": [LAUNCHED]}), monkeypatch)

    assert [
        ("spot p4d.24xlarge us-east-1a", "refused", "InsufficientInstanceCapacity", "There is none."),
        ("on-demand p4d.24xlarge us-east-1a", "held", "", ""),
    ] == [(tried.rung, tried.outcome, tried.code, tried.reason) for tried in nodes.tried]


def test_each_answer_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for an event hears of a refusal when it comes, and of the offer that holds."""
    told: list[Notice] = []
    monkeypatch.setattr(capacity, "announce", lambda notice, **_: told.append(notice))

    acquire(Account({"g1": [SHORT]}, {"g2": [LAUNCHED]}), monkeypatch)

    assert [
        ("mig.capacity.refused", "spot p4d.24xlarge us-east-1a", "on-demand p4d.24xlarge us-east-1a"),
        ("mig.capacity.granted", "on-demand p4d.24xlarge us-east-1a", None),
    ] == [(each.event, each.payload["rung"], each.payload.get("next_rung")) for each in told]


def test_no_offer_left_is_no_capacity(monkeypatch: pytest.MonkeyPatch) -> None:
    """When every offer is refused all are told, and the last attempt is gone as well."""
    account = Account({"g1": [SHORT]}, {"g2": [SHORT]})

    with pytest.raises(NoCapacity) as refused:
        acquire(account, monkeypatch)

    assert ["refused", "refused"] == [tried.outcome for tried in refused.value.tried]
    assert "drop r-1-2" == account.done[-1]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        pytest.param({"a": [LAUNCHED], "b": [LAUNCHED]}, ["held"], id="all launched: it holds"),
        pytest.param({"a": [LAUNCHED], "b": [SHORT]}, ["refused", "held"], id="one is short: the offer is refused"),
        pytest.param({"a": [SHORT], "b": [LAUNCHED]}, ["refused", "held"], id="the other is short: the same"),
        pytest.param({"a": [SHORT], "b": [SHORT]}, ["refused", "held"], id="both are short: the same"),
        pytest.param(
            {"a": [LAUNCHING], "b": [SHORT]}, ["refused", "held"], id="one is short: the other is not awaited"
        ),
    ],
)
def test_several_groups_are_one_offer(
    groups: Mapping[str, Activities], expected: list[str], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An offer holds when all its groups do, and is refused as soon as one is."""
    nodes = acquire(Account(groups, {"next": [LAUNCHED]}), monkeypatch)

    assert expected == [tried.outcome for tried in nodes.tried]
    assert 0 == clock.time


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param({"a": [DENIED]}, id="alone"),
        pytest.param({"a": [LAUNCHED], "b": [DENIED]}, id="beside one that launched"),
        pytest.param({"a": [SHORT], "b": [DENIED]}, id="beside one that is short"),
        pytest.param({"a": [LAUNCHING], "b": [DENIED]}, id="beside one under way"),
    ],
)
def test_a_missing_right_is_no_shortage(groups: Mapping[str, Activities], monkeypatch: pytest.MonkeyPatch) -> None:
    """What asking elsewhere would only hide ends the run, whatever the other groups came to."""
    with pytest.raises(Failed, match="^capacity: .*UnauthorizedOperation"):
        acquire(Account(groups), monkeypatch)


def test_an_offer_that_never_answers_is_given_up(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A launch that neither succeeds nor fails ends the run at its deadline, by the cloud's own clock."""
    with pytest.raises(Failed, match="^capacity: not within 15 minutes: 0 of 1 instances launched$"):
        acquire(Account({"a": [LAUNCHED], "b": [LAUNCHING]}), monkeypatch)

    assert capacity.ASK_MINUTES * 60 == clock.time
