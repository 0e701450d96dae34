"""The policy pack asks the rule about what the engine shows it; the engine itself is tried in tests/e2e."""

from typing import Any

import pytest
from pulumi_policy import PolicyCustomTimeouts, PolicyResourceOptions, ResourceValidationArgs
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from infra.guardrail import policy
from tests.mig.test_guardrail import GROUP, claim, request

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
    policy().validate(args, lambda message, _: said.append(message))
    return said


@pytest.mark.parametrize(
    ("token", "props", "sentences"),
    [
        pytest.param("aws:eks/nodeGroup:NodeGroup", GROUP, 0, id="a GPU group as ours are"),
        pytest.param("aws:eks/nodeGroup:NodeGroup", {**GROUP, "taints": []}, 1, id="one without its taint"),
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
