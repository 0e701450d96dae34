"""What may be made, by tables; the table of claims is asked of the API server too (tests/e2e/test_platform.py)."""

from typing import Any

import pytest

from mig import guardrail
from mig.admission import binding, policy
from mig.guardrail import violations
from mig.manifest import build
from mig.plan import draw
from mig.spec import RunSpec

Manifest = dict[str, Any]
MIG = 'device.attributes["gpu.nvidia.com"]'


def request(**more: Any) -> Manifest:
    """One slice, as our own claims ask for it, but for what is given."""
    return {"name": "slice", "exactly": {"deviceClassName": "mig-1g.5gb.nvidia.com", **more}}


def choosing(expression: str, device_class: str = "mig-1g.5gb.nvidia.com") -> Manifest:
    """A request that chooses by CEL."""
    return request(deviceClassName=device_class, selectors=[{"cel": {"expression": expression}}])


def alternatives() -> Manifest:
    """A request that would also take a whole GPU."""
    return {
        "name": "slice",
        "firstAvailable": [{"name": "whole", "deviceClassName": "gpu.nvidia.com"}],
    }


def claim(*requests: Manifest) -> Manifest:
    """A ResourceClaim."""
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"generateName": "claim-", "namespace": "default"},
        "spec": {"devices": {"requests": list(requests)}},
    }


def template(*requests: Manifest) -> Manifest:
    """A ResourceClaimTemplate."""
    return {**claim(*requests), "kind": "ResourceClaimTemplate", "spec": {"spec": claim(*requests)["spec"]}}


ALLOWED = [
    pytest.param(request(), id="a class of a profile"),
    pytest.param(request(deviceClassName="mig-small.nvidia.com"), id="a class of a size"),
    pytest.param(request(allocationMode="ExactCount", count=3), id="three slices"),
    pytest.param(choosing(f'{MIG}.profile == "1g.5gb"'), id="the canonical selector"),
    pytest.param(choosing("device.attributes['gpu.nvidia.com'].profile == '1g.5gb+me'"), id="in single quotes"),
]
REFUSED = [
    pytest.param(request(deviceClassName="gpu.nvidia.com"), guardrail.CLASS, id="a whole GPU"),
    pytest.param(request(deviceClassName="mig.nvidia.com"), guardrail.CLASS, id="any slice, no selector"),
    pytest.param(choosing(f'{MIG}.profile == "1g.5gb"', "mig.nvidia.com"), guardrail.CLASS, id="any slice, chosen"),
    pytest.param(choosing(f'{MIG}.profile != "7g.40gb"'), guardrail.CHOICE, id="all but one profile"),
    pytest.param(choosing("device.attributes['gpu.nvidia.com'].profile != '7g.40gb'"), guardrail.CHOICE, id="quoted"),
    pytest.param(choosing(f'{MIG}.profile == "1g.5gb" || true'), guardrail.CHOICE, id="an alternative in CEL"),
    pytest.param(choosing(f'!({MIG}.profile == "1g.5gb")'), guardrail.CHOICE, id="a negation"),
    pytest.param(choosing(f'{MIG}.type == "gpu"'), guardrail.CHOICE, id="another attribute"),
    pytest.param(choosing(f'{MIG}.profile == "8g.80gb"'), guardrail.CHOICE, id="a profile that there is not"),
    pytest.param(alternatives(), guardrail.ALTERNATIVES, id="firstAvailable"),
    pytest.param(request(allocationMode="All"), guardrail.ALL, id="all devices"),
    pytest.param(request(adminAccess=True), guardrail.ADMIN, id="devices that others hold"),
]


@pytest.mark.parametrize("wanted", ALLOWED)
@pytest.mark.parametrize("kind", [claim, template])
def test_allowed(wanted: Manifest, kind: Any) -> None:
    """Who asks for slices by their class gets no complaint."""
    assert () == violations(kind(wanted))


@pytest.mark.parametrize(("wanted", "sentence"), REFUSED)
@pytest.mark.parametrize("kind", [claim, template])
def test_refused(wanted: Manifest, sentence: str, kind: Any) -> None:
    """Every way around a slice is named, also behind a request that is right."""
    (violation,) = violations(kind(request(), wanted))

    assert violation.startswith(f"request slice {sentence}")


def test_no_class() -> None:
    """A claim that names no class asks for anything."""
    assert ("request slice must name a class of MIG slices, and names none",) == violations(
        claim({"name": "slice", "exactly": {"count": 1}})
    )


def test_fewer_classes() -> None:
    """Who allows less than all of ours names it."""
    big = claim(request(deviceClassName="mig-7g.40gb.nvidia.com"))

    assert () == violations(big)
    assert 1 == len(violations(big, classes=["mig-small.nvidia.com"]))


def test_our_own_runs() -> None:
    """Nothing that a run applies breaks the rule."""
    workload = {"name": "a", "kind": "train", "model": "mlp", "slice": "small"}
    spec = RunSpec.model_validate(
        {"name": "demo", "instance_types": ["p4d.24xlarge"], "max_hours": 1, "workloads": [workload]}
    )
    made = build(spec, draw(spec, "r1"), bucket="b", data="s3://b/d", sources={})

    assert [] == [violation for manifest in made for violation in violations(manifest)]


GROUP: Manifest = {
    "kind": "aws:eks/nodeGroup:NodeGroup",
    "instanceTypes": ["p4d.24xlarge"],
    "taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}],
    "tags": {"mig-pipeline:run": "r1", "mig-pipeline:lease": "2026-11-23T20:00:00Z"},
    "scalingConfig": {"minSize": 0, "maxSize": 3, "desiredSize": 0},
    "launchTemplate": {"id": "lt-1", "version": "1"},
}
TEMPLATE: Manifest = {
    "kind": "aws:ec2/launchTemplate:LaunchTemplate",
    "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
}
CLUSTER: Manifest = {"kind": "aws:eks/cluster:Cluster"}
BLOCK: Manifest = {
    "kind": "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "blockPublicAcls": True, "blockPublicPolicy": True, "ignorePublicAcls": True, "restrictPublicBuckets": True,
}  # fmt: skip


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(GROUP, id="a GPU group as ours are"),
        pytest.param({"kind": GROUP["kind"], "instanceTypes": ["m6i.large"]}, id="system nodes need none of it"),
        pytest.param(TEMPLATE, id="a launch template with IMDSv2"),
        pytest.param({**CLUSTER, "vpcConfig": {"endpointPublicAccess": False}}, id="no public endpoint"),
        pytest.param({**CLUSTER, "vpcConfig": {"publicAccessCidrs": ["192.0.2.0/24"]}}, id="one with a list"),
        pytest.param({"kind": "aws:s3/bucket:Bucket", "bucket": "b"}, id="a bucket"),
        pytest.param(BLOCK, id="a bucket without public access"),
        pytest.param({"kind": "ConfigMap", "data": {}}, id="what no rule is about"),
    ],
)
def test_account_allowed(manifest: Manifest) -> None:
    """What is as it must be is let through."""
    assert () == violations(manifest)


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        pytest.param({**GROUP, "taints": []}, "need the taint", id="GPU nodes without their taint"),
        pytest.param(
            {**GROUP, "taints": [{"key": "nvidia.com/gpu", "effect": "PREFER_NO_SCHEDULE"}]},
            "need the taint",
            id="a taint that keeps nobody away",
        ),
        pytest.param({**GROUP, "tags": {"mig-pipeline:run": "r1"}}, "mig-pipeline:lease", id="without a lease"),
        pytest.param({**GROUP, "scalingConfig": {"maxSize": 51}}, "may grow to 50", id="too many of them"),
        pytest.param(
            {**GROUP, "launchTemplate": None}, "need a launch template", id="without a template, hence IMDSv1 too"
        ),
        pytest.param(
            {**GROUP, "instanceTypes": None, "amiType": "AL2023_x86_64_NVIDIA", "taints": None},
            "need the taint",
            id="GPU nodes that only their image shows",
        ),
        pytest.param({**TEMPLATE, "metadataOptions": {"httpTokens": "optional"}}, "IMDSv2", id="IMDSv1"),
        pytest.param(
            {**TEMPLATE, "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2}},
            "hop limit",
            id="credentials within a pod's reach",
        ),
        pytest.param(CLUSTER, "public endpoint", id="EKS's default, an endpoint for everybody"),
        pytest.param(
            {**CLUSTER, "vpcConfig": {"publicAccessCidrs": ["192.0.2.0/24", "0.0.0.0/0"]}},
            "public endpoint",
            id="a list with everybody on it",
        ),
        pytest.param({"kind": "aws:s3/bucket:Bucket", "acl": "public-read"}, "private", id="a public bucket"),
        pytest.param({**BLOCK, "blockPublicPolicy": False}, "blockPublicPolicy must be", id="half a block"),
    ],
)
def test_account_refused(manifest: Manifest, words: str) -> None:
    """Each rule of the account says what is wrong."""
    (violation,) = violations(manifest)

    assert words in violation


def test_admission_policy_is_bound() -> None:
    """The binding names the policy, and denies."""
    assert policy()["metadata"]["name"] == binding()["spec"]["policyName"]
    assert ["Deny"] == binding()["spec"]["validationActions"]
