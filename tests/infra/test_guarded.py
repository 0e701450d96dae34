"""The rule on GPU nodes, asked by the real Pulumi engine of what a program declares: refused, and nothing is made."""

import pytest

from infra import stacks
from infra.backend import Backend
from infra.gpu_nodes import GpuNodesArgs, program
from infra.guardrail import guarded
from infra.stacks import Program
from mig.errors import Failed
from rehearsal.aws.account import REGION
from rehearsal.aws.cloud import Cloud
from tests.infra.attempt import NAME, groups, quiet, templates

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:aws\\.:DeprecationWarning"),  # importing pulumi_aws.ec2 warns of itself
    # What the SDK leaves behind complains when it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def open_template() -> None:
    """Instances whose credentials any pod can take."""
    from pulumi_aws import ec2

    ec2.LaunchTemplate("open", name="gpu-open", metadata_options={"http_tokens": "optional"})


def refused(backend: Backend, declared: Program, *, most_nodes: int) -> str:
    """What becomes of raising it."""
    with guarded(backend, most_nodes=most_nodes) as judged, pytest.raises(Failed) as failed:
        stacks.raise_stack(judged, NAME, declared, region=REGION, tell=quiet)
    return str(failed.value)


def test_a_template_without_imdsv2(backend: Backend, cloud: Cloud) -> None:
    """It never comes to be."""
    sentence = "capacity: LaunchTemplate open: instances must require IMDSv2 with a hop limit of 1"

    assert refused(backend, open_template, most_nodes=1).startswith(sentence)
    assert [] == templates(cloud)


def test_a_group_beyond_the_plan(backend: Backend, cloud: Cloud, args: GpuNodesArgs) -> None:
    """One that could grow to more nodes than were planned and priced never comes to be; as planned, it does."""
    sentence = "capacity: NodeGroup gpu-demo-1: a group may grow to 0 GPU nodes, and this one to 1"

    assert sentence == refused(backend, program(args), most_nodes=0)
    assert [] == groups(cloud)

    with guarded(backend, most_nodes=1) as judged:
        stacks.raise_stack(judged, NAME, program(args), region=REGION, tell=quiet)
    assert ["gpu-demo-1"] == groups(cloud)
