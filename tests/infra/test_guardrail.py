"""The policy pack asks the rule about what the engine shows it; the engine itself is tried in tests/e2e."""

from dataclasses import replace
from typing import Any

import pytest
from pulumi_policy import PolicyCustomTimeouts, PolicyResourceOptions, ResourceValidationArgs
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from infra import cluster, gpu_nodes
from infra.guardrail import policy
from infra.stacks import Program
from mig.guardrail import violations
from tests.infra import test_cluster, test_gpu_nodes
from tests.infra.conftest import recorded
from tests.mig.test_guardrail import GROUP, claim, request

pytestmark = pytest.mark.filterwarnings("ignore:aws\\.:DeprecationWarning")  # importing pulumi_aws.ec2 warns of itself

OPTIONS = PolicyResourceOptions(
    protect=False,
    ignore_changes=[],
    delete_before_replace=None,
    aliases=[],
    additional_secret_outputs=[],
    custom_timeouts=PolicyCustomTimeouts(0, 0, 0),
)


def reported(token: str, props: dict[str, Any]) -> list[str]:
    """What the pack says of a resource, as a preview shows it."""
    said: list[str] = []
    shown = unknown_checking_proxy(props)
    args = ResourceValidationArgs(token, shown, "urn:pulumi:s::p::t::n", "n", OPTIONS, None)
    policy(most_nodes=3).validate(args, lambda message, _: said.append(message))
    return said


@pytest.mark.parametrize(
    ("token", "props", "sentences"),
    [
        pytest.param("aws:eks/nodeGroup:NodeGroup", GROUP, 0, id="a GPU group as ours are"),
        pytest.param("aws:eks/nodeGroup:NodeGroup", {**GROUP, "taints": []}, 1, id="one without its taint"),
        pytest.param(
            "aws:eks/nodeGroup:NodeGroup",
            {**GROUP, "scalingConfig": {"maxSize": 4}},
            1,
            id="more than the plan's nodes",
        ),
        pytest.param(
            "aws:eks/nodeGroup:NodeGroup",
            {**GROUP, "taints": [], "subnetIds": UNKNOWN_STRING_VALUE, "launchTemplate": {"id": UNKNOWN_STRING_VALUE}},
            1,
            id="what no rule looks at need not be known yet",
        ),
        pytest.param("kubernetes:resource.k8s.io/v1:ResourceClaim", claim(request()), 0, id="a claim for a slice"),
        pytest.param(
            "kubernetes:resource.k8s.io/v1:ResourceClaim",
            claim(request(deviceClassName="gpu.nvidia.com")),
            1,
            id="a claim for a whole GPU",
        ),
    ],
)
def test_pack(token: str, props: dict[str, Any], sentences: int) -> None:
    """It is the rule's answer, whose kind the engine gives by the resource's type."""
    kindless = {name: value for name, value in props.items() if name != "kind"}

    assert sentences == len(reported(token, kindless))


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(gpu_nodes.program(test_gpu_nodes.ARGS), id="GPU nodes"),
        pytest.param(cluster.program(test_cluster.ARGS), id="a cluster that nobody reaches from outside"),
        pytest.param(
            cluster.program(replace(test_cluster.ARGS, reached_from=("192.0.2.0/24",))), id="one that some reach"
        ),
    ],
)
def test_programs_of_ours(program: Program) -> None:
    """What we declare in an account keeps the rule, so that the pack can be mandatory."""
    declared = recorded(program).declared

    assert [] == [said for kind, each in declared.items() for one in each for said in violations(one, kind=kind)]
    assert {"aws:ec2/launchTemplate:LaunchTemplate", "aws:eks/cluster:Cluster"} & declared.keys()


def test_a_cluster_for_everybody() -> None:
    """An endpoint that the whole internet reaches is named."""
    declared = recorded(cluster.program(replace(test_cluster.ARGS, reached_from=("0.0.0.0/0",)))).declared
    (made,) = declared["aws:eks/cluster:Cluster"]

    assert 1 == len(violations(made, kind="aws:eks/cluster:Cluster"))
