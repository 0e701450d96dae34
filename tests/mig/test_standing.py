"""What stands costs so much an hour, used or not."""

import pytest

from mig.standing import price, told

CLUSTER, NAT, ROLE = "aws:eks/cluster:Cluster", "aws:ec2/natGateway:NatGateway", "aws:iam/role:Role"
GROUP = "aws:eks/nodeGroup:NodeGroup"


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([ROLE, ROLE], 0, id="a role is free"),
        pytest.param([CLUSTER, NAT, ROLE], 0.145, id="what is billed by the hour"),
        pytest.param([NAT, NAT], 0.09, id="each of several"),
        pytest.param([CLUSTER, GROUP], 0.1 + 2 * (0.096 + 50 * 0.08 / 730), id="system nodes with their disks"),
    ],
)
def test_price(kinds: list[str], expected: float) -> None:
    """The hour is the sum of what AWS bills by the hour."""
    assert pytest.approx(expected) == price(kinds).usd_per_hour


def test_it_is_told_beside_the_gpu_nodes() -> None:
    """Who reads sees how little, or how much, standing costs beside what the run costs; and of when the prices are."""
    *lines, last = told(price([CLUSTER]), region="us-east-1", gpu_usd_per_hour=20)

    assert ["1 x EKS control plane: $0.100 an hour"] == lines
    assert last.startswith("standing: $0.10 an hour, $73 a month, 0.5% of the $20.00 an hour of the planned GPU")
    assert "list prices of us-east-1, 2026-11-23; traffic" in last


def test_another_region_is_said_to_differ() -> None:
    """No price is passed off as another region's."""
    assert "; eu-west-1 will differ" in told(price([]), region="eu-west-1", gpu_usd_per_hour=None)[-1]
